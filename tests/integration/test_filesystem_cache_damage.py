"""What disks, full or broken, and other releases' Pythons make of entries."""

import errno
import itertools
import os
import sys

import pytest

from foundations import events
from foundations.adapters.filesystem import LocalFileSystemCacheBackend
from foundations.adapters.filesystem.cache import compression, file_format, reading, small_entries
from foundations.errors import ConfigurationError, StorageUnavailableError
from foundations.ports.cache import CachedValue

SMALL = [b"a pickle", b"", b"an array", b"a text " * 1_000]
LARGE = [b"a pickle", b"an array" * 75_000, b"", b"another" * 100_000]
BULK = LARGE[1][:64]


@pytest.fixture
def logged(monkeypatch):
    logged_events = []
    for level in ("warning", "info"):
        monkeypatch.setattr(events, level, lambda event, **keys: logged_events.append({"event": event, **keys}))
    return logged_events


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


def caches(root):
    return {
        "default": LocalFileSystemCacheBackend(root),
        "full": LocalFileSystemCacheBackend(root, verify="full"),
        "compressing": LocalFileSystemCacheBackend(root, compress="zstd"),
    }


def entry_file(cache):
    return cache.root / "cache" / "key"


def got(cache):
    value = cache.get("key")
    return None if value is None else (value.metadata, [bytes(frame) for frame in value.frames])


def flipped(content, position):
    damaged = bytearray(content)
    damaged[position] ^= 1 << (position % 8)
    return bytes(damaged)


def without(monkeypatch, library):
    """Have a library not be installed, as in a job's own Python."""
    monkeypatch.setitem(sys.modules, library, None)
    forget()


def forget():
    for known in (compression._library, file_format._digester, file_format._default_algorithm):
        known.cache_clear()


@pytest.fixture(autouse=True)
def nothing_known():
    forget()
    yield
    forget()


# -- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written_by", ["default", "compressing"])
def test_a_flip_of_any_byte_of_a_small_entry_is_a_miss_that_is_reported_and_set_aside(root, logged, written_by):
    cache = caches(root)[written_by]
    value = SMALL if written_by == "compressing" else SMALL[:3]
    cache.put("key", value, b"known")
    good = entry_file(cache).read_bytes()
    for position in range(len(good)):
        entry_file(cache).write_bytes(flipped(good, position))
        assert got(cache) is None, position
        assert not entry_file(cache).exists()
    assert len(good) == len(logged) == len(list((root / "damaged").iterdir()))
    assert {"cache_entry_damaged"} == {event["event"] for event in logged}
    assert cache.put("key", value, b"known", if_absent=True) is True
    assert (b"known", value) == got(cache)


@pytest.mark.parametrize("written_by", ["default", "compressing"])
def test_a_truncation_of_a_small_entry_to_any_length_is_a_miss(root, logged, written_by):
    cache = caches(root)[written_by]
    cache.put("key", SMALL if written_by == "compressing" else SMALL[:3], b"known")
    good = entry_file(cache).read_bytes()
    for length in range(len(good)):
        entry_file(cache).write_bytes(good[:length])
        assert got(cache) is None, length
        entry_file(cache).write_bytes(good[:length])
        assert cache.get_metadata("key") is None, length
    assert 2 * len(good) == len(logged)


@pytest.mark.parametrize("read_by", ["default", "full"])
def test_a_flip_of_any_byte_of_a_large_entrys_structure_is_a_miss(root, logged, read_by):
    cache = caches(root)[read_by]
    cache.put("key", LARGE, b"known")
    good = entry_file(cache).read_bytes()
    structure = good.index(b"a pickle") + len(b"a pickle")
    assert structure < good.index(BULK)
    for position in range(structure):
        entry_file(cache).write_bytes(flipped(good, position))
        assert got(cache) is None, position
    assert structure == len(logged)


@pytest.mark.parametrize("read_by", ["default", "full", "compressing"])
def test_a_large_entry_that_is_shorter_or_longer_is_a_miss(root, logged, read_by):
    cache = caches(root)[read_by]
    caches(root)["default"].put("key", LARGE, b"known")
    good = entry_file(cache).read_bytes()
    lengths = [*range(300), 1 << 20, (1 << 20) + 1, len(good) - 1]
    for content in [*(good[:length] for length in lengths), good + b"\0"]:
        entry_file(cache).write_bytes(content)
        assert got(cache) is None, len(content)
    assert len(lengths) + 1 == len(logged)
    assert f"it has {len(good) + 1} bytes, and was written with {len(good)}" == logged[-1]["reason"]


def test_a_flip_in_the_bulk_of_a_large_entry_is_found_where_everything_is_verified(root, logged):
    cache = caches(root)["full"]
    cache.put("key", LARGE, b"known")
    good = entry_file(cache).read_bytes()
    for position in (good.index(BULK) - 1, good.index(BULK), 500_000, len(good) - 1):
        entry_file(cache).write_bytes(flipped(good, position))
        assert got(cache) is None, position
    assert ["it is not as it was written"] * 4 == [event["reason"] for event in logged]


def test_the_bulk_of_a_large_entry_is_as_good_as_the_disk_by_default(root, logged):
    cache = caches(root)["default"]
    cache.put("key", LARGE, b"known")
    good = entry_file(cache).read_bytes()
    first = good.index(BULK)
    entry_file(cache).write_bytes(flipped(good, first + 500_000))
    assert (b"known", [LARGE[0], flipped(LARGE[1], 500_000), *LARGE[2:]]) == got(cache)
    assert [] == logged


def test_a_flip_anywhere_in_a_large_entry_that_is_compressed_is_a_miss(root, logged):
    value = [b"a pickle", os.urandom(1_500_000), b"text" * 1000]
    caches(root)["compressing"].put("key", value, b"known")
    cache = caches(root)["default"]
    assert (b"known", value) == got(cache)
    good = entry_file(cache).read_bytes()
    assert len(good) > 1 << 20
    positions = [*range(0, len(good), len(good) // 40), len(good) - 1]
    for position in positions:
        entry_file(cache).write_bytes(flipped(good, position))
        assert got(cache) is None, position
    assert len(positions) == len(logged)


def test_a_frame_that_does_not_decompress_to_its_length_is_a_miss(root, logged, monkeypatch):
    packed = [*compression.compress_frame(memoryview(SMALL[3]))]
    for length, content in ((len(SMALL[3]) + 1, packed), (len(SMALL[3]) - 1, packed), (9, [b"no such format"])):
        monkeypatch.setattr("foundations.adapters.filesystem.cache.writing.compress_frame", lambda view, of=content: of)
        cache = caches(root)["compressing"]
        cache.put("key", [b"x" * max(length, compression.MIN_COMPRESSED)])
        assert got(cache) is None
    assert ["it is not as it was written"] * 3 == [event["reason"] for event in logged]


@pytest.mark.parametrize("value", [SMALL, LARGE])
@pytest.mark.parametrize("name", ["default", "full", "compressing"])
def test_a_system_that_reads_a_few_bytes_at_a_time_changes_nothing(root, monkeypatch, value, name):
    cache = caches(root)[name]
    cache.put("key", value, b"k" * 10_000)
    preadv = os.preadv
    monkeypatch.setattr(
        os, "preadv", lambda descriptor, views, at: preadv(descriptor, [memoryview(views[0])[:7919]], at)
    )
    assert (b"k" * 10_000, value) == got(cache)


@pytest.mark.parametrize("name", ["default", "full"])
@pytest.mark.parametrize("value", [SMALL, LARGE])
def test_a_file_that_becomes_shorter_while_it_is_read_is_a_miss(root, logged, monkeypatch, name, value):
    cache = caches(root)[name]
    cache.put("key", value)
    monkeypatch.setattr(os, "preadv", lambda descriptor, views, at: 0)
    assert got(cache) is None
    assert "it became shorter while it was read" == logged[0]["reason"]


# -- maps -------------------------------------------------------------------------------------------------------------


def test_changing_what_is_mapped_changes_no_entry(root):
    numpy = pytest.importorskip("numpy")
    cache = caches(root)["default"]
    cache.put("key", [b"a pickle", memoryview(numpy.arange(1_000_000)).cast("B")])
    content = entry_file(cache).read_bytes()
    array = numpy.frombuffer(cache.get("key").frames[1], dtype="int64")
    array[:] = 7
    assert [0, True] == [array.ctypes.data % 64, array.flags.writeable]
    assert content == entry_file(cache).read_bytes()
    assert 999_999 == numpy.frombuffer(cache.get("key").frames[1], dtype="int64")[-1]


@pytest.mark.parametrize("why", ["many maps", "no maps"])
def test_what_cannot_be_mapped_is_read(root, monkeypatch, why):
    cache = caches(root)["default"]
    cache.put("key", LARGE, b"known")
    monkeypatch.setattr(reading, "_WITHOUT_DESCRIPTOR", {} if why == "many maps" else {"flags": -1})
    monkeypatch.setattr(reading, "_MAX_MAPS", 0 if why == "many maps" else 1)

    def refused(*arguments, **keywords):
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    monkeypatch.setattr(reading.mmap, "mmap", refused)
    assert (b"known", LARGE) == got(cache)


def test_values_that_are_held_leave_the_user_descriptors(root):
    cache = caches(root)["default"]
    cache.put("key", LARGE)
    before = len(os.listdir("/proc/self/fd"))
    held = [cache.get("key") for _ in range(300)]
    assert len(os.listdir("/proc/self/fd")) < before + 150
    assert 300 == len(held)


# -- settings and libraries -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [SMALL, LARGE, [b"p" * 3_000_000]])
def test_entries_are_readable_whatever_the_settings(root, value):
    for writer, reader in itertools.product(caches(root).values(), caches(root).values()):
        writer.put("key", value, b"known")
        assert (b"known", value, b"known") == (*got(reader), reader.get_metadata("key"))


def test_compression_takes_less_room(root):
    for cache in (caches(root)["default"], caches(root)["compressing"]):
        cache.put("key", LARGE)
    assert [True] == [entry.size < sum(map(len, LARGE)) / 50 for entry in cache.entries()]


def test_compression_without_its_library_is_a_configuration_error(root, monkeypatch):
    made = caches(root)["compressing"]
    without(monkeypatch, "zstandard")
    for call in (lambda: caches(root), lambda: made.put("key", LARGE)):
        with pytest.raises(ConfigurationError, match=r"pip install 'foundations-sdk\[zstd\]'"):
            call()
    assert [] == list(made.entries())


def test_a_compressed_entry_is_a_miss_without_the_library_and_stays(root, logged, monkeypatch):
    caches(root)["compressing"].put("key", LARGE, b"known")
    cache = caches(root)["default"]
    without(monkeypatch, "zstandard")
    assert (None, b"known") == (got(cache), cache.get_metadata("key"))
    assert ["cache_entry_not_readable_here"] == [event["event"] for event in logged]
    assert "pip install 'foundations-sdk[zstd]'" in logged[0]["reason"]
    monkeypatch.undo()
    forget()
    assert (b"known", LARGE) == got(cache)


@pytest.mark.parametrize("value", [SMALL, LARGE])
@pytest.mark.parametrize("name", ["default", "full", "compressing"])
def test_a_python_without_xxhash_writes_what_everybody_reads_and_reads_its_own(root, logged, monkeypatch, value, name):
    cache = caches(root)[name]
    cache.put("key", value)
    without(monkeypatch, "xxhash")
    assert got(cache) is None
    assert ["cache_entry_not_readable_here"] == [event["event"] for event in logged]
    assert entry_file(cache).exists()
    cache.put("key", value, b"known")
    assert (b"known", value) == got(cache)
    monkeypatch.undo()
    forget()
    assert (b"known", value) == got(cache)


# -- refusing disks ---------------------------------------------------------------------------------------------------

STEPS = ("open", "writev", "fstat", "fsync", "replace", "link", "lseek", "close", "lstat", "mkdir")


class Refusing:
    """Refuses the step of a number, from 0, of those that this package asks the system for."""

    def __init__(self, monkeypatch, at, number):
        self.count = 0
        for name in STEPS:
            monkeypatch.setattr(os, name, self.patched(getattr(os, name), name, at, number))

    def patched(self, original, name, at, number):
        def call(*arguments, **keywords):
            step, self.count = self.count, self.count + 1
            if step != at:
                return original(*arguments, **keywords)
            if name == "writev":  # a part gets through
                os.write(arguments[0], b"a part")
            if name == "close":
                original(*arguments, **keywords)
            raise OSError(number, os.strerror(number))

        return call


def outcome_of(call):
    """Return what `call` returns, or of its refusal the reason and whether it says where."""
    try:
        return call()
    except StorageUnavailableError as error:
        return [error.__cause__.strerror, error.path in str(error)]


@pytest.mark.parametrize("code", ["ENOSPC", "EIO", "EDQUOT", "EROFS", "EACCES", "ESTALE"])
@pytest.mark.parametrize("value", [SMALL[:3], SMALL, LARGE], ids=["shared", "small", "large"])
@pytest.mark.parametrize(
    ("name", "old", "if_absent"),
    [("default", True, False), ("default", False, False), ("default", False, True), ("compressing", True, False)],
)
@pytest.mark.parametrize("begins_a_file", [True, False])
def test_a_disk_that_refuses_any_step_is_unavailable_and_leaves_old_or_new(
    root, monkeypatch, code, value, name, old, if_absent, begins_a_file
):
    number = getattr(errno, code)
    for at in itertools.count():
        cache = caches(root)[name]
        cache.delete("key")
        if old:
            cache.put("key", [b"old"])
        else:
            root.exists() or cache.put("other", [b""])
        if begins_a_file:
            small_entries._last_file.clear()
        with monkeypatch.context() as patched:
            refusing = Refusing(patched, at, number)
            refusal = outcome_of(lambda: cache.put("key", value, if_absent=if_absent))  # noqa: B023
            seen = refusing.count
        found = got(cache)
        assert found in ([(b"", [b"old"])] if old else [None]) + [(b"", value)], at
        assert refusal in (True, [os.strerror(number), True]), at
        assert [] == list(root.rglob(".tmp-*")), at
        if at >= seen:
            break
    assert at > 2
    assert (b"", value) == found


def test_what_was_put_is_a_cached_value(root):
    cache = caches(root)["default"]
    cache.put("key", SMALL, b"known")
    assert CachedValue(b"known", SMALL) == cache.get("key")
