"""The "disk" of the in-memory adapters: named stores that exist as long as the process."""

from __future__ import annotations

import threading
import time
from typing import ClassVar

import attrs

from foundations.ports.archive_listing import JobRecord
from foundations.ports.cache import Lease
from foundations.ports.job import JobEnd


@attrs.frozen
class StoredValue:
    """A cache entry: its buffers, its metadata, and when it was made."""

    buffers: tuple[bytes, ...]
    metadata: bytes
    created_at: float


@attrs.frozen
class StoredItem:
    """An archive item: its content, and the digest that it was stored with."""

    data: bytes
    digest: str | None = None


@attrs.define
class MemoryJob:
    """A job that runs, or has run, in a thread: its end record, and an event that is set once that is there."""

    end: JobEnd | None = None
    ended: threading.Event = attrs.field(factory=threading.Event, repr=False)


@attrs.define(eq=False)
class MemoryLease(Lease):
    """A lease of a cache's key, held as long as the store has it under the key.

    Attributes:
        store: The store.
        key: The key.
        renewed_at: When it was last renewed, in seconds of the monotonic clock.
    """

    store: MemoryStore = attrs.field(repr=False)
    key: str
    renewed_at: float = attrs.field(factory=time.monotonic)

    def renew(self) -> None:
        """See :meth:`Lease.renew`."""
        self.renewed_at = time.monotonic()

    def release(self) -> None:
        """See :meth:`Lease.release`."""
        with self.store.lock:
            if self.store.leases.get(self.key) is self:
                del self.store.leases[self.key]


@attrs.define
class MemoryStore:
    """What the adapters of one store name share.

    Attributes:
        lock: Held by every operation.
        values: The cache, by key.
        aside: What was taken out of use, and why, by key.
        leases: Who computes a value of the cache, by key.
        last_used: When each entry of the cache was used, seconds since the epoch.
        items: The archive, by job and item name.
        records: The listing, by job name.
        bundles: The members of each bundle, by job name.
        jobs: The execution environment, by job name.
    """

    lock: threading.RLock = attrs.field(factory=threading.RLock, repr=False)
    values: dict[str, StoredValue] = attrs.field(factory=dict)
    aside: dict[str, tuple[StoredValue, str]] = attrs.field(factory=dict)
    leases: dict[str, MemoryLease] = attrs.field(factory=dict)
    last_used: dict[str, float] = attrs.field(factory=dict)
    items: dict[str, dict[str, StoredItem]] = attrs.field(factory=dict)
    records: dict[str, JobRecord] = attrs.field(factory=dict)
    bundles: dict[str, dict[str, bytes]] = attrs.field(factory=dict)
    jobs: dict[str, MemoryJob] = attrs.field(factory=dict)


_stores: dict[str, MemoryStore] = {}
_lock = threading.Lock()


def memory_store(name: str) -> MemoryStore:
    """Return the store of this name, the same to everybody in this process."""
    with _lock:
        return _stores.setdefault(name, MemoryStore())


@attrs.frozen
class InStore:
    """What the adapters have in common: each uses a store by its name.

    Attributes:
        store: The name of the store.
    """

    in_this_process_only: ClassVar[bool] = True

    store: str = "default"

    @property
    def _store(self) -> MemoryStore:
        return memory_store(self.store)


def forget_store(name: str) -> None:
    """Forget all that the store of this name holds; nothing where there is none."""
    with _lock:
        _stores.pop(name, None)
