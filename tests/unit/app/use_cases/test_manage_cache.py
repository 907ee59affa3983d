import json
import secrets
from unittest.mock import create_autospec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundations.adapters.memory import MemoryCacheBackend, forget_store
from foundations.app.use_cases.manage_cache import (
    CacheListing,
    CacheStatistics,
    EntryDescription,
    FailedRemoval,
    RemovalReport,
    RemovedEntry,
    SizeClass,
    clear,
    collect,
    compute_statistics,
    list_entries,
)
from foundations.errors import StorageUnavailableError
from foundations.ports.cache import CacheBackend, CacheEntry

NOW = 1_000_000.0
DAY = 86_400.0


def entry(key, size=100, unused=0.0, age=None):
    return CacheEntry(key, size, NOW - (unused if age is None else age), NOW - unused)


def cache_of(*entries, gone=(), broken=(), about=None):
    """Return a double of a cache that holds entries, some of which are gone, or cannot be removed, when asked for."""

    def delete(key):
        if key in broken:
            raise broken[key]
        return key not in gone

    cache = create_autospec(CacheBackend, instance=True)
    cache.entries.side_effect = lambda: iter(entries)
    cache.delete.side_effect = delete
    cache.get_metadata.side_effect = lambda key: (about or {}).get(key, b"")
    return cache


def deleted(cache):
    return [call.args[0] for call in cache.delete.call_args_list]


@pytest.fixture
def memory():
    store = f"testing-{secrets.token_hex(8)}"
    yield MemoryCacheBackend(store)
    forget_store(store)


# -- statistics -------------------------------------------------------------------------------------------------------


def test_an_empty_cache_has_no_times_and_no_largest_entry(memory):
    sizes = (
        SizeClass(0, 10**3, 0, 0),
        SizeClass(10**3, 10**6, 0, 0),
        SizeClass(10**6, 10**9, 0, 0),
        SizeClass(10**9, None, 0, 0),
    )
    assert CacheStatistics(0, 0, None, None, None, None, None, sizes) == compute_statistics(memory)


def test_statistics_tell_number_size_times_and_the_largest():
    cache = cache_of(
        entry("a", 999, unused=1, age=9), entry("b", 2 * 10**9, unused=2, age=7), entry("c", 1000, unused=5, age=8)
    )
    expected = CacheStatistics(
        entries=3,
        size=2 * 10**9 + 1999,
        oldest_creation=NOW - 9,
        newest_creation=NOW - 7,
        oldest_use=NOW - 5,
        newest_use=NOW - 1,
        largest=entry("b", 2 * 10**9, unused=2, age=7),
        sizes=(
            SizeClass(0, 10**3, 1, 999),
            SizeClass(10**3, 10**6, 1, 1000),
            SizeClass(10**6, 10**9, 0, 0),
            SizeClass(10**9, None, 1, 2 * 10**9),
        ),
    )
    assert expected == compute_statistics(cache)


def test_statistics_are_those_of_what_was_put(memory):
    memory.put("small", [b"x"])
    memory.put("large", [b"x" * 5000])
    found = compute_statistics(memory)
    assert (2, "large") == (found.entries, found.largest.key)
    assert sum(entry.size for entry in memory.entries()) == found.size


@pytest.mark.parametrize(
    "use", [compute_statistics, list_entries, clear, lambda cache: collect(cache, max_size=0, older_than=0, now=NOW)]
)
def test_a_cache_that_is_refused_is_not_listed(use):
    cache = cache_of(entry("a"))
    cache.check.side_effect = StorageUnavailableError("/x is no directory")
    with pytest.raises(StorageUnavailableError, match="/x is no directory"):
        use(cache)
    cache.entries.assert_not_called()
    cache.delete.assert_not_called()


# -- listing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "expected"), [("size", ["b", "c", "a"]), ("used", ["a", "b", "c"]), ("created", ["c", "a", "b"])]
)
def test_entries_are_listed_in_the_order_that_was_asked_for(order, expected):
    cache = cache_of(entry("c", 2, unused=3, age=3), entry("a", 1, unused=1, age=4), entry("b", 3, unused=2, age=5))
    assert expected == [found.key for found in list_entries(cache, order).entries]


def test_entries_of_one_rank_are_listed_by_key():
    cache = cache_of(entry("b"), entry("a"), entry("c"))
    assert ["a", "b", "c"] == [found.key for found in list_entries(cache).entries]


def test_a_limit_holds_for_the_list_and_not_for_the_totals():
    cache = cache_of(*(entry(f"{number}", size=number) for number in range(1, 6)))
    found = list_entries(cache, "size", 2)
    assert (["5", "4"], 5, 15) == ([entry.key for entry in found.entries], found.total_entries, found.total_size)
    assert 2 == cache.get_metadata.call_count


def test_an_entry_is_listed_with_what_its_job_has_put_beside_it(memory):
    known = {"stage": "train", "job": "train-1", "created_at": 5.0, "seconds": 12, "more": [1]}
    memory.put("key", [b"value"], json.dumps(known).encode())
    (before,) = memory.entries()
    expected = CacheListing((EntryDescription(*before, stage="train", job="train-1", seconds=12.0),), 1, before.size)
    assert expected == list_entries(memory)
    assert [before] == list(memory.entries())


@pytest.mark.parametrize(
    "about",
    [
        None,
        b"",
        b"{",
        b"\xff",
        b"[1]",
        b"null",
        b"[" * 100_000,
        b'{"stage": 1, "job": null, "seconds": "12"}',
        b'{"seconds": -1}',
        b'{"seconds": true}',
        b'{"seconds": NaN}',
        b'{"seconds": 1e999}',
        b'{"seconds": ' + b"9" * 5000 + b"}",
        StorageUnavailableError("cannot be read"),
        RuntimeError("an adapter's own"),
    ],
    ids=lambda about: repr(about)[:40],
)
def test_an_entry_of_which_nothing_is_known_is_listed_with_blanks(about):
    cache = cache_of(entry("a"))
    cache.get_metadata.side_effect = [about]
    assert (EntryDescription(*entry("a"), stage=None, job=None, seconds=None),) == list_entries(cache).entries


# -- collecting -------------------------------------------------------------------------------------------------------


def test_what_has_not_been_used_for_long_goes():
    cache = cache_of(entry("new", unused=DAY - 1), entry("old", unused=DAY), entry("older", unused=9 * DAY))
    expected = RemovalReport(
        removed=(
            RemovedEntry(*entry("older", unused=9 * DAY), why="unused"),
            RemovedEntry(*entry("old", unused=DAY), why="unused"),
        ),
        removed_size=200,
        failed=(),
        left_entries=1,
        left_size=100,
    )
    assert expected == collect(cache, max_size=None, older_than=DAY, now=NOW)
    assert ["older", "old"] == deleted(cache)


def test_the_least_recently_used_go_until_the_rest_fits():
    cache = cache_of(*(entry(f"{days}", unused=days * DAY) for days in (3, 1, 4, 2)))
    found = collect(cache, max_size=250, older_than=None, now=NOW)
    assert [("4", "size"), ("3", "size")] == [(entry.key, entry.why) for entry in found.removed]
    assert (2, 200) == (found.left_entries, found.left_size)


def test_what_is_unused_goes_first_and_counts_for_the_size():
    cache = cache_of(*(entry(f"{days}", unused=days * DAY) for days in range(5)))
    found = collect(cache, max_size=200, older_than=4 * DAY, now=NOW)
    assert [("4", "unused"), ("3", "size"), ("2", "size")] == [(entry.key, entry.why) for entry in found.removed]


def test_what_fits_and_is_new_stays():
    cache = cache_of(entry("a"), entry("b", unused=DAY))
    assert RemovalReport((), 0, (), 2, 200) == collect(cache, max_size=200, older_than=2 * DAY, now=NOW)
    assert [] == deleted(cache)


def test_an_entry_that_was_used_in_the_future_is_not_old():
    cache = cache_of(entry("a", unused=-DAY))
    assert () == collect(cache, max_size=None, older_than=0, now=NOW).removed


def test_a_dry_run_tells_the_same_and_removes_nothing(memory):
    for number in range(5):
        memory.put(f"{number}", [b"x" * 100])
    before = sorted(memory.entries())
    half = sum(entry.size for entry in before) // 2
    foretold = collect(memory, max_size=half, older_than=None, now=NOW, dry_run=True)
    assert before == sorted(memory.entries())
    assert foretold == collect(memory, max_size=half, older_than=None, now=NOW)
    assert foretold.left_entries == len(list(memory.entries())) > 0


def test_an_entry_that_somebody_else_has_removed_is_not_told_and_makes_room():
    cache = cache_of(*(entry(f"{days}", unused=days * DAY) for days in (3, 2, 1)), gone={"3"})
    found = collect(cache, max_size=200, older_than=None, now=NOW)
    assert RemovalReport((), 0, (), 2, 200) == found


def test_an_entry_that_cannot_be_removed_is_told_and_the_next_goes_for_it():
    cannot = {"3": StorageUnavailableError("cannot delete /x/3"), "2": RuntimeError("an adapter's own")}
    cache = cache_of(*(entry(f"{days}", unused=days * DAY) for days in (4, 3, 2, 1)), broken=cannot)
    found = collect(cache, max_size=200, older_than=None, now=NOW)
    failed = (FailedRemoval("3", "cannot delete /x/3"), FailedRemoval("2", "RuntimeError: an adapter's own"))
    assert (["4", "1"], failed, 2) == ([entry.key for entry in found.removed], found.failed, found.left_entries)


entries = st.lists(
    st.builds(
        lambda key, size, age, unused: CacheEntry(f"{key}", size, NOW - max(age, unused), NOW - unused),
        st.integers(0, 10**6),
        st.integers(0, 50),
        st.integers(-3, 20),
        st.integers(-3, 20),
    ),
    unique_by=lambda entry: entry.key,
    max_size=12,
)


@given(
    entries, st.none() | st.integers(0, 300), st.none() | st.integers(0, 20), st.sets(st.integers(0, 11)), st.booleans()
)
def test_the_rest_fits_and_nothing_goes_that_need_not(held, max_size, older_than, gone, dry_run):
    vanished = {held[place].key for place in gone if place < len(held)} if not dry_run else set()
    cache = cache_of(*held, gone=vanished)
    found = collect(cache, max_size=max_size, older_than=older_than, now=NOW, dry_run=dry_run)
    removed = {entry.key for entry in found.removed}
    left = [entry for entry in held if entry.key not in removed | (vanished & set(deleted(cache)))]
    assert (len(left), sum(entry.size for entry in left)) == (found.left_entries, found.left_size)
    assert max_size is None or found.left_size <= max_size
    assert older_than is None or all(NOW - entry.last_used_at < older_than for entry in left)
    times = [entry.last_used_at for entry in found.removed]
    assert sorted(times) == times
    assert max(times, default=0.0) <= min((entry.last_used_at for entry in left), default=NOW + DAY)
    for gone_entry in found.removed:
        if gone_entry.why == "size":
            assert size_before(gone_entry.key, cache, found, held) > max_size
        else:
            assert NOW - gone_entry.last_used_at >= older_than
    assert [] == deleted(cache) if dry_run else removed <= set(deleted(cache))


def size_before(key, cache, found, held):
    """Return the bytes of all entries when it came to this one."""
    asked = deleted(cache) or [entry.key for entry in found.removed]
    sizes = {entry.key: entry.size for entry in held}
    return found.left_size + sum(sizes[later] for later in asked[asked.index(key) :])


# -- clearing ---------------------------------------------------------------------------------------------------------


def test_clearing_removes_everything(memory):
    for number in range(3):
        memory.put(f"{number}", [b"x" * 100])
    held = list(memory.entries())
    found = clear(memory)
    assert (
        RemovalReport(
            tuple(RemovedEntry(*entry, why="all") for entry in held), sum(entry.size for entry in held), (), 0, 0
        )
        == found
    )
    assert [] == list(memory.entries())


def test_clearing_goes_on_after_an_entry_that_cannot_be_removed():
    cache = cache_of(entry("a"), entry("b"), entry("c"), broken={"b": StorageUnavailableError("no")})
    found = clear(cache)
    assert (["a", "c"], (FailedRemoval("b", "no"),), 1, 100) == (
        [entry.key for entry in found.removed],
        found.failed,
        found.left_entries,
        found.left_size,
    )
