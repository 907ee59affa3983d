import errno
import os
import stat
import time
from pathlib import Path

import pytest

from foundations import events
from foundations.adapters.filesystem import LocalFileSystemCacheBackend
from foundations.adapters.filesystem.cache import backend
from foundations.errors import ConfigurationError, StorageUnavailableError, UntrustedLocationError

VALUE = [b"a pickle", b"", b"an array"]


@pytest.fixture
def logged(monkeypatch):
    logged_events = []
    monkeypatch.setattr(events, "warning", lambda event, **keys: logged_events.append({"event": event, **keys}))
    return logged_events


@pytest.fixture
def cache(tmp_path):
    return LocalFileSystemCacheBackend(tmp_path / "store")


def entry_file(cache):
    (path,) = (cache.root / "cache").iterdir()
    return path


def set_aside(cache):
    return sorted(path.name.rpartition("-")[0] for path in (cache.root / "damaged").glob("*"))


def got(cache, key="key"):
    value = cache.get(key)
    return None if value is None else [bytes(buffer) for buffer in value.frames]


def test_an_entry_of_another_key_is_a_miss(cache, logged):
    cache.put("key", VALUE)
    entry_file(cache).rename(cache.root / "cache" / "other")
    assert got(cache, "other") is None
    assert "it was written under another key" == logged[0]["reason"]
    assert ["other"] == set_aside(cache)


@pytest.mark.parametrize("what", ["directory", "pipe", "link", "dangling link", "socket"])
def test_something_other_than_a_file_is_a_miss(cache, logged, what, tmp_path, monkeypatch):
    cache.put("key", VALUE)
    path = entry_file(cache)
    path.rename(tmp_path / "moved")
    if what == "directory":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "socket":
        os.mknod(path, stat.S_IFSOCK | 0o600)
    else:
        path.symlink_to(tmp_path / ("moved" if what == "link" else "nowhere"))
    assert [] == list(cache.entries())
    assert got(cache) is None
    assert "it is not a regular file" == logged[0]["reason"]
    assert ["key"] == set_aside(cache)


def test_an_entry_that_others_can_write_is_a_miss(cache, logged):
    cache.put("key", VALUE)
    entry_file(cache).chmod(0o622)
    assert got(cache) is None
    assert "another user could have written it" == logged[0]["reason"]


def test_a_damaged_entry_that_cannot_be_moved_is_a_miss_all_the_same(cache, logged):
    cache.put("key", VALUE)
    entry_file(cache).write_bytes(b"damaged")
    (cache.root / "damaged").write_text("in the way")
    assert got(cache) is None
    assert "other than a directory" in logged[0]["not_moved"]


def test_a_good_entry_that_has_just_replaced_a_damaged_one_stays(cache, logged, monkeypatch):
    cache.put("key", VALUE)

    def replaced_meanwhile(*arguments, **keywords):
        monkeypatch.undo()
        cache.put("key", [b"good"])
        raise ValueError("damaged")

    monkeypatch.setattr(backend, "read_entry", replaced_meanwhile)
    monkeypatch.setattr(events, "warning", lambda event, **keys: logged.append(keys))
    assert got(cache) is None
    monkeypatch.undo()
    assert [b"good"] == got(cache)


def test_a_damaged_entry_that_another_reader_moved_is_reported_once(cache, logged, monkeypatch):
    cache.put("key", VALUE)

    def moved_meanwhile(*arguments, **keywords):
        entry_file(cache).unlink()
        raise ValueError("damaged")

    monkeypatch.setattr(backend, "read_entry", moved_meanwhile)
    assert got(cache) is None
    assert [] == logged


def test_frames_lie_at_multiples_of_64_bytes(cache):
    cache.put("key", VALUE, b"known")
    content = entry_file(cache).read_bytes()
    assert [0, 0] == [content.index(part) % 64 for part in (b"a pickle", b"an array")]


@pytest.fixture
def a_second_later(monkeypatch):
    """Have what was checked a moment ago be checked again."""
    monkeypatch.setattr("foundations.adapters.filesystem.root._CHECK_INTERVAL", 0.0)


@pytest.mark.usefixtures("a_second_later")
@pytest.mark.parametrize(
    "operation", ["get", "get_metadata", "put", "delete", "entries", "set_aside", "lease", "check"]
)
def test_a_store_that_others_can_write_is_refused(cache, operation):
    cache.put("key", VALUE)
    cache.lease("key").release()
    cache.root.chmod(0o777)
    calls = {
        "get": lambda: cache.get("key"),
        "get_metadata": lambda: cache.get_metadata("key"),
        "set_aside": lambda: cache.set_aside("key", "damaged"),
        "lease": lambda: cache.lease("key"),
        "put": lambda: cache.put("key", VALUE),
        "delete": lambda: cache.delete("key"),
        "entries": lambda: list(cache.entries()),
        "check": cache.check,
    }
    with pytest.raises(UntrustedLocationError):
        calls[operation]()


@pytest.mark.usefixtures("a_second_later")
def test_a_directory_of_a_store_that_others_can_write_is_refused(cache):
    cache.put("key", VALUE)
    cache.lease("key").release()
    calls = (
        *(lambda: cache.get("key"), lambda: cache.get_metadata("key"), lambda: cache.put("key", VALUE)),
        *(lambda: cache.delete("key"), lambda: cache.set_aside("key", "damaged")),
        *(lambda: list(cache.entries()), lambda: cache.lease("key")),
    )
    for part in ("cache", "leases"):
        (cache.root / part).chmod(0o777)
    for call in calls:
        with pytest.raises(UntrustedLocationError):
            call()


@pytest.mark.usefixtures("a_second_later")
def test_a_store_of_somebody_else_is_refused(cache):
    cache.put("key", VALUE)
    if os.geteuid() == 0:
        os.chown(cache.root, 65534, 65534)
    else:
        cache.root.chmod(0o777)
    with pytest.raises(UntrustedLocationError):
        cache.get("key")


def test_a_store_behind_a_link_is_refused(cache, tmp_path):
    cache.put("key", VALUE)
    (tmp_path / "link").symlink_to(cache.root)
    with pytest.raises(UntrustedLocationError):
        LocalFileSystemCacheBackend(tmp_path / "link").get("key")


def test_an_entry_that_cannot_be_read_is_unavailable(cache, monkeypatch):
    cache.put("key", VALUE)

    def broken(descriptor, views, position):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "preadv", broken)
    with pytest.raises(StorageUnavailableError, match="Input/output"):
        cache.get("key")


def test_an_entry_that_cannot_be_opened_is_unavailable(cache, monkeypatch):
    cache.put("key", VALUE)
    opened = os.open

    def refused(path, *arguments):
        if Path(path).name == "key":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, *arguments)

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(StorageUnavailableError, match="Permission denied"):
        cache.get("key")


def test_an_entry_whose_last_use_cannot_be_renewed_is_returned(cache, monkeypatch):
    cache.put("key", VALUE)

    def read_only(*arguments, **keywords):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    os.utime(entry_file(cache), (1, 1))
    monkeypatch.setattr(os, "utime", read_only)
    assert VALUE == got(cache)


@pytest.mark.parametrize(("ago", "renewed"), [(3600, True), (100, True), (20, False), (-20, False), (-3600, True)])
def test_a_last_use_is_renewed_where_it_is_more_than_a_minute_off(cache, ago, renewed):
    cache.put("key", VALUE)
    before = time.time() - ago
    os.utime(entry_file(cache), (before, 1.0))
    cache.get_metadata("key")
    assert [(1.0, before)] == [(entry.created_at, entry.last_used_at) for entry in cache.entries()]
    cache.get("key")
    (after,) = cache.entries()
    assert (renewed, 1.0) == (abs(after.last_used_at - time.time()) < 10, after.created_at)


def test_an_entry_that_root_wrote_is_read(cache, monkeypatch):
    cache.put("key", VALUE)
    opened = os.open

    def only_the_owner_reads_unnoticed(path, flags, *arguments):
        if flags & os.O_NOATIME:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        return opened(path, flags, *arguments)

    monkeypatch.setattr(os, "open", only_the_owner_reads_unnoticed)
    assert VALUE == got(cache)


def test_an_entry_of_an_earlier_release_is_a_miss_of_which_nothing_is_said(cache, logged):
    cache.put("key", VALUE)
    entry_file(cache).write_bytes(b"FNDCACH1" + bytes(100))
    assert got(cache) is None
    assert ([], [], []) == (logged, list(cache.entries()), set_aside(cache))
    assert cache.put("key", VALUE, if_absent=True) is True


def test_an_entry_that_is_set_aside_is_reported_and_stored(cache, logged):
    cache.put("key", VALUE)
    content = entry_file(cache).read_bytes()
    cache.set_aside("key", "its pickle cannot be loaded")
    assert "its pickle cannot be loaded" == logged[0]["reason"]
    assert content == Path(logged[0]["moved_to"]).read_bytes()
    assert ["key"] == set_aside(cache)


def test_what_a_dead_writer_left_is_removed_after_a_day_and_never_an_entry(cache):
    cache.put("key", VALUE)
    old, young = (entry_file(cache).with_name(f".tmp-{age}") for age in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"a part")
    os.utime(old, (0, 0))
    assert ["key"] == [entry.key for entry in cache.entries()]
    assert (False, True) == (old.exists(), young.exists())


def test_an_entry_that_vanishes_while_it_is_enumerated_is_left_out(cache, monkeypatch):
    cache.put("key", VALUE)
    iterdir = Path.iterdir

    def vanishing(directory):
        found = list(iterdir(directory))
        for path in found:
            if path.name == "key":
                path.unlink()
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", vanishing)
    assert [] == list(cache.entries())


def test_files_are_private(cache):
    cache.put("key", VALUE)
    cache.lease("key")
    paths = [cache.root, *cache.root.rglob("*")]
    assert {0o700, 0o600} == {stat.S_IMODE(path.stat().st_mode) for path in paths}


@pytest.mark.parametrize("root", ["relative/cache", ".", "", "a\0b", 3, None, "/a\0b"])
def test_a_root_that_is_not_absolute_is_a_configuration_error(root):
    with pytest.raises(ConfigurationError, match="absolute path") as raised:
        LocalFileSystemCacheBackend(root)
    assert "an absolute path, or one that begins with ~" == raised.value.expected


@pytest.mark.parametrize(
    ("setting", "expected"),
    [({"verify": "none"}, "'structure' or 'full'"), ({"verify": True}, "'structure' or 'full'")]
    + [({"compress": found}, "None or 'zstd'") for found in ("gzip", True, "")],
)
def test_a_setting_that_there_is_not_is_a_configuration_error(tmp_path, setting, expected):
    ((name, found),) = setting.items()
    with pytest.raises(ConfigurationError, match=f"a cache's {name} is {expected}, not {found!r}") as raised:
        LocalFileSystemCacheBackend(tmp_path, **setting)
    assert (found, expected) == (raised.value.found, raised.value.expected)


def test_a_home_that_does_not_exist_is_a_configuration_error():
    with pytest.raises(ConfigurationError, match="no such home"):
        LocalFileSystemCacheBackend("~nobody-of-this-name/cache")


def test_a_root_may_begin_with_the_home_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path / "cache" == LocalFileSystemCacheBackend("~/cache").root


def test_within_the_second_a_store_of_others_gives_no_entry_that_they_could_have_written(cache, logged):
    cache.put("key", VALUE)
    cache.get("key")
    cache.root.chmod(0o777)
    entry_file(cache).chmod(0o666)
    assert got(cache) is None
    assert ["cache_entry_damaged"] == [event["event"] for event in logged]
