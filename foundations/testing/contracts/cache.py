"""The contract of every cache."""

from __future__ import annotations

import os
import time

import pytest

from foundations.ports.cache import CacheBackend, CachedValue
from foundations.ports.frames import Buffer
from foundations.testing.contracts.cache_leases import CacheLeaseContract
from foundations.testing.contracts.callers import in_threads, in_threads_and_processes

_ROUNDS = 40
_CLOCK_TOLERANCE = 2.0  # seconds by which a store's clock and resolution may differ from ours
_LARGE = 2_000_000  # bytes; an adapter may map such buffers


class CacheBackendContract(CacheLeaseContract):
    """Proves a :class:`~foundations.ports.cache.CacheBackend`; subclasses give the fixture ``cache``."""

    def test_it_is_a_cache_backend(self, cache: CacheBackend) -> None:
        assert isinstance(cache, CacheBackend)

    def test_checking_an_empty_store_raises_nothing_and_stores_nothing(self, cache: CacheBackend) -> None:
        cache.check()
        assert [] == list(cache.entries())

    def test_a_key_that_was_never_put_is_a_miss(self, cache: CacheBackend) -> None:
        assert cache.get("absent") is None

    @pytest.mark.parametrize(
        "value",
        [
            [],
            [b""],
            [b"one"],
            [b"", b"two", b"", b"x" * 100_000],
            [bytes(range(256))] * 70,
            [b"a"] * 2_000,
            [bytearray(b"mutable"), memoryview(b"a view")],
            [b"pickle", b"l" * _LARGE, b"", b"small", b"m" * _LARGE],
            [b"p" * _LARGE],
        ],
        ids=[
            *("no buffers", "an empty one", "one", "several", "seventy", "two thousand", "of every type"),
            *("large and small ones", "a large one"),
        ],
    )
    def test_the_buffers_come_back_in_number_order_and_content(self, cache: CacheBackend, value: list[Buffer]) -> None:
        assert cache.put("key", value) is True
        assert [bytes(buffer) for buffer in value] == _get(cache, "key")

    def test_a_view_of_wide_items_comes_back_as_its_bytes(self, cache: CacheBackend) -> None:
        cache.put("key", [memoryview(bytes(range(16))).cast("I")])
        assert [bytes(range(16))] == _get(cache, "key")

    def test_a_stored_value_does_not_change_with_the_buffer_it_was_put_from(self, cache: CacheBackend) -> None:
        buffer = bytearray(b"as it was")
        cache.put("key", [buffer])
        buffer[:] = b"something"
        assert [b"as it was"] == _get(cache, "key")

    @pytest.mark.parametrize("metadata", [b"", b"{}", bytes(range(256)), b"a" * 20_000])
    @pytest.mark.parametrize("length", [10, _LARGE])
    def test_metadata_is_stored_with_the_value(self, cache: CacheBackend, metadata: bytes, length: int) -> None:
        value = [b"pickle", b"x" * length]
        cache.put("key", value, metadata)
        found = cache.get("key")
        assert found is not None
        frames = [bytes(frame) for frame in found.frames]
        assert (metadata, metadata, value) == (cache.get_metadata("key"), found.metadata, frames)

    def test_a_missing_value_has_no_metadata(self, cache: CacheBackend) -> None:
        assert cache.get_metadata("absent") is None
        cache.put("key", [b"value"], b"known")
        cache.delete("key")
        assert cache.get_metadata("key") is None

    def test_metadata_is_replaced_with_the_value(self, cache: CacheBackend) -> None:
        cache.put("key", [b"old"], b"of the old")
        cache.put("key", [b"new"])
        assert b"" == cache.get_metadata("key")

    def test_reading_metadata_does_not_renew_the_last_use(self, cache: CacheBackend) -> None:
        cache.put("key", [b"value"], b"known")
        (before,) = cache.entries()
        cache.get_metadata("key")
        (after,) = cache.entries()
        assert before == after

    @pytest.mark.parametrize("length", [10, _LARGE])
    def test_changing_what_was_returned_changes_no_entry_and_nobody_elses_value(
        self, cache: CacheBackend, length: int
    ) -> None:
        value = [b"pickle", b"x" * length, b"y" * length]
        cache.put("key", value)
        first, second = cache.get("key"), cache.get("key")
        for frame in _frames(first):
            frame[:] = b"z" * frame.nbytes
        assert value == [bytes(frame) for frame in _frames(second)]
        assert value == _get(cache, "key")

    @pytest.mark.parametrize("length", [10, _LARGE])
    def test_a_value_that_was_returned_outlasts_its_entry(self, cache: CacheBackend, length: int) -> None:
        value = [b"pickle", b"x" * length]
        cache.put("key", value)
        found = cache.get("key")
        cache.put("key", [b"other", b"y" * length])
        again = cache.get("key")
        cache.delete("key")
        assert value == [bytes(frame) for frame in _frames(found)]
        assert [b"other", b"y" * length] == [bytes(frame) for frame in _frames(again)]

    def test_putting_again_replaces_the_value(self, cache: CacheBackend) -> None:
        cache.put("key", [b"old", b"older"])
        assert cache.put("key", [b"new"]) is True
        assert [b"new"] == _get(cache, "key")

    def test_putting_if_absent_stores_under_a_new_key(self, cache: CacheBackend) -> None:
        assert cache.put("key", [b"first"], if_absent=True) is True
        assert [b"first"] == _get(cache, "key")

    def test_putting_if_absent_leaves_an_entry_that_is_there(self, cache: CacheBackend) -> None:
        cache.put("key", [b"first"])
        assert cache.put("key", [b"second"], if_absent=True) is False
        assert [b"first"] == _get(cache, "key")

    def test_a_deleted_key_is_a_miss_and_can_be_put_if_absent(self, cache: CacheBackend) -> None:
        cache.put("key", [b"value"])
        assert cache.delete("key") is True
        assert cache.get("key") is None
        assert cache.put("key", [b"again"], if_absent=True) is True

    def test_deleting_a_missing_key_returns_false(self, cache: CacheBackend) -> None:
        assert cache.delete("absent") is False
        cache.put("other", [b"value"])
        assert cache.delete("absent") is False

    @pytest.mark.parametrize("key", ["a", "0", "_", "-", "A.b_c-9", "k" * 200, "0" * 64])
    def test_every_allowed_key_works(self, cache: CacheBackend, key: str) -> None:
        cache.put(key, [key.encode()])
        assert [key.encode()] == _get(cache, key)
        assert [key] == [entry.key for entry in cache.entries()]

    @pytest.mark.parametrize("key", ["", ".", "..", ".hidden", "a/b", "../a", "a b", "a\n", "é", "a\0", "k" * 201])
    def test_every_other_key_is_a_value_error_everywhere(self, cache: CacheBackend, key: str) -> None:
        with pytest.raises(ValueError, match="key"):
            cache.get(key)
        with pytest.raises(ValueError, match="key"):
            cache.put(key, [b"value"])
        with pytest.raises(ValueError, match="key"):
            cache.delete(key)
        with pytest.raises(ValueError, match="key"):
            cache.get_metadata(key)
        with pytest.raises(ValueError, match="key"):
            cache.set_aside(key, "damaged")
        if type(cache).lease is not CacheBackend.lease:
            with pytest.raises(ValueError, match="key"):
                cache.lease(key)
        assert [] == list(cache.entries())

    def test_entries_are_enumerated_with_their_sizes_and_times(self, cache: CacheBackend) -> None:
        before = time.time()
        cache.put("small", [b"x"])
        cache.put("large", [os.urandom(50_000), os.urandom(50_000)])
        entries = {entry.key: entry for entry in cache.entries()}
        assert {"small", "large"} == set(entries)
        assert entries["small"].size < 10_000 < 100_000 <= entries["large"].size
        for entry in entries.values():
            assert before - _CLOCK_TOLERANCE <= entry.created_at <= time.time() + _CLOCK_TOLERANCE
            assert entry.created_at <= entry.last_used_at

    def test_using_an_entry_renews_its_last_use_and_not_its_creation(self, cache: CacheBackend) -> None:
        cache.put("key", [b"value"])
        (before,) = cache.entries()
        cache.get("key")
        (after,) = cache.entries()
        assert before.created_at == after.created_at
        assert before.last_used_at <= after.last_used_at

    def test_entries_may_be_deleted_while_they_are_enumerated(self, cache: CacheBackend) -> None:
        for number in range(20):
            cache.put(f"key-{number}", [b"value"])
        for entry in cache.entries():
            cache.delete(entry.key)
        assert [] == list(cache.entries())

    def test_an_entry_that_is_set_aside_is_a_miss_and_can_be_put_again(self, cache: CacheBackend) -> None:
        cache.put("key", [b"damaged"], b"known")
        cache.put("other", [b"good"])
        cache.set_aside("key", "its pickle cannot be loaded")
        assert (None, None) == (cache.get("key"), cache.get_metadata("key"))
        assert ["other"] == [entry.key for entry in cache.entries()]
        assert cache.put("key", [b"again"], if_absent=True) is True
        assert [b"again"] == _get(cache, "key")

    def test_setting_aside_what_is_not_there_does_nothing(self, cache: CacheBackend) -> None:
        cache.set_aside("absent", "damaged")
        cache.put("other", [b"good"])
        cache.set_aside("absent", "damaged")
        assert [b"good"] == _get(cache, "other")

    @pytest.mark.parametrize(("rounds", "step"), [(_ROUNDS, 5_000), (6, 500_000)], ids=["small", "large"])
    def test_a_reader_sees_a_whole_value_or_none_whatever_writers_do(
        self, cache: CacheBackend, rounds: int, step: int
    ) -> None:
        torn = in_threads_and_processes(_write_and_read, cache, [(number, rounds, step) for number in range(4)])
        assert [0, 0, 0, 0] == torn

    def test_of_several_threads_that_put_if_absent_exactly_one_wins(self, cache: CacheBackend) -> None:
        for number in range(_ROUNDS):
            key = f"key-{number}"
            won = in_threads(_put_if_absent, [(cache, [key], caller) for caller in range(4)])
            assert sorted(won) == [[False]] * 3 + [[True]]
            assert [[f"{won.index([True])}".encode()] * 2] == [_get(cache, key)]

    def test_of_several_processes_that_put_if_absent_exactly_one_wins(self, cache: CacheBackend) -> None:
        keys = [f"key-{number}" for number in range(_ROUNDS)]
        won = in_threads_and_processes(_put_if_absent, cache, [(keys, caller) for caller in range(4)])
        assert [sum(of_key) for of_key in zip(*won, strict=True)] == [1] * _ROUNDS


def _get(cache: CacheBackend, key: str) -> list[bytes] | None:
    value = cache.get(key)
    return None if value is None else [bytes(buffer) for buffer in value.frames]


def _frames(value: CachedValue | None) -> list[memoryview]:
    assert value is not None
    return [memoryview(frame).cast("B") for frame in value.frames]


def _write_and_read(cache: CacheBackend, caller: int, rounds: int, step: int) -> int:
    """Write and read one key repeatedly; return the number of values that no writer has written."""
    torn = 0
    for number in range(rounds):
        content = bytes([caller]) * (1 + number * step)
        size = str(len(content)).encode()
        cache.put("contended", [size, content], size)
        if number % 10 == 9:
            cache.delete("contended")
        torn += not _is_whole(cache.get("contended"))
    return torn


def _is_whole(value: CachedValue | None) -> bool:
    if value is None:
        return True
    length, content = (bytes(buffer) for buffer in value.frames)
    return value.metadata == length and int(length) == len(content) and content == content[:1] * len(content)


def _put_if_absent(cache: CacheBackend, keys: list[str], caller: int) -> list[bool]:
    mark = f"{caller}".encode()
    return [cache.put(key, [mark, mark], if_absent=True) for key in keys]
