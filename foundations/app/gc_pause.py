"""A pause of the garbage collector, which would search large graphs again and again while they are built."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_pauses: list[bool] = []


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the garbage collector inside the block, in all threads; restore its state when the last block ends."""
    with _lock:
        _pauses.append(gc.isenabled() if not _pauses else _pauses[0])
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            if _pauses.pop() and not _pauses:
                gc.enable()
