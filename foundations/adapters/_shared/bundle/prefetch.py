"""Prefetching: a thread produces the items of an iterator while the caller works on earlier ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

_T = TypeVar("_T")
_CAPACITY = 4


@contextmanager
def prefetch(items: Iterable[_T]) -> Iterator[Iterator[_T]]:
    """Yield an iterator over `items`, of which a thread fetches a few in advance.

    An exception of `items` is raised where the iterator reaches it. The thread has ended when the block is left.
    """
    from concurrent.futures import ThreadPoolExecutor

    source: Iterator[Any] = iter(items)
    end = object()
    with ThreadPoolExecutor(1, "foundations-prefetch") as pool:
        fetched = deque(pool.submit(next, source, end) for _ in range(_CAPACITY))

        def iterate() -> Iterator[Any]:
            while (item := fetched.popleft().result()) is not end:
                fetched.append(pool.submit(next, source, end))
                yield item

        try:
            yield iterate()
        finally:
            pool.shutdown(cancel_futures=True)
