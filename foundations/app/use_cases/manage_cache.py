"""Looking after a cache: what it holds, what of that may go, and removing it beside jobs that run."""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from foundations.errors import FoundationsError
from foundations.ports.cache import CacheBackend, CacheEntry

Order = Literal["size", "used", "created"]
Why = Literal["unused", "size", "all"]

_BOUNDS = (0, 10**3, 10**6, 10**9)
_RANKS: dict[Order, str] = {"size": "size", "used": "last_used_at", "created": "created_at"}


class SizeClass(NamedTuple):
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


class CacheStatistics(NamedTuple):
    """What a cache holds, as numbers; times are seconds since the epoch, and None where there is no entry.

    Attributes:
        entries: How many there are.
        size: The bytes of all of them.
        oldest_creation: When the oldest was put.
        newest_creation: When the newest was put.
        oldest_use: When the one that has not been used for longest was used.
        newest_use: When any was used last.
        largest: The largest one.
        sizes: How many there are of which size.
    """

    entries: int
    size: int
    oldest_creation: float | None
    newest_creation: float | None
    oldest_use: float | None
    newest_use: float | None
    largest: CacheEntry | None
    sizes: tuple[SizeClass, ...]


class ListedEntry(NamedTuple):
    """One entry, and what the job that computed it has put beside it; None where that is absent or damaged.

    Attributes:
        key: Its content key.
        size: Bytes it occupies.
        created_at: Seconds since the epoch.
        last_used_at: Seconds since the epoch.
        stage: The name of the function that computed it.
        job: The name of the job that did.
        seconds: How long that took.
    """

    key: str
    size: int
    created_at: float
    last_used_at: float
    stage: str | None
    job: str | None
    seconds: float | None


class CacheListing(NamedTuple):
    """Some entries of a cache.

    Attributes:
        entries: Those that were asked for, in the order that was asked for.
        total_entries: How many the cache holds.
        total_size: The bytes of these.
    """

    entries: tuple[ListedEntry, ...]
    total_entries: int
    total_size: int


class RemovedEntry(NamedTuple):
    """An entry that was removed, or would be.

    Attributes:
        key: Its content key.
        size: Bytes it occupied.
        created_at: Seconds since the epoch.
        last_used_at: Seconds since the epoch.
        why: ``unused`` for too long, for the others to fit in ``size``, or since ``all`` go.
    """

    key: str
    size: int
    created_at: float
    last_used_at: float
    why: Why


class NotRemoved(NamedTuple):
    """An entry that could not be removed, and why not."""

    key: str
    reason: str


class Collected(NamedTuple):
    """What a removal did, or would do.

    Attributes:
        removed: The entries that went, in the order of going; none that somebody else removed meanwhile.
        removed_size: The bytes of these.
        failed: The entries that could not be removed.
        left_entries: How many are left, as far as the removal knows.
        left_size: The bytes of these.
    """

    removed: tuple[RemovedEntry, ...]
    removed_size: int
    failed: tuple[NotRemoved, ...]
    left_entries: int
    left_size: int


def statistics(cache: CacheBackend) -> CacheStatistics:
    """Return what a cache holds, as numbers.

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


def listed(cache: CacheBackend, order: Order = "used", limit: int | None = None) -> CacheListing:
    """Return the first entries of a cache in some order, and what is known of each. This is no use of them.

    Args:
        cache: The cache.
        order: By ``size``, the largest first; by last use (``used``) or creation (``created``), the latest first.
        limit: How many entries to return at most; all by default.

    Raises:
        StorageError: The cache cannot be listed.
        UntrustedLocationError: Somebody else could have written it.
    """
    rank = _RANKS[order]

    def place(entry: CacheEntry) -> tuple[float, str]:
        return -getattr(entry, rank), entry.key

    entries = list(_entries(cache))
    first = heapq.nsmallest(len(entries) if limit is None else limit, entries, key=place)
    described = tuple(_described(cache, entry) for entry in first)
    return CacheListing(described, len(entries), sum(entry.size for entry in entries))


def collect(
    cache: CacheBackend, *, max_size: int | None, older_than: float | None, now: float, dry_run: bool = False
) -> Collected:
    """Remove what has not been used for long, then the least recently used until the rest fits.

    Jobs may run meanwhile: a value that one has got stays whole, an entry that is put is not looked at, and one that is
    used after it was looked at may go all the same, to be computed again. An entry that cannot be removed is told in
    the result, and the next one goes for it.

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
    return sweep.done()


def clear(cache: CacheBackend) -> Collected:
    """Remove every entry of a cache; those that jobs put meanwhile may stay. See :func:`collect`."""
    entries = list(_entries(cache))
    sweep = _Sweep(cache, entries, dry_run=False)
    for entry in entries:
        sweep.remove(entry, "all")
    return sweep.done()


class _Sweep:
    """Removes entries one by one, and keeps account of it."""

    def __init__(self, cache: CacheBackend, entries: list[CacheEntry], *, dry_run: bool) -> None:
        self._cache = cache
        self._dry_run = dry_run
        self._removed: list[RemovedEntry] = []
        self._failed: list[NotRemoved] = []
        self.left_entries = len(entries)
        self.left_size = sum(entry.size for entry in entries)

    def remove(self, entry: CacheEntry, why: Why) -> None:
        try:
            was_there = self._dry_run or self._cache.delete(entry.key)
        except Exception as error:  # of whatever adapter: the others can go
            reason = str(error) if isinstance(error, FoundationsError) else f"{type(error).__name__}: {error}"
            self._failed.append(NotRemoved(entry.key, reason))
            return
        self.left_entries -= 1
        self.left_size -= entry.size
        if was_there:
            self._removed.append(RemovedEntry(*entry, why))

    def done(self) -> Collected:
        freed = sum(entry.size for entry in self._removed)
        return Collected(tuple(self._removed), freed, tuple(self._failed), self.left_entries, self.left_size)


def _entries(cache: CacheBackend) -> Iterator[CacheEntry]:
    cache.check()
    yield from cache.entries()


def _size_classes(entries: list[CacheEntry]) -> Iterator[SizeClass]:
    for at_least, below in zip(_BOUNDS, (*_BOUNDS[1:], None), strict=True):
        sizes = [entry.size for entry in entries if at_least <= entry.size and (below is None or entry.size < below)]
        yield SizeClass(at_least, below, len(sizes), sum(sizes))


def _described(cache: CacheBackend, entry: CacheEntry) -> ListedEntry:
    try:
        about = cache.get_metadata(entry.key) or b"{}"
        known = json.loads(about.partition(b"\n")[0], parse_int=float)  # the summary; the recipe follows
    except Exception:  # gone, unreadable, no JSON: it took its room when it was listed
        known = {}
    known = known if isinstance(known, dict) else {}
    return ListedEntry(*entry, _text(known.get("stage")), _text(known.get("job")), _seconds(known.get("seconds")))


def _text(found: Any) -> str | None:
    return found if isinstance(found, str) else None


def _seconds(found: Any) -> float | None:
    return found if isinstance(found, float) and math.isfinite(found) and found >= 0 else None
