"""The cache: remembers stage results by content key; may forget, may never lie."""

from __future__ import annotations

from abc import abstractmethod
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


class CacheBackend(Store):
    """Stores values by content key.

    A value is a sequence of buffers (a pickle of protocol 5 and what it kept out of band), so that a large array is
    neither copied nor concatenated. A key is 1 to 200 characters of ``[0-9A-Za-z._-]`` that does not begin with a dot.

    Promises, each tested by :class:`foundations.testing.CacheBackendContract`:

    - A reader sees a whole value or none: under concurrent writers, and under a writer killed at any instruction.
    - A damaged entry is a miss, reported in the log and set aside; never an exception, never a wrong value.
    - The buffers come back in number, order and content as they were put.
    - What cannot be stored or read raises :class:`~foundations.errors.StorageUnavailableError`.
    """

    __slots__ = ()

    @abstractmethod
    def get(self, key: str) -> Sequence[Buffer] | None:
        """Return the value under `key`, or None where there is none; using it renews its last use."""

    @abstractmethod
    def put(self, key: str, value: Sequence[Buffer], *, if_absent: bool = False) -> bool:
        """Store `value` under `key`, replacing what was there, and return True.

        With `if_absent` an entry that is there stays and False is returned; of several concurrent callers exactly
        one gets True.
        """

    @abstractmethod
    def delete(self, key: str) -> bool:
        """Forget `key`; return whether there was an entry."""

    @abstractmethod
    def entries(self) -> Iterator[CacheEntry]:
        """Iterate over the entries in no particular order; one that vanishes meanwhile may be left out."""
