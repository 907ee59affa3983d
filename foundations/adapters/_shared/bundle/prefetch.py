"""Prefetching: a thread produces the items of an iterator while the caller works on earlier ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import queue
    import threading

_T = TypeVar("_T")
_CAPACITY = 4


@contextmanager
def prefetch(items: Iterable[_T]) -> Iterator[Iterator[_T]]:
    """Yield an iterator over `items`, of which a thread fetches a few in advance.

    An exception of `items` is raised where the iterator reaches it. The thread has ended when the block is left.
    """
    import queue
    import threading

    fetched: queue.Queue[tuple[bool, Any]] = queue.Queue(_CAPACITY)
    stop = threading.Event()
    thread = threading.Thread(target=_fetch, args=(items, fetched, stop), name="foundations-prefetch", daemon=True)
    thread.start()
    try:
        yield _iterate(fetched)
    finally:
        stop.set()
        while thread.is_alive():  # it may wait until the queue has room
            try:
                fetched.get(timeout=0.05)
            except queue.Empty:
                continue
        thread.join()


def _fetch(items: Iterable[_T], fetched: queue.Queue[tuple[bool, Any]], stop: threading.Event) -> None:
    """Put each item into the queue as ``(True, item)``, then ``(False, None)`` or ``(False, exception)``."""
    try:
        for item in items:
            fetched.put((True, item))
            if stop.is_set():
                return
        fetched.put((False, None))
    except BaseException as error:
        fetched.put((False, error))


def _iterate(fetched: queue.Queue[tuple[bool, Any]]) -> Iterator[Any]:
    while True:
        is_item, item = fetched.get()
        if is_item:
            yield item
        elif item is None:
            return
        else:
            raise item
