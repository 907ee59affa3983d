"""The cache: remembers stage results by content key; may forget, may never lie."""

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
    """What was put under a key.

    Attributes:
        about: What is known of the value, as it was put beside it; small.
        frames: A pickle of protocol 5, and what it kept out of band: writable memory that only the caller has.
    """

    about: bytes
    frames: Sequence[Buffer]


class Lease(ABC):
    """The right to compute the value of a key while others wait for it; lost with the process that holds it.

    Attributes:
        overtaken: Whether the last holder has died, or shown no sign of life, instead of releasing it.
    """

    __slots__ = ()
    overtaken: bool = False

    @abstractmethod
    def renew(self) -> None:
        """Show that the holder is alive; called every few seconds while it computes."""

    @abstractmethod
    def release(self) -> None:
        """Give the lease back; a second time does nothing."""


class CacheBackend(Store):
    """Stores values by content key.

    A value is a sequence of buffers (a pickle of protocol 5 and what it kept out of band), so that a large array is
    neither copied nor concatenated. A key is 1 to 200 characters of ``[0-9A-Za-z._-]`` that does not begin with a dot.

    Promises, each tested by :class:`foundations.testing.CacheBackendContract`:

    - A reader sees a whole value or none: under concurrent writers, and under a writer killed at any instruction.
    - A damaged entry is a miss, reported in the log and set aside; never an exception, never a wrong value. An adapter
      that maps large out-of-band buffers instead of reading them may leave these unchecked, where it documents it.
    - The buffers come back in number, order and content as they were put, and are the caller's own: changing them
      changes no entry.
    - Of several callers that ask for the lease of a key, one at a time holds it; that of a dead holder is free again.
      Optional: an adapter without leases has several jobs compute what they need at the same time.
    - What cannot be stored or read raises :class:`~foundations.errors.StorageUnavailableError`.
    """

    __slots__ = ()

    @abstractmethod
    def get(self, key: str) -> CachedValue | None:
        """Return the value under `key`, or None where there is none; using it renews its last use."""

    @abstractmethod
    def about(self, key: str) -> bytes | None:
        """Return what is known of the value under `key`, or None where there is none; this is no use of it."""

    @abstractmethod
    def put(self, key: str, value: Sequence[Buffer], about: bytes = b"", *, if_absent: bool = False) -> bool:
        """Store `value` under `key` with what is known `about` it, replacing what was there, and return True.

        With `if_absent` an entry that is there stays and False is returned; of several concurrent callers exactly
        one gets True.
        """

    @abstractmethod
    def delete(self, key: str) -> bool:
        """Forget `key`; return whether there was an entry."""

    @abstractmethod
    def entries(self) -> Iterator[CacheEntry]:
        """Iterate over the entries in no particular order; one that vanishes meanwhile may be left out."""

    def set_aside(self, key: str, reason: str) -> None:
        """Take the entry of `key` out of use because of `reason`, for a person to look at where the adapter keeps it.

        Nothing happens where there is none.
        """
        self.delete(key)

    def lease(self, key: str) -> Lease | None:
        """Return the lease of `key`, or None where somebody else holds it and shows signs of life.

        A holder that has died, or has not renewed its lease for a minute, is overtaken.
        """
        return _Unshared()


class _Unshared(Lease):
    """What a cache without leases gives to everybody."""

    __slots__ = ()

    def renew(self) -> None:
        """Nobody waits."""

    def release(self) -> None:
        """Nobody waits."""
