"""Small entries, several of which share a file: each entry is a hard link, and the file is removed with its last link.

Creating a file takes longer than anything else in storing a few bytes. So a process creates a file without a name
(``O_TMPFILE``), appends an entry to it, and only then links the file under the name of the entry's key. So a reader
sees the whole entry or nothing. The file is closed after each entry, and opened again by its last name.
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
from foundations.adapters.filesystem.cache.file_format import MAX_SHARED_FILE
from foundations.adapters.filesystem.cache.writing import pack_small_entry
from foundations.ports.frames import ALIGNMENT, Buffer

_MAX_ENTRY = MAX_SHARED_FILE // 2  # bytes
_MAX_AGE = 60.0  # seconds, so that the entries of a file have about the same age
_UNNAMED = getattr(os, "O_TMPFILE", 0)
_NO_UNNAMED_FILES = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS})
_NO_LINKING = frozenset({errno.EPERM, errno.EACCES, errno.ENOENT, errno.EOPNOTSUPP, errno.ENOSYS})
"""Errors of systems that cannot link a file without a name; ENOENT is that of systems without /proc."""


class UnsupportedError(Exception):
    """The operating system or the file system has no files without a name, or cannot link them."""


class _SharedFile(NamedTuple):
    """A file that this process has created and may append entries to.

    Attributes:
        process: The process's number; the child of a fork has another.
        directory: The directory of its names.
        name: The name that it was given last.
        device: The file's device; together with `inode` and `size` it identifies the file.
        inode: The file's inode number.
        size: The file's size in bytes.
        keys: The keys of its entries; it has at most one entry per key.
        created_at: The time of its creation, on the monotonic clock.
    """

    process: int
    directory: str
    name: str
    device: int
    inode: int
    size: int
    keys: frozenset[str]
    created_at: float


_last_file: list[_SharedFile] = []
"""The file that an entry was appended to last; empty where no entry may be appended."""

_appending = threading.Lock()


def put_small_entry(
    directory: str, key: str, value: Sequence[Buffer], metadata: bytes, *, if_absent: bool
) -> bool | None:
    """Store a small entry under its name in `directory`; return whether it was stored.

    The result is None where the entry needs a file of its own: it is too large, another thread appends an entry at this
    moment, or the disk fails. In the last case, writing a file of its own reports the failure.

    Args:
        directory: The directory, an absolute path.
        key: The entry's key, which is its name.
        value: The value's buffers.
        metadata: The value's metadata.
        if_absent: Leave an entry that already exists.

    Raises:
        UnsupportedError: This system cannot store entries in this way.
    """
    entry = pack_small_entry(key, value, metadata, _MAX_ENTRY)
    if entry is None or not _appending.acquire(blocking=False):
        return None
    try:
        return _append(directory, key, entry, if_absent)
    except OSError:
        return None
    finally:
        _appending.release()


def _append(directory: str, key: str, entry: bytes, if_absent: bool) -> bool:
    descriptor, shared = _reopen_last_file(directory, key, len(entry)) or _create_file(directory)
    try:
        _last_file.clear()  # nothing is appended to a file that may end with a part of an entry
        begin = os.lseek(descriptor, _aligned(shared.size), os.SEEK_SET)
        write_all(descriptor, [entry])
        if not _link_entry(descriptor, directory, key, if_absent, is_new_file=shared.size == 0):
            return False
        _last_file.append(shared._replace(name=key, size=begin + len(entry), keys=shared.keys | {key}))
        return True
    finally:
        with suppress(OSError):  # the entry has its name; where the disk has lost content, the digest shows it
            os.close(descriptor)


def _reopen_last_file(directory: str, key: str, size: int) -> tuple[int, _SharedFile] | None:
    """Return the last file and its descriptor, where it still exists and has room for an entry of `size` bytes."""
    if not _last_file:
        return None
    shared = _last_file[0]
    if shared.process != os.getpid() or shared.directory != directory or key in shared.keys:
        return None
    if _aligned(shared.size) + size > MAX_SHARED_FILE or time.monotonic() > shared.created_at + _MAX_AGE:
        return None
    try:
        descriptor = os.open(f"{directory}/{shared.name}", os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # the entry of this name has been deleted
        return None
    status = os.fstat(descriptor)
    if (status.st_dev, status.st_ino, status.st_size) == (shared.device, shared.inode, shared.size):
        return descriptor, shared
    os.close(descriptor)  # the name now belongs to another file
    return None


def _create_file(directory: str) -> tuple[int, _SharedFile]:
    """Return a new file without a name, and its descriptor."""
    if not _UNNAMED:
        raise UnsupportedError("the operating system has no files without a name")
    try:
        descriptor = os.open(directory, _UNNAMED | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in _NO_UNNAMED_FILES:
            raise UnsupportedError(f"the file system has no files without a name: {error}") from error
        raise
    try:
        os.fchmod(descriptor, 0o600)  # whatever the umask
        status = os.fstat(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    created_at = time.monotonic()
    return descriptor, _SharedFile(os.getpid(), directory, "", status.st_dev, status.st_ino, 0, frozenset(), created_at)


def _link_entry(descriptor: int, directory: str, key: str, if_absent: bool, *, is_new_file: bool) -> bool:
    """Give the file the name of `key`; return False where `if_absent` is set and the name is taken."""
    path = f"{directory}/{key}"
    try:
        _link(descriptor, path)
    except FileExistsError:
        if if_absent:
            return False
        _replace(descriptor, directory, path)
    except OSError as error:
        if is_new_file and error.errno in _NO_LINKING:
            raise UnsupportedError(f"a file without a name cannot be linked: {error}") from error
        raise
    return True


def _replace(descriptor: int, directory: str, path: str) -> None:
    temporary = f"{directory}/{temporary_name()}"
    try:
        _link(descriptor, temporary)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):  # the first error is the one to report
            os.unlink(temporary)
        raise


def _link(descriptor: int, path: str) -> None:
    # The path is absolute, so the system ignores the directory's descriptor; it makes Python follow the link in /proc.
    os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=descriptor)


def _aligned(size: int) -> int:
    return size + -size % ALIGNMENT
