"""The cache: stores stage results by content key; may forget, must never return a wrong value."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from foundations.ports.frames import Buffer
from foundations.ports.store import Store


class CacheEntry(NamedTuple):
    """One entry as an eviction policy sees it.

    Attributes:
        key: Its content key.
        size: Bytes it occupies.
        created_at: Seconds since the epoch.
        last_used_at: Seconds since the epoch; never earlier than ``created_at``.
    """

    key: str
    size: int
    created_at: float
    last_used_at: float


class CachedValue(NamedTuple):
    """The value of an entry.

    Attributes:
        metadata: What was stored beside the value; small.
        frames: A pickle of protocol 5 and its out-of-band buffers, in writable memory that only the caller has.
    """

    metadata: bytes
    frames: Sequence[Buffer]


class Lease(ABC):
    """The right to compute the value of a key while others wait for it; it ends with the process that holds it.

    Attributes:
        taken_over: Whether the last holder died or showed no sign of life, and so did not release the lease itself.
    """

    __slots__ = ()
    taken_over: bool = False

    @abstractmethod
    def renew(self) -> None:
        """Show that the holder is alive; called every few seconds while it computes."""

    @abstractmethod
    def release(self) -> None:
        """Give the lease back; a second call does nothing."""


class CacheBackend(Store):
    """Stores values by content key.

    A value is a sequence of buffers (a pickle of protocol 5 and its out-of-band buffers), so that a large array is
    neither copied nor concatenated. A key is 1 to 200 characters of ``[0-9A-Za-z._-]`` that does not begin with a dot.

    Promises, each tested by :class:`foundations.testing.CacheBackendContract`:

    - A reader sees a whole value or none: under concurrent writers, and under a writer killed at any instruction.
    - A damaged entry is a miss, reported in the log and set aside; never an exception, never a wrong value. An adapter
      that maps large out-of-band buffers instead of reading them may leave these unverified, where it documents it.
    - The buffers are returned in the number, order and content in which they were put. They belong to the caller:
      changing them changes no entry.
    - Of several callers that request the lease of a key, one at a time holds it; that of a dead holder is free again.
      Leases are optional: with an adapter that has none, several jobs compute the same value at the same time.
    - What cannot be stored or read raises :class:`~foundations.errors.StorageUnavailableError`.
    """

    __slots__ = ()

    @abstractmethod
    def get(self, key: str) -> CachedValue | None:
        """Return the value of `key`, or None where there is none; this renews its last use."""

    @abstractmethod
    def get_metadata(self, key: str) -> bytes | None:
        """Return the metadata of `key`'s value, or None where there is no value; this does not renew its last use."""

    @abstractmethod
    def put(self, key: str, value: Sequence[Buffer], metadata: bytes = b"", *, if_absent: bool = False) -> bool:
        """Store `value` under `key` with its `metadata`, replacing an earlier value, and return True.

        With `if_absent`, an entry that exists stays and False is returned; of several concurrent callers exactly one
        gets True.
        """

    @abstractmethod
    def delete(self, key: str) -> bool:
        """Delete the entry of `key`; return whether there was one."""

    @abstractmethod
    def entries(self) -> Iterator[CacheEntry]:
        """Iterate over the entries in no particular order; one that is deleted meanwhile may be left out."""

    def set_aside(self, key: str, reason: str) -> None:
        """Take the entry of `key` out of use because of `reason`; the adapter may store it elsewhere for inspection.

        Nothing happens where there is none.
        """
        self.delete(key)

    def lease(self, key: str) -> Lease | None:
        """Return the lease of `key`, or None where somebody else holds it and shows signs of life.

        The lease of a holder that has died, or that has not renewed it for a minute, is taken over.
        """
        return _UnsharedLease()


class _UnsharedLease(Lease):
    """The lease that a cache without leases gives to every caller."""

    __slots__ = ()

    def renew(self) -> None:
        """Do nothing: nobody waits."""

    def release(self) -> None:
        """Do nothing: nobody waits."""
