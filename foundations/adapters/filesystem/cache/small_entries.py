"""Small entries share files: each is a name of one, a hard link, and the file goes with the last of its names.

Making a file takes longer than anything else that storing a few bytes takes. So a process makes one without a name
(``O_TMPFILE``), adds an entry to its end, and only then gives it the name that the entry is looked for under. A reader
so sees all of an entry or nothing. Between two entries nothing is held open: the file is found again by the last name.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from foundations.adapters._shared.fs.files import temporary_name, write_all
from foundations.adapters.filesystem.cache.file_format import MOST_SHARED
from foundations.adapters.filesystem.cache.writing import small_entry
from foundations.ports.frames import ALIGNMENT, Buffer

_LARGEST = MOST_SHARED // 2  # bytes
_ADDED_TO_FOR = 60.0  # seconds: the entries of a file are of one age
_UNNAMED = getattr(os, "O_TMPFILE", 0)
_NO_FILE = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS})
_NO_NAME = frozenset({errno.EPERM, errno.EACCES, errno.ENOENT, errno.EOPNOTSUPP, errno.ENOSYS})
"""Errors of systems that cannot make a file without a name, or give it one; ENOENT is of those without /proc."""


class UnsupportedError(Exception):
    """The operating system or the file system lacks files without a name, or ways to give them one."""


class _SharedFile(NamedTuple):
    """A file that this process has made, and may add to.

    Attributes:
        process: The process's number; a fork's child has another.
        directory: Where its names are.
        name: The last of them.
        device: With `number` and `size`, what tells it from others.
        number: Its number on that device.
        size: How many bytes it has.
        keys: Whose entries it holds; of a key it has one.
        made_at: When it was made, on the monotonic clock.
    """

    process: int
    directory: str
    name: str
    device: int
    number: int
    size: int
    keys: frozenset[str]
    made_at: float


_last: list[_SharedFile] = []
"""The file that was added to last."""

_adding = threading.Lock()


def put_small(directory: str, key: str, value: Sequence[Buffer], about: bytes, *, if_absent: bool) -> bool | None:
    """Put an entry under its name in `directory`, if it is small; return whether it was put.

    None where it needs a file of its own: it is larger, somebody else adds one in this moment, or the disk refuses,
    which a file of its own then tells.

    Args:
        directory: Where it is put; an absolute path.
        key: Its key, and name.
        value: The value's buffers.
        about: What is known about the value.
        if_absent: Leave what is there.

    Raises:
        UnsupportedError: No entry can be put so here.
    """
    entry = small_entry(key, value, about, _LARGEST)
    if entry is None or not _adding.acquire(blocking=False):
        return None
    try:
        return _added(directory, key, entry, if_absent)
    except OSError:
        return None
    finally:
        _adding.release()


def _added(directory: str, key: str, entry: bytes, if_absent: bool) -> bool:
    descriptor, shared = _reopened(directory, key, len(entry)) or _made(directory)
    try:
        _last.clear()  # nothing is added to what may end with a part of an entry
        begin = os.lseek(descriptor, _aligned(shared.size), os.SEEK_SET)
        write_all(descriptor, [entry])
        if not _named(descriptor, directory, key, if_absent, is_new=shared.size == 0):
            return False
        _last.append(shared._replace(name=key, size=begin + len(entry), keys=shared.keys | {key}))
        return True
    finally:
        with suppress(OSError):  # the entry has its name; should the disk have lost it, its digest tells
            os.close(descriptor)


def _reopened(directory: str, key: str, size: int) -> tuple[int, _SharedFile] | None:
    """Return the last file and its descriptor, if it takes an entry of `size` bytes, and is still there."""
    if not _last:
        return None
    shared = _last[0]
    if shared.process != os.getpid() or shared.directory != directory or key in shared.keys:
        return None
    if _aligned(shared.size) + size > MOST_SHARED or time.monotonic() > shared.made_at + _ADDED_TO_FOR:
        return None
    try:
        descriptor = os.open(f"{directory}/{shared.name}", os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # its last name is gone
        return None
    status = os.fstat(descriptor)
    if (status.st_dev, status.st_ino, status.st_size) == (shared.device, shared.number, shared.size):
        return descriptor, shared
    os.close(descriptor)  # the name is another file's
    return None


def _made(directory: str) -> tuple[int, _SharedFile]:
    """Return a new file without a name, and its descriptor."""
    if not _UNNAMED:
        raise UnsupportedError("the operating system has no files without a name")
    try:
        descriptor = os.open(directory, _UNNAMED | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise UnsupportedError(f"the file system has no files without a name: {error}") from error
        raise
    try:
        os.fchmod(descriptor, 0o600)  # whatever the umask
        status = os.fstat(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    made_at = time.monotonic()
    return descriptor, _SharedFile(os.getpid(), directory, "", status.st_dev, status.st_ino, 0, frozenset(), made_at)


def _named(descriptor: int, directory: str, key: str, if_absent: bool, *, is_new: bool) -> bool:
    """Give a file the name of `key`; return whether it has got it."""
    path = f"{directory}/{key}"
    try:
        _link(descriptor, path)
    except FileExistsError:
        return False if if_absent else _replaced(descriptor, directory, path)
    except OSError as error:
        if is_new and error.errno in _NO_NAME:
            raise UnsupportedError(f"a file without a name gets none: {error}") from error
        raise
    return True


def _replaced(descriptor: int, directory: str, path: str) -> bool:
    temporary = f"{directory}/{temporary_name()}"
    try:
        _link(descriptor, temporary)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):  # the first error is the one to tell
            os.unlink(temporary)
        raise
    return True


def _link(descriptor: int, path: str) -> None:
    # the directory's descriptor is not used, the path being absolute, but makes Python follow the link in /proc
    os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=descriptor)


def _aligned(size: int) -> int:
    return size + -size % ALIGNMENT
