"""Computing a value once among many jobs: leases, kept alive while a stage runs, and waited for by others."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from foundations import events
from foundations.ports.cache import CacheBackend, Lease

_RENEW_EVERY = 10.0
_LONGEST_WAIT = 3600.0
_PAUSES = (0.005, 0.25)
"""Seconds: between renewals; until a job computes what another has not finished; between two looks, from and to."""

Value = TypeVar("Value")


class _Heartbeat:
    """Renews leases every few seconds, from a thread that all jobs of a process share."""

    def __init__(self) -> None:
        self._held: set[Lease] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, lease: Lease) -> None:
        """Renew `lease` from now on."""
        with self._lock:
            self._held.add(lease)
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="foundations-leases", daemon=True)
                self._thread.start()

    def release(self, lease: Lease) -> None:
        """Stop renewing `lease`, and release it."""
        with self._lock:
            self._held.discard(lease)
        try:
            lease.release()
        except Exception as error:  # it is taken over in time
            events.debug("lease_not_released", reason=f"{type(error).__name__}: {error}")

    def _beat(self) -> None:
        while True:
            time.sleep(_RENEW_EVERY)
            with self._lock:
                held = list(self._held)
            for lease in held:
                try:
                    lease.renew()
                except Exception as error:  # others may compute the same; nothing is lost
                    events.debug("lease_not_renewed", reason=f"{type(error).__name__}: {error}")

    def reset(self) -> None:
        """Forget all leases, in a process that was forked: it has no thread, and the leases are its parent's."""
        self._held = set()
        self._lock = threading.Lock()
        self._thread = None


heartbeat = _Heartbeat()
os.register_at_fork(after_in_child=heartbeat.reset)


def lease_or_value(
    cache: CacheBackend, key: str, read: Callable[[], Value | None], waits: Callable[[], None]
) -> tuple[Lease | None, Value | None]:
    """Return the lease of a key, or the value that another job has stored meanwhile.

    Return neither after a long wait, or where another job has computed the value and could not store it: those that
    waited then compute at the same time. When a job dies, one of those that waited gets the lease, and the others wait
    for that one.

    Args:
        cache: The cache.
        key: The key.
        read: Returns the value where it is there.
        waits: Called once, where another job is computing the value.
    """
    until = time.monotonic() + _LONGEST_WAIT
    pause, longest = _PAUSES
    waited = False
    while True:
        lease = cache.lease(key)
        if lease is not None:
            value = read()  # another job may have stored it since the caller looked
            if value is not None:
                lease.release()
                return None, value
            if waited and not lease.taken_over:  # the other could not store what it computed, nor will this one
                lease.release()
                return None, None
            return lease, None
        if not waited:
            waits()
            waited = True
        time.sleep(pause)
        pause = min(pause * 1.5, longest)
        value = read()
        if value is not None:
            return None, value
        if time.monotonic() > until:
            return None, None
