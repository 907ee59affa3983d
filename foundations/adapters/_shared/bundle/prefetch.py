"""Doing two things at once: an iterator that runs ahead in a thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

_T = TypeVar("_T")
_HELD = 4


@contextmanager
def running_ahead(items: Iterable[_T]) -> Iterator[Iterator[_T]]:
    """Lend an iterator over `items`, which a thread takes a few ahead; what it raises is raised where it is reached.

    The thread has ended when the block is left.
    """
    import queue
    import threading

    held: queue.Queue[tuple[bool, Any]] = queue.Queue(_HELD)
    stop = threading.Event()

    def run() -> None:
        try:
            for item in items:
                held.put((True, item))
                if stop.is_set():
                    return
            held.put((False, None))
        except BaseException as error:
            held.put((False, error))

    def lent() -> Iterator[_T]:
        while True:
            more, item = held.get()
            if not more:
                if item is not None:
                    raise item
                return
            yield item

    thread = threading.Thread(target=run, name="foundations-ahead", daemon=True)
    thread.start()
    try:
        yield lent()
    finally:
        stop.set()
        while thread.is_alive():  # it may wait for room
            try:
                held.get(timeout=0.05)
            except queue.Empty:
                continue
        thread.join()
