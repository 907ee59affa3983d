"""Leases of the cache in a directory: among processes, threads, forks, the dead and the silent."""

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from foundations.adapters._shared.fs.files import locked_directory
from foundations.adapters.filesystem import LocalFileSystemCacheBackend
from foundations.adapters.filesystem.cache import leases
from foundations.errors import StorageUnavailableError, UntrustedLocationError

COMPUTED_ONCE = """
import sys, time
from foundations.adapters.filesystem import LocalFileSystemCacheBackend
cache = LocalFileSystemCacheBackend(sys.argv[1])
print("ready", flush=True)
sys.stdin.read(1)
def computed(key):
    while True:
        value = cache.get(key)
        if value is not None:
            return value
        lease = cache.lease(key)
        if lease is None:
            time.sleep(0.001)
            continue
        try:
            value = cache.get(key)
            if value is None:
                with open(sys.argv[2], "a") as calls:
                    calls.write(f"{key}\\n")
                cache.put(key, [sum(range(2_000_000)).to_bytes(8, "little")])
        finally:
            lease.release()
for key in ("one", "two", "three"):
    print(int.from_bytes(computed(key).frames[0], "little"), flush=True)
"""

HELD_IN_A_COPY = """
import os, sys
from foundations.adapters.filesystem import LocalFileSystemCacheBackend
cache = LocalFileSystemCacheBackend(sys.argv[1])
lease = cache.lease("key")
if os.fork() == 0:
    print("held", flush=True)
    sys.stdin.read()
    os._exit(0)
os.wait()
"""


@pytest.fixture
def cache(tmp_path):
    return LocalFileSystemCacheBackend(tmp_path / "store")


def lease_file(cache, key="key"):
    return cache.root / "leases" / key


def names(cache):
    """Return the leases that are held, or that somebody dead has left."""
    return sorted(path.name for path in (cache.root / "leases").iterdir() if not path.name.startswith(".holder-"))


def as_another_process():
    """Have what follows use a file of its own, as another process does."""
    leases._holders.clear()


def refused(*arguments, number=errno.EIO, **keywords):
    raise OSError(number, os.strerror(number))


def age(cache, seconds):
    """Have a lease's holder have shown its last sign of life so long ago."""
    renewed_at = time.time() - seconds
    os.utime(lease_file(cache), (renewed_at, renewed_at))


def left_behind(cache):
    """Leave what a holder that died has left."""
    cache.lease("key").release()
    lease_file(cache).touch(0o600)


def test_fifty_processes_that_want_the_same_values_compute_each_once(cache, tmp_path):
    command = [sys.executable, "-c", COMPUTED_ONCE, str(cache.root), str(tmp_path / "calls")]
    with_pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **with_pipes) for _ in range(50)]
    try:
        assert ["ready\n"] * 50 == [process.stdout.readline() for process in processes]
        for process in processes:
            process.stdin.write("!")
            process.stdin.flush()
        said = {process.communicate(timeout=120)[0] for process in processes}
    finally:
        for process in processes:
            with process:
                process.kill()
    assert {f"{sum(range(2_000_000))}\n" * 3} == said
    assert ["one", "two", "three"] == (tmp_path / "calls").read_text().split()
    assert [] == [path for path in (cache.root / "leases").rglob("*") if path.is_file()]


def test_a_lease_is_a_private_file_that_goes_with_its_release(cache):
    lease = cache.lease("key")
    assert 0o600 == stat.S_IMODE(lease_file(cache).stat().st_mode)
    lease.release()
    assert [] == names(cache)
    assert [False, False] == [lease.taken_over, cache.lease("key").taken_over]


def test_all_leases_of_a_process_are_names_of_one_file(cache):
    held = [cache.lease(key) for key in ("one", "two", "three")]
    assert 1 == len({path.stat().st_ino for path in (cache.root / "leases").iterdir()})
    for lease in held:
        lease.release()
    assert [] == names(cache)


@pytest.mark.parametrize("seconds", [70, 3600, -70, -3600])
def test_a_holder_that_shows_no_sign_of_life_is_taken_over_and_harms_its_successor_no_more(cache, seconds):
    silent = cache.lease("key")
    age(cache, seconds)
    as_another_process()
    successor = cache.lease("key")
    assert [True, None] == [successor.taken_over, cache.lease("key")]
    silent.renew()
    silent.release()
    assert cache.lease("key") is None
    successor.release()
    assert [] == names(cache)


@pytest.mark.parametrize("seconds", [0, 50, -50])
def test_a_holder_that_was_silent_for_less_than_a_minute_is_not_taken_over(cache, seconds):
    lease = cache.lease("key")
    age(cache, seconds)
    as_another_process()
    assert cache.lease("key") is None
    lease.release()


def test_renewing_keeps_a_lease(cache):
    lease = cache.lease("key")
    age(cache, 3600)
    lease.renew()
    as_another_process()
    assert cache.lease("key") is None
    lease.release()


def test_a_lease_taken_long_after_the_first_is_fresh(cache, monkeypatch):
    monkeypatch.setattr(leases, "_TOUCH_INTERVAL", 0.0)  # seconds: as if they had passed
    cache.lease("first").release()
    os.utime(next((cache.root / "leases").glob(".holder-*")), (1, 1))
    lease = cache.lease("key")
    as_another_process()
    assert cache.lease("key") is None
    lease.release()


@pytest.mark.parametrize("ahead", [3600, -3600])
def test_a_clock_that_differs_from_the_file_systems_takes_no_lease_over(cache, monkeypatch, ahead):
    lease = cache.lease("key")
    now = time.time
    monkeypatch.setattr(leases.time, "time", lambda: now() + ahead)
    as_another_process()
    assert cache.lease("key") is None
    assert ["key"] == names(cache)
    lease.release()
    assert cache.lease("key") is not None


def test_of_many_that_take_over_from_a_silent_holder_one_does(cache):
    for _ in range(20):
        silent = cache.lease("key")
        age(cache, 3600)
        as_another_process()
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda number: cache.lease("key"), range(8)))
        assert 1 == sum(lease is not None for lease in found)
        silent.release()
        assert cache.lease("key") is None
        for lease in found:
            if lease is not None:
                lease.release()


@pytest.mark.parametrize("seconds", [0, 50, 3600, -3600])
def test_what_a_dead_holder_left_is_taken_and_is_fresh(cache, seconds):
    left_behind(cache)
    age(cache, seconds)
    lease = cache.lease("key")
    assert lease.taken_over
    assert abs(lease_file(cache).stat().st_mtime - time.time()) < 10
    assert cache.lease("key") is None
    lease.release()


def test_what_a_dead_holder_left_is_not_taken_while_somebody_else_may_replace_it(cache):
    left_behind(cache)
    age(cache, 3600)
    with locked_directory(cache.root / "leases", wait=False) as locked:
        assert (True, None) == (locked, cache.lease("key"))
    cache.lease("key").release()


def test_a_silent_holder_is_not_taken_over_while_somebody_else_takes_over(cache):
    lease = cache.lease("key")
    age(cache, 3600)
    as_another_process()
    with locked_directory(cache.root / "leases", wait=False):
        assert cache.lease("key") is None
    assert cache.lease("key") is not None
    lease.release()


def test_a_release_that_cannot_remove_the_name_says_nothing_and_leaves_it_to_the_process_and_the_future(
    cache, monkeypatch
):
    for _ in range(2):
        lease = cache.lease("key")
        assert cache.lease("key") is None
        with monkeypatch.context() as patched:
            patched.setattr(os, "unlink", refused)
            lease.release()
        assert ["key"] == names(cache)
    age(cache, 3600)
    as_another_process()
    assert cache.lease("key") is not None


def test_the_lease_of_a_process_whose_file_was_removed_is_held_by_a_new_one(cache):
    first = cache.lease("first")
    next((cache.root / "leases").glob(".holder-*")).unlink()
    second = cache.lease("second")
    as_another_process()
    assert [None, None] == [cache.lease("first"), cache.lease("second")]
    first.release()
    second.release()
    assert [] == names(cache)


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_where_there_are_no_hard_links_everybody_gets_a_lease(cache, monkeypatch, number):
    monkeypatch.setattr(os, "link", lambda source, target: refused(number=number))
    lease = cache.lease("key")
    assert cache.lease("key") is not None
    lease.renew()
    lease.release()


def test_a_release_where_the_directory_is_gone_is_one(cache):
    lease = cache.lease("key")
    shutil.rmtree(cache.root / "leases")
    lease.release()
    assert cache.lease("key") is not None


def test_a_lease_that_nobody_refers_to_any_more_is_free(cache):
    lease = cache.lease("key")
    del lease
    assert cache.lease("key") is not None


def test_a_copy_of_the_holder_can_neither_keep_nor_release_the_lease(cache):
    lease = cache.lease("key")
    child = os.fork()
    if child == 0:
        try:
            lease.renew()
            lease.release()
            os._exit(cache.lease("key") is not None)
        finally:
            os._exit(2)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert cache.lease("key") is None
    lease.release()


def test_the_lease_of_a_killed_process_is_free_though_its_copies_live(cache):
    command = [sys.executable, "-W", "ignore", "-c", HELD_IN_A_COPY, str(cache.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert b"held\n" == holder.stdout.readline()
        assert cache.lease("key") is None
        holder.send_signal(signal.SIGKILL)
        assert -signal.SIGKILL == holder.wait()
        lease = cache.lease("key")
        assert lease is not None
        lease.release()


def test_a_lease_renewed_or_released_by_several_threads_at_once_is_released_once(cache):
    for _ in range(20):
        lease = cache.lease("key")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda act: act(), [lease.renew, lease.release] * 4))
        other = cache.lease("key")
        assert other is not None
        other.release()


@pytest.mark.parametrize("what", ["directory", "pipe", "link", "socket"])
def test_something_other_than_a_file_in_its_place_is_unavailable(cache, what, tmp_path):
    cache.lease("key").release()
    path = lease_file(cache)
    if what == "directory":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "socket":
        os.mknod(path, stat.S_IFSOCK | 0o600)
    else:
        path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageUnavailableError, match=str(path)):
        cache.lease("key")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("step", ["open", "fstat", "lstat", "utime", "link", "unlink", "listdir"])
def test_a_disk_that_refuses_a_step_is_unavailable_and_the_holder_keeps_its_lease(cache, monkeypatch, step):
    lease = cache.lease("key")
    age(cache, 3600)
    as_another_process()
    with monkeypatch.context() as patched:
        patched.setattr(os, step, refused)
        call = lease.renew if step == "utime" else lambda: cache.lease("key")
        with pytest.raises(StorageUnavailableError, match="Input/output"):
            call()
    assert ["key"] == names(cache)
    lease.renew()
    assert cache.lease("key") is None
    lease.release()


def test_a_place_behind_a_link_is_refused(cache, tmp_path, monkeypatch):
    monkeypatch.setattr("foundations.adapters.filesystem.root._CHECK_INTERVAL", 0.0)  # seconds
    cache.lease("key").release()
    shutil.rmtree(cache.root / "leases")
    (tmp_path / "elsewhere").mkdir()
    (cache.root / "leases").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UntrustedLocationError):
        cache.lease("key")
    assert [] == list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize(
    ("looks", "left"),
    [
        (lambda cache: cache.lease("another").release(), ["directory", "held", "left", "link"]),
        (lambda cache: list(cache.entries()), ["directory", "held", "link"]),
    ],
)
def test_what_dead_processes_left_is_removed_and_no_lease_that_is_held(cache, looks, left):
    held = cache.lease("held")
    for name in (".holder-1-1", "left"):
        (cache.root / "leases" / name).touch(0o600)
    (cache.root / "leases" / "link").symlink_to("elsewhere")
    (cache.root / "leases" / "directory").mkdir()
    as_another_process()
    looks(cache)
    assert not (cache.root / "leases" / ".holder-1-1").exists()
    assert left == names(cache)
    held.release()


def test_a_process_leaves_nothing_when_it_ends(cache):
    script = "import sys\nfrom foundations.adapters.filesystem import LocalFileSystemCacheBackend as Cache\n"
    script += "Cache(sys.argv[1]).lease('key').release()"
    subprocess.run([sys.executable, "-c", script, str(cache.root)], check=True)
    assert [] == list((cache.root / "leases").iterdir())
