"""Small entries of a cache share files: of each there is all or nothing, and it goes with its name."""

import errno
import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from foundations import events
from foundations.adapters.filesystem import LocalFileSystemCacheBackend
from foundations.adapters.filesystem.cache import small_entries
from foundations.adapters.filesystem.cache.file_format import MAGIC, MAX_SHARED_FILE
from foundations.errors import StorageUnavailableError

KEYS = [f"key-{number}" for number in range(100)]


@pytest.fixture
def logged(monkeypatch):
    logged_events = []
    for level in ("warning", "debug"):
        monkeypatch.setattr(events, level, lambda event, **keys: logged_events.append({"event": event, **keys}))
    return logged_events


@pytest.fixture
def cache(tmp_path):
    small_entries._last_file.clear()
    return LocalFileSystemCacheBackend(tmp_path / "store")


def put_all(cache, keys=KEYS):
    for key in keys:
        cache.put(key, [key.encode() * 20, b"", b"an array"], b"of " + key.encode())


def got(cache, key):
    value = cache.get(key)
    return None if value is None else (value.metadata, [bytes(frame) for frame in value.frames])


def expected(key):
    return b"of " + key.encode(), [key.encode() * 20, b"", b"an array"]


def path_of(cache, key):
    return cache.root / "cache" / key


def files(cache):
    return {path.stat().st_ino: path.stat() for path in (cache.root / "cache").iterdir()}


def test_many_lie_in_few_files_of_at_most_4_kib_and_each_is_found(cache):
    put_all(cache)
    assert 8 < len(files(cache)) < 15
    assert max(status.st_size for status in files(cache).values()) <= MAX_SHARED_FILE
    assert [expected(key) for key in KEYS] == [got(cache, key) for key in KEYS]
    assert [b"of " + key.encode() for key in KEYS] == [cache.get_metadata(key) for key in KEYS]
    assert sorted(KEYS) == sorted(path.name for path in (cache.root / "cache").iterdir())


def test_another_process_finds_them(cache):
    put_all(cache)
    code = """
import sys
from foundations.adapters.filesystem import LocalFileSystemCacheBackend
cache = LocalFileSystemCacheBackend(sys.argv[1])
print([bytes(cache.get(key).frames[0]) == key.encode() * 20 for key in sys.argv[2:]])
"""
    done = subprocess.run([sys.executable, "-c", code, cache.root, *KEYS], capture_output=True, text=True, check=True)
    assert str([True] * len(KEYS)) == done.stdout.strip()


def test_they_occupy_what_their_files_do(cache):
    put_all(cache)
    occupied = sum(status.st_size for status in files(cache).values())
    assert occupied - len(KEYS) < sum(entry.size for entry in cache.entries()) <= occupied
    first = got(cache, KEYS[0])
    for key in KEYS[1:]:
        assert cache.delete(key)
    assert [(KEYS[0], path_of(cache, KEYS[0]).stat().st_size)] == [(entry.key, entry.size) for entry in cache.entries()]
    assert first == got(cache, KEYS[0])


def test_what_replaces_an_entry_lies_in_another_file(cache):
    put_all(cache, ["a", "b"])
    before = path_of(cache, "a").stat().st_ino
    assert cache.put("a", [b"new"], b"newer") is True
    assert before == path_of(cache, "b").stat().st_ino != path_of(cache, "a").stat().st_ino
    assert [(b"newer", [b"new"]), expected("b")] == [got(cache, key) for key in ("a", "b")]
    assert cache.put("b", [b"new"], if_absent=True) is False
    assert expected("b") == got(cache, "b")
    assert ["a", "b"] == sorted(os.listdir(cache.root / "cache"))


def test_a_key_that_is_the_end_or_the_content_of_another_is_told_apart(cache):
    keys = ["akey", "key", "keykey"]
    for key in keys:
        cache.put(key, [b"".join(other.encode() for other in keys), key.encode()], b"key akey keykey")
    assert 1 == len(files(cache))
    assert [(b"key akey keykey", [b"akeykeykeykey", key.encode()]) for key in keys] == [got(cache, key) for key in keys]


def test_a_value_that_holds_entries_is_itself(cache):
    put_all(cache, ["a", "b", "c"])
    content = path_of(cache, "a").read_bytes()
    assert content.count(MAGIC) == 3
    for begin in range(content.rindex(MAGIC) + 1):
        cache.put("holder", [b"x", content[begin:]])
        assert (b"", [b"x", content[begin:]]) == got(cache, "holder")
        assert 1 == path_of(cache, "holder").stat().st_nlink
        path_of(cache, "holder").rename(path_of(cache, "b"))
        assert got(cache, "b") is None


def test_a_flip_of_any_byte_of_a_shared_file_is_a_miss_or_the_value(cache, logged):
    keys = ["a", "b", "c"]
    put_all(cache, keys)
    good = path_of(cache, "a").read_bytes()
    lost = dict.fromkeys(keys, 0)
    for position in range(len(good)):
        damaged = bytearray(good)
        damaged[position] ^= 1 << (position % 8)
        for key in keys:
            path_of(cache, key).write_bytes(damaged)
            found = got(cache, key)
            lost[key] += found is None
            assert found in (None, expected(key)), (key, position)
    assert all(len(good) // 5 < count < len(good) // 2 for count in lost.values())
    assert sum(lost.values()) == len(logged)


def test_a_truncated_shared_file_is_a_miss_or_the_value(cache, logged):
    put_all(cache, ["a", "b"])
    good = path_of(cache, "a").read_bytes()
    found = []
    for length in range(len(good)):
        for key in ("a", "b"):
            path_of(cache, key).write_bytes(good[:length])
            found.append((key, got(cache, key)))
            assert found[-1][1] in (None, expected(key))
    assert 0 < found.count(("a", expected("a"))) < len(good)
    assert 0 == found.count(("b", expected("b")))


def test_an_entry_that_is_set_aside_takes_no_other_with_it(cache, logged):
    put_all(cache, ["a", "b"])
    cache.set_aside("a", "it disagrees")
    assert (None, expected("b")) == (got(cache, "a"), got(cache, "b"))
    assert ["cache_entry_damaged"] == [event["event"] for event in logged]


def test_a_file_whose_names_are_all_gone_is_followed_by_another(cache):
    put_all(cache, ["a"])
    cache.delete("a")
    put_all(cache, ["b"])
    assert expected("b") == got(cache, "b")


def test_a_directory_that_was_removed_is_made_again(cache):
    put_all(cache, ["a"])
    cache.delete("a")
    (cache.root / "cache").rmdir()
    put_all(cache, ["b"])
    assert expected("b") == got(cache, "b")


def test_a_file_is_added_to_for_a_minute(cache, monkeypatch):
    put_all(cache, ["a"])
    monkeypatch.setattr(small_entries, "_MAX_AGE", -1.0)
    put_all(cache, ["b"])
    assert 2 == len(files(cache))


def test_between_two_entries_nothing_is_open(cache):
    before = os.listdir("/proc/self/fd")
    put_all(cache)
    assert before == os.listdir("/proc/self/fd")


@pytest.mark.parametrize("after", ["a longer key", "what another knows", "another's value"])
def test_an_entry_behind_one_that_begins_as_its_key_does_is_found(cache, after, logged):
    keys = {
        "a longer key": ["key-10", "key-1", "k"],
        "what another knows": ["k", "key"],
        "another's value": ["k", "key", "k1"],
    }[after]
    for key in keys:
        cache.put(key, [] if after == "what another knows" else [b"ey1"], b"ey-1")
    assert 1 == len(files(cache))
    assert [(b"ey-1", [] if after == "what another knows" else [b"ey1"])] * len(keys) == [got(cache, k) for k in keys]
    assert [] == logged


def test_a_frame_that_is_kept_keeps_no_others_entries(cache):
    put_all(cache, ["a", "b", "c"])
    sizes = [memoryview(cache.get(key).frames[0].obj).nbytes for key in ("a", "b", "c")]
    assert max(sizes) < path_of(cache, "a").stat().st_size / 2


@pytest.mark.parametrize("new", ["a file of the user", "another entry", "a longer file", "a link", "nothing"])
def test_nothing_is_added_to_a_file_that_took_the_last_name(cache, tmp_path, new):
    put_all(cache, ["a"])
    path = path_of(cache, "a")
    if new == "a longer file":
        with path.open("ab") as stream:
            stream.write(b"more")
    elif new == "another entry":
        LocalFileSystemCacheBackend(cache.root).put("a", [b"new"])
    else:
        path.unlink()
        if new == "a file of the user":
            path.write_bytes(b"own")
        elif new == "a link":
            (tmp_path / "own").write_bytes(b"own")
            path.symlink_to(tmp_path / "own")
    small_entries._last_file[:] = [small_entries._last_file[0]._replace(name="a")]
    before = path.read_bytes() if new != "nothing" else b""
    put_all(cache, ["b"])
    assert expected("b") == got(cache, "b")
    if new == "another entry":
        assert before in path.read_bytes()
    else:
        assert before == (path.read_bytes() if new != "nothing" else b"")


def test_a_put_that_is_interrupted_leaves_no_temporary_name(cache, monkeypatch):
    link = os.link

    def interrupted(*arguments, **keywords):
        link(*arguments, **keywords)
        raise KeyboardInterrupt

    put_all(cache, ["a"])
    monkeypatch.setattr(os, "link", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cache.put("a", [b"new"])
    monkeypatch.undo()
    assert ["a"] == os.listdir(cache.root / "cache")
    assert got(cache, "a") in (expected("a"), (b"", [b"new"]))
    put_all(cache, ["b"])
    assert expected("b") == got(cache, "b")


def test_who_would_have_to_wait_makes_a_file(cache):
    put_all(cache, ["a"])
    with small_entries._appending:  # as the handler of a signal finds it that came while an entry was put
        put_all(cache, ["b"])
    put_all(cache, ["c"])
    assert [expected(key) for key in "abc"] == [got(cache, key) for key in "abc"]
    assert [2, 1, 2] == [path_of(cache, key).stat().st_nlink for key in "abc"]


def test_the_umask_of_a_stage_shuts_nobody_out(cache):
    put_all(cache, ["a"])
    small_entries._last_file.clear()
    before = os.umask(0o777)
    try:
        put_all(cache, ["b"])
    finally:
        os.umask(before)
    put_all(cache, ["c"])
    assert ["0o100600"] * 3 == [oct(path_of(cache, key).stat().st_mode) for key in "abc"]


def test_a_large_entry_that_was_linked_elsewhere_occupies_all_of_its_file(cache, tmp_path):
    cache.put("large", [b"x" * 100_000])
    os.link(path_of(cache, "large"), tmp_path / "backup")
    assert [path_of(cache, "large").stat().st_size] == [entry.size for entry in cache.entries()]


def test_a_forked_process_writes_to_a_file_of_its_own(cache):
    put_all(cache, ["before"])
    child = multiprocessing.get_context("fork").Process(target=put_all, args=(cache, KEYS[:10]))
    child.start()
    put_all(cache, KEYS[10:20])
    child.join()
    assert 0 == child.exitcode
    assert [expected(key) for key in ("before", *KEYS[:20])] == [got(cache, key) for key in ("before", *KEYS[:20])]
    inodes = [{path_of(cache, key).stat().st_ino for key in keys} for keys in (KEYS[:10], ["before", *KEYS[10:20]])]
    assert set() == inodes[0] & inodes[1]


def test_threads_add_one_after_the_other(cache):
    begin = threading.Barrier(8)

    def put(number):
        begin.wait()
        put_all(cache, KEYS[number::8])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put, range(8)))
    assert [expected(key) for key in KEYS] == [got(cache, key) for key in KEYS]


def test_of_many_that_put_the_same_one_does(cache):
    begin = threading.Barrier(8)

    def put(number):
        begin.wait()
        return LocalFileSystemCacheBackend(cache.root).put("key", [b"value"], if_absent=True)

    with ThreadPoolExecutor(8) as threads:
        assert [False] * 7 + [True] == sorted(threads.map(put, range(8)))


@pytest.mark.parametrize("what", ["no files without a name", "no links", "guarded links", "no /proc", "another system"])
def test_where_files_cannot_be_shared_each_entry_has_its_own(cache, monkeypatch, logged, what):
    original = {"open": os.open, "link": os.link}

    def without_names(path, flags, *arguments, **keywords):
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return original["open"](path, flags, *arguments, **keywords)

    def without_links(*arguments, **keywords):
        code = errno.EPERM if what == "no links" else errno.EACCES
        raise OSError(code, os.strerror(code))

    def without_proc(source, *arguments, **keywords):
        return original["link"](str(source).replace("/proc/", "/there is no /"), *arguments, **keywords)

    if what == "another system":
        monkeypatch.setattr(small_entries, "_UNNAMED", 0)
    elif what == "no files without a name":
        monkeypatch.setattr(os, "open", without_names)
    else:
        monkeypatch.setattr(os, "link", without_proc if what == "no /proc" else without_links)
    put_all(cache, KEYS[:3])
    assert 3 == len(files(cache))
    assert [expected(key) for key in KEYS[:3]] == [got(cache, key) for key in KEYS[:3]]
    assert ["cache_without_shared_files"] == [event["event"] for event in logged]
    assert KEYS[:3] == sorted(os.listdir(cache.root / "cache"))


def test_a_disk_that_is_full_loses_no_entry_that_was_put(cache, monkeypatch):
    put_all(cache, ["a"])

    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "writev", full)
        with pytest.raises(StorageUnavailableError, match="No space left"):
            put_all(cache, ["b"])
    put_all(cache, ["c"])
    assert [expected("a"), None, expected("c")] == [got(cache, key) for key in ("a", "b", "c")]


def test_what_was_added_in_part_is_followed_by_nothing(cache, monkeypatch):
    put_all(cache, ["a"])
    writev, asked = os.writev, []

    def full(descriptor, views):
        asked.append(descriptor)
        if len(asked) == 2:  # the file of several is full; one of its own is not
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return writev(descriptor, [views[0][:100]])

    with monkeypatch.context() as patched:
        patched.setattr(os, "writev", full)
        put_all(cache, ["b"])
    put_all(cache, ["c", "d"])
    assert [expected(key) for key in "abcd"] == [got(cache, key) for key in "abcd"]
    assert [1, 1, 2, 2] == [path_of(cache, key).stat().st_nlink for key in "abcd"]


def test_a_disk_that_takes_a_few_bytes_at_a_time_changes_nothing(cache, monkeypatch):
    writev = os.writev
    monkeypatch.setattr(os, "writev", lambda descriptor, views: writev(descriptor, [views[0][:37]]))
    put_all(cache)
    assert [expected(key) for key in KEYS] == [got(cache, key) for key in KEYS]


def test_files_are_private(cache):
    put_all(cache, ["a"])
    assert "0o100600" == oct(path_of(cache, "a").stat().st_mode)
