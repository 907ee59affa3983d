"""Leases as hard links: ``<root>/leases/<key>`` is another name of a file that the holder's process keeps locked.

That file, ``<root>/leases/.holder-…``, is made once a process. Its lock goes with the process, so that the kernel tells
who is dead; its time of change, renewed while leases are held, tells who is silent. Making a lease so makes no file,
which file systems are slow at: ext4 looks for an inode that was not freed lately.

Nobody ever waits for a lock, and whoever removes another's lease holds the directory's. A holder removes its own
without: one that is stopped for a minute between looking and removing, or a clock that jumps, may have a value computed
twice.
"""

from __future__ import annotations

import atexit
import errno
import fcntl
import math
import os
import stat
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from foundations.adapters._shared.fs.files import translating_os_errors
from foundations.ports.cache import Lease

OVERTAKEN_AFTER: Final = 60.0
"""Seconds without a sign of life after which a lease may be taken from its holder, in the file system's own time."""

_SHOWN_LATELY = 5.0  # seconds
_HOLDER = ".holder-"  # what no key begins with
_TRIES = 100  # others release as often between two steps of ours
_OPENING = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class UnsupportedError(Exception):
    """The file system has no hard links."""


class _Holder:
    """The file that this process keeps locked in a directory of leases.

    Attributes:
        name: Its path.
        held: The paths of the leases that it stands for.
    """

    __slots__ = ("__weakref__", "_descriptor", "_seen_at", "held", "name")

    def __init__(self, directory: str) -> None:
        self.held: set[str] = set()
        self._seen_at = -math.inf
        self._descriptor: int | None = None
        while self._descriptor is None:
            self.name = f"{directory}/{_HOLDER}{os.getpid()}-{os.urandom(8).hex()}"
            descriptor = os.open(self.name, _OPENING | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                if _locked(descriptor):  # else somebody just looks whether it is a dead one's, and removes it
                    self._descriptor = descriptor
            finally:
                if self._descriptor is None:
                    os.close(descriptor)
        _all.add(self)

    def __del__(self) -> None:
        self.close()

    def show_life(self, at_least_every: float = 0.0) -> None:
        """Touch the file, if that was not done within so many seconds, unless a fork has left it to the parent."""
        now = time.monotonic()
        if self._descriptor is not None and now - self._seen_at >= at_least_every:
            os.utime(self._descriptor)
            self._seen_at = now

    def status(self) -> os.stat_result | None:
        """Return the status of the file; None in a fork's child."""
        return None if self._descriptor is None else os.fstat(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


class FileLease(Lease):
    """A name of this process's file."""

    __slots__ = ("_holding", "_path", "overtaken")

    def __init__(self, path: str, holder: _Holder, overtaken: bool) -> None:
        self.overtaken = overtaken
        self._path = path
        self._holding = [holder]  # empty once it is released: of several threads, one takes it out

    def __del__(self) -> None:
        self.release()

    def renew(self) -> None:
        """See :meth:`Lease.renew`; after its release it does nothing."""
        for holder in self._holding:
            with translating_os_errors(Path(self._path), "renew"):
                holder.show_life()

    def release(self) -> None:
        """See :meth:`Lease.release`; what cannot be removed is free when the process ends, or asks for it again."""
        try:
            holder = self._holding.pop()
        except IndexError:
            return
        try:
            with suppress(OSError):
                if _is_at(self._path, holder.status()):
                    os.unlink(self._path)
        finally:
            holder.held.discard(self._path)


def acquired(directory: str, key: str) -> FileLease | None:
    """Return the lease of `key`, in a directory that exists; None where somebody else holds it.

    Raises:
        UnsupportedError: The file system has no hard links.
        OSError: It could not be told.
    """
    path = f"{directory}/{key}"
    overtaken = False
    for _ in range(_TRIES):
        holder = _holder_in(directory)
        with _making:
            if path in holder.held:
                return None
            holder.held.add(path)
        linked = False
        try:
            holder.show_life(at_least_every=_SHOWN_LATELY)
            linked = _linked(holder, path)
        except FileNotFoundError:  # somebody took this process for dead while it began, or cleaned up
            _forget(directory, holder)
            continue
        finally:
            if not linked:
                holder.held.discard(path)
        if linked:
            return FileLease(path, holder, overtaken)
        removed = _removed(path, holder)
        if removed is None:
            return None
        overtaken = overtaken or removed
    return None


def _linked(holder: _Holder, path: str) -> bool:
    """Make `path` another name of this process's file; return False where it is that of another's."""
    try:
        os.link(holder.name, path)
    except FileExistsError:
        return _is_at(path, holder.status())  # ours could not be removed once; or NFS has asked for it twice
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise UnsupportedError from error
        raise
    return True


def remove_abandoned(directory: str, beginning: str = "") -> None:
    """Remove what dead processes left in `directory` under names with some `beginning`, as far as nobody else does.

    Raises:
        OSError: It could not be listed.
    """
    with _directory_locked(directory) as alone:
        for name in os.listdir(directory) if alone else ():
            if not name.startswith(beginning):
                continue
            with suppress(OSError):  # a holder removes its own meanwhile; what is no file is nobody's
                path = f"{directory}/{name}"
                descriptor = os.open(path, _OPENING)
                try:
                    if _locked(descriptor):
                        os.unlink(path)
                finally:
                    os.close(descriptor)


def _removed(path: str, ours: _Holder) -> bool | None:
    """Remove a lease whose holder is dead or silent; return whether that was done, None where it is still held."""
    try:
        descriptor = os.open(path, _OPENING)
    except FileNotFoundError:
        return False
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EEXIST, "something other than a file is in the way")
        if not (_locked(descriptor) or _is_silent(status, time.time())):
            return None
        with _directory_locked(os.path.dirname(path)) as alone:
            if not alone:
                return None
            if not _is_at(path, status):
                return False
            # Compared with a file just touched: the server's clock may differ from ours.
            now = ours.status()
            if not _locked(descriptor) and (now is None or not _is_silent(os.fstat(descriptor), now.st_mtime)):
                return None
            os.unlink(path)
            return True
    finally:
        os.close(descriptor)


@contextmanager
def _directory_locked(directory: str) -> Iterator[bool]:
    """Exclude whoever else removes others' leases; the block learns whether that was possible."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
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


def _is_at(path: str, status: os.stat_result | None) -> bool:
    if status is None:
        return False
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    return (found.st_ino, found.st_dev) == (status.st_ino, status.st_dev)


def _is_silent(status: os.stat_result, now: float) -> bool:
    """Return whether a file was not touched for long; also one of the future, from before the clock was set back."""
    return abs(now - status.st_mtime) > OVERTAKEN_AFTER


# -- this process's files ---------------------------------------------------------------------------------------------

_holders: dict[str, _Holder] = {}
_all: weakref.WeakSet[_Holder] = weakref.WeakSet()  # those that were removed, but still stand for leases, too
_making = threading.Lock()


def _holder_in(directory: str) -> _Holder:
    holder = _holders.get(directory)
    if holder is not None:
        return holder
    with _making:
        if directory not in _holders:
            remove_abandoned(directory, _HOLDER)  # whoever wants a dead one's lease has to see that it is one's
            _holders[directory] = _Holder(directory)
        return _holders[directory]


def _forget(directory: str, holder: _Holder) -> None:
    """Have the next lease make a new file; leases that are held still refer to the old one."""
    with _making:
        if _holders.get(directory) is holder:
            del _holders[directory]


def _remove_holders() -> None:
    for holder in list(_all):
        with suppress(OSError):  # the next process that looks removes it
            os.unlink(holder.name)


def _let_go_in_child() -> None:
    """Close what a fork has copied: a lock lasts until its last copy is closed, and it is the parent's."""
    global _making
    for holder in list(_all):
        holder.close()
    _holders.clear()
    _making = threading.Lock()  # another thread may have held it


atexit.register(_remove_holders)
os.register_at_fork(after_in_child=_let_go_in_child)
