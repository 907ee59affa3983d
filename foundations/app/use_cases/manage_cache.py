"""Look after a cache: count and list its entries, and remove some of them while jobs run."""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Iterator
from typing import Literal

import attrs

from foundations.errors import FoundationsError
from foundations.ports.cache import CacheBackend, CacheEntry

Order = Literal["size", "used", "created"]
RemovalReason = Literal["unused", "size", "all"]

_BOUNDS = (0, 10**3, 10**6, 10**9)
_RANKS: dict[Order, str] = {"size": "size", "used": "last_used_at", "created": "created_at"}


@attrs.frozen
class SizeClass:
    """The entries of similar size.

    Attributes:
        at_least: The fewest bytes of such an entry.
        below: One more than the most bytes of such an entry; None for the largest class.
        entries: How many there are.
        size: The bytes of all of them.
    """

    at_least: int
    below: int | None
    entries: int
    size: int


@attrs.frozen
class CacheStatistics:
    """A cache in numbers; times are seconds since the epoch, and None where there is no entry.

    Attributes:
        entries: How many there are.
        size: The bytes of all of them.
        oldest_creation: When the oldest entry was put.
        newest_creation: When the newest entry was put.
        oldest_use: When the least recently used entry was used.
        newest_use: When the most recently used entry was used.
        largest: The largest entry.
        sizes: The entries by their size, the smallest class first.
    """

    entries: int
    size: int
    oldest_creation: float | None
    newest_creation: float | None
    oldest_use: float | None
    newest_use: float | None
    largest: CacheEntry | None
    sizes: tuple[SizeClass, ...]


@attrs.frozen
class EntryDescription:
    """An entry, and what the job that computed it has stored beside it; None where that is absent or damaged.

    Attributes:
        key: Its content key.
        size: Bytes it occupies.
        created_at: Seconds since the epoch.
        last_used_at: Seconds since the epoch.
        stage: The name of the function that computed it.
        job: The name of the job that computed it.
        seconds: How long the computation took.
    """

    key: str
    size: int
    created_at: float
    last_used_at: float
    stage: str | None
    job: str | None
    seconds: float | None


@attrs.frozen
class CacheListing:
    """Some entries of a cache.

    Attributes:
        entries: The requested entries, in the requested order.
        total_entries: How many entries the cache holds.
        total_size: The bytes of all of them.
    """

    entries: tuple[EntryDescription, ...]
    total_entries: int
    total_size: int


@attrs.frozen
class RemovedEntry:
    """An entry that was removed, or would be.

    Attributes:
        key: Its content key.
        size: Bytes it occupied.
        created_at: Seconds since the epoch.
        last_used_at: Seconds since the epoch.
        why: ``unused``: it was not used for long; ``size``: the cache was too large; ``all``: every entry goes.
    """

    key: str
    size: int
    created_at: float
    last_used_at: float
    why: RemovalReason


@attrs.frozen
class FailedRemoval:
    """An entry that could not be removed, and why not."""

    key: str
    reason: str


@attrs.frozen
class RemovalReport:
    """What a removal did, or would do in a dry run.

    Attributes:
        removed: The removed entries, in the order of their removal; without those that somebody else removed first.
        removed_size: The bytes of these.
        failed: The entries that could not be removed.
        left_entries: How many entries are left, as far as the removal knows.
        left_size: The bytes of these.
    """

    removed: tuple[RemovedEntry, ...]
    removed_size: int
    failed: tuple[FailedRemoval, ...]
    left_entries: int
    left_size: int


def compute_statistics(cache: CacheBackend) -> CacheStatistics:
    """Return a cache in numbers.

    Raises:
        StorageError: It cannot be listed.
        UntrustedLocationError: Somebody else could have written it.
    """
    entries = list(_entries(cache))
    created = [entry.created_at for entry in entries]
    used = [entry.last_used_at for entry in entries]
    return CacheStatistics(
        entries=len(entries),
        size=sum(entry.size for entry in entries),
        oldest_creation=min(created, default=None),
        newest_creation=max(created, default=None),
        oldest_use=min(used, default=None),
        newest_use=max(used, default=None),
        largest=max(entries, key=lambda entry: (entry.size, entry.key), default=None),
        sizes=tuple(_size_classes(entries)),
    )


def list_entries(cache: CacheBackend, order: Order = "used", limit: int | None = None) -> CacheListing:
    """Return the first entries of a cache in some order, with a description of each. Listing does not use an entry.

    Args:
        cache: The cache.
        order: By ``size``, the largest first; by last use (``used``) or creation (``created``), the latest first.
        limit: How many entries to return at most; all by default.

    Raises:
        StorageError: The cache cannot be listed.
        UntrustedLocationError: Somebody else could have written it.
    """
    rank = _RANKS[order]

    def position(entry: CacheEntry) -> tuple[float, str]:
        return -getattr(entry, rank), entry.key

    entries = list(_entries(cache))
    first = heapq.nsmallest(len(entries) if limit is None else limit, entries, key=position)
    descriptions = tuple(_describe(cache, entry) for entry in first)
    return CacheListing(descriptions, len(entries), sum(entry.size for entry in entries))


def collect(
    cache: CacheBackend, *, max_size: int | None, older_than: float | None, now: float, dry_run: bool = False
) -> RemovalReport:
    """Remove the entries not used for long, then the least recently used ones until the rest fits.

    Jobs may run meanwhile: a value that a job has read stays whole; an entry that a job puts stays; an entry that a job
    uses during the removal may go all the same, and is computed again. An entry that cannot be removed is named in the
    report, and the next one is removed instead.

    Args:
        cache: The cache.
        max_size: Bytes that all entries together may occupy; None for any number.
        older_than: Seconds since its last use after which an entry goes; None for never.
        now: Seconds since the epoch.
        dry_run: Remove nothing; return what would be removed.

    Raises:
        StorageError: The cache cannot be listed.
        UntrustedLocationError: Somebody else could have written it.
    """
    entries = sorted(_entries(cache), key=lambda entry: (entry.last_used_at, entry.created_at, entry.key))
    sweep = _Sweep(cache, entries, dry_run=dry_run)
    for entry in entries:
        if older_than is not None and now - entry.last_used_at >= older_than:
            sweep.remove(entry, "unused")
        elif max_size is not None and sweep.left_size > max_size:
            sweep.remove(entry, "size")
        else:
            break
    return sweep.report()


def clear(cache: CacheBackend) -> RemovalReport:
    """Remove every entry of a cache, but for those that jobs put meanwhile. See :func:`collect`."""
    entries = list(_entries(cache))
    sweep = _Sweep(cache, entries, dry_run=False)
    for entry in entries:
        sweep.remove(entry, "all")
    return sweep.report()


class _Sweep:
    """Removes entries one by one, and counts them."""

    def __init__(self, cache: CacheBackend, entries: list[CacheEntry], *, dry_run: bool) -> None:
        self._cache = cache
        self._dry_run = dry_run
        self._removed: list[RemovedEntry] = []
        self._failed: list[FailedRemoval] = []
        self.left_entries = len(entries)
        self.left_size = sum(entry.size for entry in entries)

    def remove(self, entry: CacheEntry, why: RemovalReason) -> None:
        try:
            was_there = self._dry_run or self._cache.delete(entry.key)
        except Exception as error:  # of whatever adapter: the others can go
            reason = str(error) if isinstance(error, FoundationsError) else f"{type(error).__name__}: {error}"
            self._failed.append(FailedRemoval(entry.key, reason))
            return
        self.left_entries -= 1
        self.left_size -= entry.size
        if was_there:
            self._removed.append(RemovedEntry(*entry, why))

    def report(self) -> RemovalReport:
        freed = sum(entry.size for entry in self._removed)
        return RemovalReport(tuple(self._removed), freed, tuple(self._failed), self.left_entries, self.left_size)


def _entries(cache: CacheBackend) -> Iterator[CacheEntry]:
    cache.check()
    yield from cache.entries()


def _size_classes(entries: list[CacheEntry]) -> Iterator[SizeClass]:
    for at_least, below in zip(_BOUNDS, (*_BOUNDS[1:], None), strict=True):
        sizes = [entry.size for entry in entries if at_least <= entry.size and (below is None or entry.size < below)]
        yield SizeClass(at_least, below, len(sizes), sum(sizes))


def _describe(cache: CacheBackend, entry: CacheEntry) -> EntryDescription:
    try:
        about = cache.get_metadata(entry.key) or b"{}"
        summary = json.loads(about.partition(b"\n")[0], parse_int=float)  # the recipe is on the next line
    except Exception:  # gone, unreadable or no JSON; it took its room when it was listed
        summary = {}
    summary = summary if isinstance(summary, dict) else {}
    stage, job, seconds = (summary.get(name) for name in ("stage", "job", "seconds"))
    return EntryDescription(
        *entry,
        stage=stage if isinstance(stage, str) else None,
        job=job if isinstance(job, str) else None,
        seconds=seconds if isinstance(seconds, float) and math.isfinite(seconds) and seconds >= 0 else None,
    )
