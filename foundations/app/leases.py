"""Computing a value once among many jobs: leases, kept alive while a stage runs, and waited for by others."""

from __future__ import annotations

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

Found = TypeVar("Found")


class Heartbeat:
    """Renews a lease every few seconds, from a thread that lives as long as the process."""

    def __init__(self) -> None:
        self._held: Lease | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def keep(self, lease: Lease | None) -> None:
        """Renew `lease` from now on, in place of the one before; None for no one."""
        with self._lock:
            self._held = lease
        if lease is not None and self._thread is None:
            self._thread = threading.Thread(target=self._beat, name="foundations-lease", daemon=True)
            self._thread.start()

    def _beat(self) -> None:
        while True:
            time.sleep(_RENEW_EVERY)
            with self._lock:
                if self._held is not None:
                    try:
                        self._held.renew()
                    except Exception as error:  # others may compute the same; nothing is lost
                        events.debug("lease_not_renewed", reason=f"{type(error).__name__}: {error}")


def lease_or_value(
    cache: CacheBackend, key: str, read: Callable[[], Found | None], waits: Callable[[], None]
) -> tuple[Lease | None, Found | None]:
    """Return the lease of a key, or the value that somebody else has put meanwhile; neither after a long wait.

    Args:
        cache: The cache.
        key: The key.
        read: Returns the value where it is there.
        waits: Called once where another job is computing it.
    """
    until = time.monotonic() + _LONGEST_WAIT
    pause, longest = _PAUSES
    waited = False
    while True:
        lease = cache.lease(key)
        if lease is not None:
            found = read()  # somebody may have put it since the caller looked
            if found is not None:
                lease.release()
                return None, found
            return lease, None
        if not waited:
            waits()
            waited = True
        time.sleep(pause)
        pause = min(pause * 1.5, longest)
        found = read()
        if found is not None:
            return None, found
        if time.monotonic() > until:
            return None, None
