"""Leases as hard links: ``<root>/leases/<key>`` is a link to a file that the holder's process has locked.

That file, ``<root>/leases/.holder-…``, is created once per process. The kernel releases its lock when the process dies,
which shows that the holder is dead. Its modification time, renewed while leases are held, shows whether the holder is
silent. So taking a lease creates no file, which is slow on some file systems: ext4 searches for an inode that was not
freed lately.

No process waits for a lock, and a process locks the directory before it removes another's lease. A holder removes its
own lease without that lock: where it is stopped for a minute between the check and the removal, or a clock jumps, a
value may be computed twice.
"""

from __future__ import annotations

import atexit
import errno
import math
import os
import stat
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final

from foundations.adapters._shared.fs.files import lock_file, locked_directory, open_descriptor, translating_os_errors
from foundations.ports.cache import Lease

STALE_AFTER: Final = 60.0
"""The time, in seconds of the file system's clock, after which the lease of a silent holder may be taken over."""

_TOUCH_INTERVAL = 5.0  # seconds
_HOLDER_PREFIX = ".holder-"  # no key begins with a dot
_MAX_TRIES = 100  # other processes may release a lease as often between two steps of this one
_OPEN_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class UnsupportedError(Exception):
    """The file system has no hard links."""


class _HolderFile:
    """The file that this process keeps locked in a directory of leases.

    Attributes:
        path: The file.
        leases: The paths of the leases that are links to it.
    """

    def __init__(self, directory: str) -> None:
        self.leases: set[str] = set()
        self._touched_at = -math.inf
        self._descriptor: int | None = None
        while self._descriptor is None:
            self.path = f"{directory}/{_HOLDER_PREFIX}{os.getpid()}-{os.urandom(8).hex()}"
            descriptor = os.open(self.path, _OPEN_FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                if lock_file(descriptor):  # otherwise another process takes it for a dead holder's and removes it
                    self._descriptor = descriptor
            finally:
                if self._descriptor is None:
                    os.close(descriptor)
        _all_holders.add(self)

    def __del__(self) -> None:
        self.close()

    def touch(self, interval: float = 0.0) -> None:
        """Touch the file unless that was done less than `interval` seconds ago; the child of a fork does nothing."""
        now = time.monotonic()
        if self._descriptor is not None and now - self._touched_at >= interval:
            os.utime(self._descriptor)
            self._touched_at = now

    def status(self) -> os.stat_result | None:
        """Return the status of the file; None in the child of a fork."""
        return None if self._descriptor is None else os.fstat(self._descriptor)

    def close(self) -> None:
        """Close the file, which unlocks it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


class FileLease(Lease):
    """A link to this process's holder file."""

    def __init__(self, path: str, holder: _HolderFile, taken_over: bool) -> None:
        self.taken_over = taken_over
        self._path = path
        self._holders = [holder]  # empty after the release; of several threads, one removes the holder

    def __del__(self) -> None:
        self.release()

    def renew(self) -> None:
        """See :meth:`Lease.renew`; after its release it does nothing."""
        for holder in self._holders:
            with translating_os_errors(Path(self._path), "renew"):
                holder.touch()

    def release(self) -> None:
        """See :meth:`Lease.release`.

        Where the link cannot be removed, the lease is free when the process ends, or when it asks for it again.
        """
        try:
            holder = self._holders.pop()
        except IndexError:
            return
        try:
            with suppress(OSError):
                if _is_at(self._path, holder.status()):
                    os.unlink(self._path)
        finally:
            holder.leases.discard(self._path)


def acquire_lease(directory: str, key: str) -> FileLease | None:
    """Return the lease of `key`, in a directory that exists; None where somebody else holds it.

    Raises:
        UnsupportedError: The file system has no hard links.
        OSError: The file system failed.
    """
    path = f"{directory}/{key}"
    taken_over = False
    for _ in range(_MAX_TRIES):
        holder = _holder_of(directory)
        with _lock:
            if path in holder.leases:
                return None
            holder.leases.add(path)
        linked = False
        try:
            holder.touch(_TOUCH_INTERVAL)
            linked = _link(holder, path)
        except FileNotFoundError:  # another process took this one for dead while it began, or somebody cleaned up
            _forget_holder(directory, holder)
            continue
        finally:
            if not linked:
                holder.leases.discard(path)
        if linked:
            return FileLease(path, holder, taken_over)
        removed = _remove_if_stale(path, holder)
        if removed is None:
            return None
        taken_over = taken_over or removed
    return None


def _link(holder: _HolderFile, path: str) -> bool:
    """Make `path` a link to this process's file; return False where it is a link to another's."""
    try:
        os.link(holder.path, path)
    except FileExistsError:
        # It may be our own: an earlier removal failed, or NFS sent the request twice.
        return _is_at(path, holder.status())
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise UnsupportedError from error
        raise
    return True


def remove_abandoned(directory: str, prefix: str = "") -> None:
    """Remove the files of dead processes in `directory` whose names begin with `prefix`, unless another process does.

    Raises:
        OSError: The directory could not be listed.
    """
    with locked_directory(directory, wait=False) as locked:
        for name in os.listdir(directory) if locked else ():
            if not name.startswith(prefix):
                continue
            with suppress(OSError):  # a holder may remove its own at the same time; what is no file is left
                path = f"{directory}/{name}"
                with open_descriptor(path, _OPEN_FLAGS) as descriptor:
                    if lock_file(descriptor):
                        os.unlink(path)


def _remove_if_stale(path: str, own: _HolderFile) -> bool | None:
    """Remove a lease whose holder is dead or silent; return whether it was removed, None where it is still held."""
    try:
        descriptor = os.open(path, _OPEN_FLAGS)
    except FileNotFoundError:
        return False
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EEXIST, "something other than a file is in the way")
        if not (lock_file(descriptor) or _is_silent(status, time.time())):
            return None
        with locked_directory(os.path.dirname(path), wait=False) as locked:
            if not locked:
                return None
            if not _is_at(path, status):
                return False
            # The time is that of a file just touched: the clock of a file server may differ from ours.
            now = own.status()
            if not lock_file(descriptor) and (now is None or not _is_silent(os.fstat(descriptor), now.st_mtime)):
                return None
            os.unlink(path)
            return True
    finally:
        os.close(descriptor)


def _is_at(path: str, status: os.stat_result | None) -> bool:
    """Return whether `path` is the file of this `status`."""
    if status is None:
        return False
    try:
        current = os.lstat(path)
    except FileNotFoundError:
        return False
    return (current.st_ino, current.st_dev) == (status.st_ino, status.st_dev)


def _is_silent(status: os.stat_result, now: float) -> bool:
    """Return whether a file was not touched for long, or has a time in the future, from before a clock was set back."""
    return abs(now - status.st_mtime) > STALE_AFTER


# -- this process's files ---------------------------------------------------------------------------------------------

_holders: dict[str, _HolderFile] = {}
_all_holders: weakref.WeakSet[_HolderFile] = weakref.WeakSet()  # also those that are forgotten but still have leases
_lock = threading.Lock()


def _holder_of(directory: str) -> _HolderFile:
    holder = _holders.get(directory)
    if holder is not None:
        return holder
    with _lock:
        if directory not in _holders:
            remove_abandoned(directory, _HOLDER_PREFIX)  # once per process and directory
            _holders[directory] = _HolderFile(directory)
        return _holders[directory]


def _forget_holder(directory: str, holder: _HolderFile) -> None:
    """Let the next lease create a new file; leases that are held still refer to the old one."""
    with _lock:
        if _holders.get(directory) is holder:
            del _holders[directory]


def _remove_holders() -> None:
    for holder in list(_all_holders):
        with suppress(OSError):  # another process will remove it
            os.unlink(holder.path)


def _close_in_child() -> None:
    """Close the descriptors that a fork has copied: a lock lasts until its last copy is closed, and is the parent's."""
    global _lock
    for holder in list(_all_holders):
        holder.close()
    _holders.clear()
    _lock = threading.Lock()  # another thread may have held it at the fork


atexit.register(_remove_holders)
os.register_at_fork(after_in_child=_close_in_child)
