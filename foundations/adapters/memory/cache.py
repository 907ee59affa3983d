"""A cache in memory, for tests."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import attrs

from foundations import events
from foundations.adapters._shared.rules import check_cache_key
from foundations.adapters.memory.stores import InStore, MemoryLease, StoredValue
from foundations.ports.cache import CacheBackend, CachedValue, CacheEntry, Lease
from foundations.ports.frames import Buffer

_STALE_AFTER = 60.0  # seconds


@attrs.frozen
class MemoryCacheBackend(InStore, CacheBackend):
    """Stores values in this process, for tests: a job in another process cannot see them.

    Args:
        store: The name of the store; adapters of the same name share their content.
    """

    def get(self, key: str) -> CachedValue | None:
        """See :meth:`CacheBackend.get`; the buffers are copied."""
        check_cache_key(key)
        with self._store.lock:
            value = self._store.values.get(key)
            if value is None:
                return None
            self._store.last_used[key] = max(time.time(), value.created_at)
        return CachedValue(value.metadata, [bytearray(buffer) for buffer in value.buffers])

    def get_metadata(self, key: str) -> bytes | None:
        """See :meth:`CacheBackend.get_metadata`."""
        check_cache_key(key)
        with self._store.lock:
            value = self._store.values.get(key)
        return None if value is None else value.metadata

    def put(self, key: str, value: Sequence[Buffer], metadata: bytes = b"", *, if_absent: bool = False) -> bool:
        """See :meth:`CacheBackend.put`; the buffers are copied."""
        check_cache_key(key)
        stored = StoredValue(tuple(bytes(buffer) for buffer in value), bytes(metadata), time.time())
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
                    size=len(value.metadata) + sum(map(len, value.buffers)),
                    created_at=value.created_at,
                    last_used_at=self._store.last_used[key],
                )
                for key, value in self._store.values.items()
            ]
        yield from found

    def set_aside(self, key: str, reason: str) -> None:
        """See :meth:`CacheBackend.set_aside`; of each key the store keeps the last."""
        check_cache_key(key)
        with self._store.lock:
            value = self._store.values.pop(key, None)
            if value is None:
                return
            self._store.last_used.pop(key)
            self._store.aside[key] = (value, reason)
        events.warning("cache_entry_damaged", key=key, reason=reason, store=self.store)

    def lease(self, key: str) -> Lease | None:
        """See :meth:`CacheBackend.lease`; taken over only when it is not renewed: no thread's end is noticed."""
        check_cache_key(key)
        with self._store.lock:
            held = self._store.leases.get(key)
            if held is not None and time.monotonic() - held.renewed_at <= _STALE_AFTER:
                return None
            self._store.leases[key] = made = MemoryLease(self._store, key)
        return made
