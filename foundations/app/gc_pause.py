"""Building large graphs without Python looking through them for garbage, again and again, while they grow."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_pauses: list[bool] = []


@contextmanager
def collection_paused() -> Iterator[None]:
    """Have the garbage collector wait while the block runs, in whichever threads; then it is as it was before."""
    with _lock:
        _pauses.append(gc.isenabled() if not _pauses else _pauses[0])
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            if _pauses.pop() and not _pauses:
                gc.enable()
