"""Leases of the cache in a directory: among processes, threads, forks, the dead and the silent."""

import errno
import os
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from foundations.adapters.filesystem import LocalFileSystemCacheBackend, leases
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
    return Path(cache._directory("leases", key), key)


def age(cache, seconds):
    """Have a lease's holder have shown its last sign of life so long ago."""
    renewed_at = time.time() - seconds
    os.utime(lease_file(cache), (renewed_at, renewed_at))


def left_behind(cache):
    """Leave the file of a holder that died."""
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
    assert [] == list(lease_file(cache).parent.iterdir())


@pytest.mark.parametrize("seconds", [70, 3600, -70, -3600])
def test_a_holder_that_shows_no_sign_of_life_is_overtaken_and_harms_its_successor_no_more(cache, seconds):
    silent = cache.lease("key")
    age(cache, seconds)
    successor = cache.lease("key")
    assert [True, None] == [successor is not None, cache.lease("key")]
    silent.renew()
    silent.release()
    assert cache.lease("key") is None
    successor.release()
    assert [] == list(lease_file(cache).parent.iterdir())


@pytest.mark.parametrize("seconds", [0, 50, -50])
def test_a_holder_that_was_silent_for_less_than_a_minute_is_not_overtaken(cache, seconds):
    lease = cache.lease("key")
    age(cache, seconds)
    assert cache.lease("key") is None
    lease.release()


def test_renewing_keeps_a_lease(cache):
    lease = cache.lease("key")
    age(cache, 3600)
    lease.renew()
    assert cache.lease("key") is None
    lease.release()


@pytest.mark.parametrize("ahead", [3600, -3600])
def test_a_clock_that_differs_from_the_file_systems_overtakes_nobody(cache, monkeypatch, ahead):
    lease = cache.lease("key")
    now = time.time
    monkeypatch.setattr(leases.time, "time", lambda: now() + ahead)
    assert cache.lease("key") is None
    assert ["key"] == [path.name for path in lease_file(cache).parent.iterdir()]
    lease.release()
    assert cache.lease("key") is not None


def test_of_many_that_overtake_a_silent_holder_one_does(cache):
    for _ in range(20):
        silent = cache.lease("key")
        age(cache, 3600)
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
    assert abs(lease_file(cache).stat().st_mtime - time.time()) < 10
    assert cache.lease("key") is None
    lease.release()


def test_what_a_dead_holder_left_is_not_taken_while_somebody_else_may_replace_it(cache):
    left_behind(cache)
    age(cache, 3600)
    with leases._directory_locked(str(lease_file(cache))) as alone:
        assert (True, None) == (alone, cache.lease("key"))
    cache.lease("key").release()


def test_a_silent_holder_is_not_overtaken_while_somebody_else_does(cache):
    lease = cache.lease("key")
    age(cache, 3600)
    with leases._directory_locked(str(lease_file(cache))):
        assert cache.lease("key") is None
    assert cache.lease("key") is not None
    lease.release()


def test_a_release_that_cannot_remove_the_file_frees_the_lease(cache):
    lease = cache.lease("key")
    with leases._directory_locked(str(lease_file(cache))):
        lease.release()
    assert lease_file(cache).exists()
    assert cache.lease("key") is not None


def test_a_release_where_the_directory_is_gone_is_one(cache):
    lease = cache.lease("key")
    lease_file(cache).unlink()
    lease_file(cache).parent.rmdir()
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


@pytest.mark.parametrize("step", ["open", "fstat", "lstat", "utime", "rename"])
def test_a_disk_that_refuses_a_step_is_unavailable_and_the_holder_keeps_its_lease(cache, monkeypatch, step):
    lease = cache.lease("key")
    age(cache, 3600)

    def refused(*arguments, **keywords):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, step, refused)
        call = lease.renew if step == "utime" else lambda: cache.lease("key")
        with pytest.raises(StorageUnavailableError, match="Input/output"):
            call()
    assert ["key"] == [path.name for path in lease_file(cache).parent.iterdir()]
    lease.renew()
    assert cache.lease("key") is None
    lease.release()


def test_a_place_behind_a_link_is_refused(cache, tmp_path):
    cache.lease("key").release()
    (tmp_path / "elsewhere").mkdir()
    lease_file(cache).parent.rmdir()
    lease_file(cache).parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UntrustedLocationError):
        cache.lease("key")
    assert [] == list((tmp_path / "elsewhere").iterdir())


def test_what_dead_holders_left_is_removed_after_a_day_and_no_lease_that_is_held(cache):
    for key in ("held", "old", "young"):
        lease = cache.lease(key)
        if key == "held":
            held = lease
            continue
        lease.release()
        lease_file(cache, key).touch(0o600)
    unfinished = lease_file(cache, "old").with_name(".tmp-1")
    unfinished.touch()
    for path in (lease_file(cache, "held"), lease_file(cache, "old"), unfinished):
        os.utime(path, (1, 1))
    assert [] == list(cache.entries())
    left = sorted(path.name for path in (cache.root / "leases").rglob("*") if path.is_file())
    assert ["held", "young"] == left
    held.release()
