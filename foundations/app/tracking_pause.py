"""A pause in the observation of a stage, for what foundations itself touches; small, since every job loads it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_threads: list[int] = []


@contextmanager
def tracking_paused() -> Iterator[None]:
    """Leave out of the observation what this thread touches inside the block."""
    _threads.append(threading.get_ident())
    try:
        yield
    finally:
        _threads.remove(threading.get_ident())


def is_tracking_paused() -> bool:
    """Return whether this thread is inside such a block."""
    return threading.get_ident() in _threads
