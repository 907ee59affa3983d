"""What foundations itself touches while a stage is watched; apart from the watching, since every job loads this."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_threads: list[int] = []


@contextmanager
def unwatched() -> Iterator[None]:
    """Leave out what this thread of foundations' own touches inside the block."""
    _threads.append(threading.get_ident())
    try:
        yield
    finally:
        _threads.remove(threading.get_ident())


def is_unwatched() -> bool:
    """Tell whether this thread is inside such a block."""
    return threading.get_ident() in _threads
