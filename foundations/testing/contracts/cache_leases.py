"""The contract of the leases of every cache."""

from __future__ import annotations

import pickle
import subprocess
import sys
import time

import pytest

from foundations.ports.cache import CacheBackend, Lease
from foundations.testing.contracts.callers import in_threads_and_processes

_ROUNDS = 40
_MAX_WAIT = 90.0  # seconds within which a store must notice that a holder has died
_HOLDER = """
import pickle, sys
lease = pickle.load(sys.stdin.buffer).lease("key")
sys.stdout.write("held" if lease else "busy")
sys.stdout.flush()
sys.stdin.buffer.read()
"""


class CacheLeaseContract:
    """A part of :class:`foundations.testing.CacheBackendContract`; a cache without leases passes it."""

    @pytest.fixture
    def cache(self) -> CacheBackend:
        raise NotImplementedError("give a fixture named cache that returns your adapter on an empty store")

    def test_a_lease_is_held_until_it_is_released(self, cache: CacheBackend) -> None:
        if not _has_leases(cache):
            return
        lease = _wait_for_lease(cache, "key")
        assert cache.lease("key") is None
        lease.renew()
        assert cache.lease("key") is None
        lease.release()
        _wait_for_lease(cache, "key").release()

    def test_a_second_release_does_nothing_whoever_holds_the_lease_by_then(self, cache: CacheBackend) -> None:
        if not _has_leases(cache):
            return
        first = _wait_for_lease(cache, "key")
        first.release()
        second = _wait_for_lease(cache, "key")
        first.release()
        first.renew()
        assert cache.lease("key") is None
        second.release()

    def test_leases_of_different_keys_have_nothing_to_do_with_each_other(self, cache: CacheBackend) -> None:
        if not _has_leases(cache):
            return
        first, second = _wait_for_lease(cache, "first"), _wait_for_lease(cache, "second")
        first.release()
        assert cache.lease("second") is None
        second.release()

    def test_a_lease_is_no_entry_and_hinders_none(self, cache: CacheBackend) -> None:
        if not _has_leases(cache):
            return
        lease = _wait_for_lease(cache, "key")
        assert [] == list(cache.entries())
        cache.put("key", [b"value"])
        assert cache.get("key") is not None
        cache.delete("key")
        assert cache.lease("key") is None
        lease.release()

    def test_of_several_threads_and_processes_one_at_a_time_holds_a_lease(self, cache: CacheBackend) -> None:
        if not _has_leases(cache):
            return
        conflicts = in_threads_and_processes(_take_turns, cache, [()] * 4)
        assert [0, 0, 0, 0] == conflicts

    def test_the_lease_of_a_killed_process_is_free_again(self, cache: CacheBackend) -> None:
        if cache.in_this_process_only or not _has_leases(cache):
            return
        with subprocess.Popen([sys.executable, "-c", _HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdin is not None
            assert holder.stdout is not None
            holder.stdin.write(pickle.dumps(cache))
            holder.stdin.flush()
            assert b"held" == holder.stdout.read(4)
            assert cache.lease("key") is None
            holder.kill()
        _wait_for_lease(cache, "key").release()


def _has_leases(cache: CacheBackend) -> bool:
    return type(cache).lease is not CacheBackend.lease


def _wait_for_lease(cache: CacheBackend, key: str) -> Lease:
    """Return the lease of a key that nobody alive holds, as soon as the store notices this."""
    deadline = time.monotonic() + _MAX_WAIT
    while (lease := cache.lease(key)) is None:
        assert time.monotonic() < deadline, "the lease of a holder that released it or died is free"
    return lease


def _take_turns(cache: CacheBackend) -> int:
    """Hold a lease repeatedly; return how often somebody else held it at the same time."""
    conflicts = 0
    for _ in range(_ROUNDS):
        while (lease := cache.lease("turn")) is None:
            pass
        conflicts += not cache.put("inside", [b"somebody"], if_absent=True)
        lease.renew()
        cache.delete("inside")
        lease.release()
    return conflicts
