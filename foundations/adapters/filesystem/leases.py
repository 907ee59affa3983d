"""Leases as locked files, ``<root>/leases/<2 hexadecimal digits>/<key>``.

A holder locks the file, so that the kernel lets go of it when the holder dies, and touches it to show that it lives.
Whoever removes or replaces a file that somebody may have locked holds its directory's lock meanwhile, and has seen that
the name still is that of this file; nobody ever waits for a lock. A clock that jumps may have a value computed twice.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from foundations.adapters._shared.files import TEMPORARY_PREFIX, temporary_beside, translating_os_errors
from foundations.ports.cache import Lease

OVERTAKEN_AFTER: Final = 60.0
"""Seconds without a sign of life after which a lease may be taken from its holder, in the file system's own time."""

_FRESH = 5.0  # seconds; a file found as young need not be touched
_TRIES = 100  # others release as often between two steps of ours
_OPENING = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FileLease(Lease):
    """A locked file."""

    __slots__ = ("__weakref__", "_descriptor", "_guard", "_path")

    def __init__(self, path: str, descriptor: int) -> None:
        self._path = path
        self._descriptor: int | None = descriptor
        self._guard = threading.Lock()
        _held.add(self)

    def __del__(self) -> None:
        self._close()

    def renew(self) -> None:
        """See :meth:`Lease.renew`; after its release it does nothing."""
        with self._guard:
            if self._descriptor is not None:
                with translating_os_errors(Path(self._path), "renew"):
                    os.utime(self._descriptor)

    def release(self) -> None:
        """See :meth:`Lease.release`; what cannot be removed is left to be locked by the next."""
        with self._guard:
            if self._descriptor is None:
                return
            try:
                with suppress(OSError):
                    if not _removed(self._path, os.fstat(self._descriptor)):
                        fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # of a copy in another process too
            finally:
                self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def acquired(path: str) -> FileLease | None:
    """Return the lease whose file is `path`, in a directory that exists; None where somebody else holds it.

    Raises:
        OSError: It could not be told.
    """
    for _ in range(_TRIES):
        descriptor = os.open(path, _OPENING, 0o600)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EEXIST, "something other than a file is in the way")
            if not _locked(descriptor):
                return _overtaken(path, status) if _is_stale(status, time.time()) else None
            if _is_at(path, status) and (abs(time.time() - status.st_mtime) < _FRESH or _touched(path, descriptor)):
                lease = FileLease(path, descriptor)
                descriptor = -1
                return lease
        finally:
            if descriptor >= 0:
                os.close(descriptor)
    return None


def remove_abandoned(directory: Path, before: float) -> None:
    """Remove the leases in `directory` that nobody holds and that were renewed last `before` some time.

    Raises:
        OSError: They could not be listed.
    """
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        with suppress(OSError):  # others remove them too
            status = os.lstat(path)
            if status.st_mtime >= before:
                continue
            if name.startswith(TEMPORARY_PREFIX):
                os.unlink(path)
                continue
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if _locked(descriptor):
                    _removed(path, os.fstat(descriptor))
            finally:
                os.close(descriptor)


def _overtaken(path: str, stale: os.stat_result) -> FileLease | None:
    """Put a file of our own in the place of one whose holder shows no sign of life."""
    with _directory_locked(path) as alone:
        if not alone:
            return None
        temporary = temporary_beside(Path(path))
        descriptor = os.open(temporary, _OPENING | os.O_EXCL, 0o600)
        try:
            # Compared with a file just made: the server's clock may differ from ours.
            if _locked(descriptor) and _is_at(path, stale) and _is_stale(os.lstat(path), os.fstat(descriptor).st_mtime):
                os.rename(temporary, path)
                return FileLease(path, descriptor)
        except BaseException:
            _discard(temporary, descriptor)
            raise
        _discard(temporary, descriptor)
        return None


def _discard(temporary: Path, descriptor: int) -> None:
    os.close(descriptor)
    temporary.unlink(missing_ok=True)


def _touched(path: str, descriptor: int) -> bool:
    """Touch a file that a dead holder left, unless somebody overtook us who could not know that it is held again."""
    with _directory_locked(path) as alone:
        if not (alone and _is_at(path, os.fstat(descriptor))):
            return False
        os.utime(descriptor)
        return True


def _removed(path: str, status: os.stat_result) -> bool:
    """Remove a file that the caller has locked, unless its name is another's now; return whether that was done."""
    with _directory_locked(path) as alone:
        if not (alone and _is_at(path, status)):
            return False
        os.unlink(path)
        return True


@contextmanager
def _directory_locked(path: str) -> Iterator[bool]:
    """Exclude whoever else removes or replaces the leases beside `path`; the block learns whether that was possible."""
    descriptor = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield _locked(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(path: str, status: os.stat_result) -> bool:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    return (found.st_ino, found.st_dev) == (status.st_ino, status.st_dev)


def _is_stale(status: os.stat_result, now: float) -> bool:
    """Return whether a file was not touched for long; also one of the future, from before the clock was set back."""
    return abs(now - status.st_mtime) > OVERTAKEN_AFTER


_held: weakref.WeakSet[FileLease] = weakref.WeakSet()


def _let_go_in_child() -> None:
    """Close what a fork has copied: the lock lasts until the last copy is closed, and it is the parent's."""
    for lease in list(_held):
        lease._guard = threading.Lock()  # another thread may have held it
        lease._close()


os.register_at_fork(after_in_child=_let_go_in_child)
