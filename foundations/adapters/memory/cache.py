"""A cache in memory, for tests."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import ClassVar

import attrs

from foundations.adapters._shared.rules import check_cache_key
from foundations.adapters.memory.stores import MemoryStore, StoredValue, memory_store
from foundations.ports.cache import CacheBackend, CacheEntry
from foundations.ports.frames import Buffer


@attrs.frozen
class MemoryCacheBackend(CacheBackend):
    """Keeps values in this process, for tests: a job in another process cannot see them.

    Args:
        store: The name of the store; adapters given the same name share what they keep.
    """

    in_this_process_only: ClassVar[bool] = True

    store: str = "default"

    def get(self, key: str) -> list[Buffer] | None:
        """See :meth:`CacheBackend.get`."""
        check_cache_key(key)
        with self._store.lock:
            value = self._store.values.get(key)
            if value is None:
                return None
            self._store.last_used[key] = max(time.time(), value.created_at)
        return list(value.buffers)

    def put(self, key: str, value: Sequence[Buffer], *, if_absent: bool = False) -> bool:
        """See :meth:`CacheBackend.put`; the buffers are copied."""
        check_cache_key(key)
        stored = StoredValue(tuple(bytes(buffer) for buffer in value), time.time())
        with self._store.lock:
            if if_absent and key in self._store.values:
                return False
            self._store.values[key] = stored
            self._store.last_used[key] = stored.created_at
        return True

    def delete(self, key: str) -> bool:
        """See :meth:`CacheBackend.delete`."""
        check_cache_key(key)
        with self._store.lock:
            self._store.last_used.pop(key, None)
            return self._store.values.pop(key, None) is not None

    def entries(self) -> Iterator[CacheEntry]:
        """See :meth:`CacheBackend.entries`."""
        with self._store.lock:
            found = [
                CacheEntry(
                    key=key,
                    size=sum(map(len, value.buffers)),
                    created_at=value.created_at,
                    last_used_at=self._store.last_used[key],
                )
                for key, value in self._store.values.items()
            ]
        yield from found

    @property
    def _store(self) -> MemoryStore:
        return memory_store(self.store)
