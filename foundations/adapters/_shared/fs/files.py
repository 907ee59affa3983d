"""Files that appear whole or not at all.

Loaded in every job process: nothing heavier than ``os`` is imported here.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from foundations.errors import StorageUnavailableError
from foundations.ports.frames import Buffer

TEMPORARY_PREFIX: Final = ".tmp-"
"""The beginning of the names of unfinished files, which lie in the directory of the finished ones."""

CHUNK: Final = 1 << 20
"""The number of bytes that are held in memory while a file is copied."""

_MIN_MAPPED = 1 << 22
_BUFFERS_A_CALL = 512  # well below every system's IOV_MAX
_COPYING_UNSUPPORTED = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})
_REMEDIES = {
    errno.ENOSPC: "Free some space, or configure another place.",
    errno.EDQUOT: "Free some of your quota, or configure another place.",
    errno.EACCES: "Give yourself access to it, or configure another place.",
    errno.EPERM: "Give yourself access to it, or configure another place.",
    errno.EROFS: "Make the file system writable, or configure another place.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n).",
    errno.EISDIR: "A directory is in the way: an item's name cannot also be the beginning of another's.",
    errno.ENOTDIR: "A file is in the way: an item's name cannot also be the beginning of another's.",
}


def identity_of(path: str | Path) -> tuple[int, int] | None:
    """Return the device and the inode number that a path leads to, by whatever name; None where it leads to nothing."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


@contextmanager
def translating_os_errors(path: Path, action: str) -> Iterator[None]:
    """Translate each OSError of the block into a :class:`StorageUnavailableError`.

    Args:
        path: The file or directory that the block works on; it becomes the error's ``path``.
        action: What the block does with it, as in "write".
    """
    try:
        yield
    except OSError as error:
        raise unavailable_error(path, action, error) from error


def unavailable_error(path: str | Path, action: str, error: OSError) -> StorageUnavailableError:
    """Return the error that :func:`translating_os_errors` raises for `error`."""
    reason = error.strerror or str(error) or type(error).__name__
    remedy = _REMEDIES.get(error.errno or 0, "Check the path, or configure another place.")
    return StorageUnavailableError(f"cannot {action} {path}: {reason}. {remedy}", path=str(path))


def temporary_name() -> str:
    """Return a name for an unfinished file that no other writer, on this machine or another, will choose."""
    return f"{TEMPORARY_PREFIX}{os.getpid()}-{os.urandom(8).hex()}"


def write_all(descriptor: int, buffers: Iterable[Buffer]) -> None:
    """Write every byte of `buffers` in order, however few the system takes at a time."""
    waiting: list[memoryview] = []
    for buffer in buffers:
        waiting.append(memoryview(buffer).cast("B"))
        if len(waiting) == _BUFFERS_A_CALL:
            _write_views(descriptor, waiting)
            waiting = []
    _write_views(descriptor, waiting)


def _write_views(descriptor: int, views: list[memoryview]) -> None:
    first = 0
    while first < len(views):
        written = os.writev(descriptor, views[first:])
        while first < len(views) and written >= views[first].nbytes:
            written -= views[first].nbytes
            first += 1
        if written:
            views[first] = views[first][written:]


def read_all(descriptor: int, size: int) -> bytearray | memoryview:
    """Return the rest of a file in writable memory.

    Args:
        descriptor: The file, which is read from its current position.
        size: The expected number of bytes; the whole rest is returned even where it is longer or shorter.
    """
    data = allocate(size)
    filled = 0
    with memoryview(data) as view:
        while filled < size:
            count = os.readv(descriptor, [view[filled:]])
            if not count:
                break
            filled += count
    more = os.read(descriptor, CHUNK)
    if filled == size and not more:
        return data
    whole = bytearray(memoryview(data)[:filled])
    while more:
        whole += more
        more = os.read(descriptor, CHUNK)
    return whole


def allocate(size: int) -> bytearray | memoryview:
    """Return `size` writable bytes; a large block is mapped, so that it is not filled with zeros first."""
    if size < _MIN_MAPPED:
        return bytearray(size)
    import mmap

    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # the kernel has no huge pages
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)


def copy_all(source: int, target: int, count: int | None = None) -> None:
    """Copy the rest of the open file `source` to `target`, inside the kernel where that is possible.

    Args:
        source: A descriptor, which is read from its current position.
        target: A descriptor, which is written at its current position.
        count: The largest number of bytes to copy; None for all.
    """
    left = sys.maxsize if count is None else count
    copy = getattr(os, "copy_file_range", None)
    try:
        while copy is not None and left and (copied := copy(source, target, min(left, CHUNK))):
            left -= copied
    except OSError as error:
        if error.errno not in _COPYING_UNSUPPORTED:
            raise
    while left and (data := os.read(source, min(left, CHUNK))):  # also the end, which some kernels do not copy
        write_all(target, [data])
        left -= len(data)


def write_atomically(path: Path, buffers: Iterable[Buffer], *, exclusive: bool = False, durable: bool = True) -> bool:
    """Make `buffers` the content of `path`: at every moment a reader sees the old file, or the new one whole.

    Args:
        path: The file, in a directory that exists; its mode becomes 0600.
        buffers: The content.
        exclusive: Leave a file that already exists; of several callers exactly one writes.
        durable: Return only when a power failure would not undo the change.

    Returns:
        Whether the file was written; False only where `exclusive` is set and a file exists.

    Raises:
        OSError: The file could not be written; nothing is left behind.
    """
    return replace_file(
        path, lambda descriptor: write_all(descriptor, buffers), exclusive=exclusive, durable=durable, mode=0o600
    )


@contextmanager
def open_descriptor(path: str | os.PathLike[str], flags: int, mode: int = 0o600) -> Iterator[int]:
    """Open a file or directory and yield its descriptor, which programs that are started do not inherit.

    Args:
        path: The file or directory.
        flags: Those of ``os.open``.
        mode: The mode of a file that is created.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC, mode)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def copy_atomically(source: Path, path: Path, *, exclusive: bool = False, mode: int = 0o600) -> bool:
    """Make the content of the file `source` that of `path`, durably, in bounded memory.

    Arguments, result and errors are those of :func:`write_atomically`.
    """
    with open_descriptor(source, os.O_RDONLY) as reader:
        return replace_file(
            path, lambda descriptor: copy_all(reader, descriptor), exclusive=exclusive, durable=True, mode=mode
        )


def link_atomically(source: Path, path: Path) -> None:
    """Make `path` a hard link to the file `source`, durably; a file that was there is replaced."""
    temporary = path.with_name(temporary_name())
    temporary.hardlink_to(source)
    try:
        temporary.replace(path)
    finally:
        # A rename from one name of a file to another of its names does nothing.
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Flush the directory `path`, so that the names in it survive a power failure."""
    with open_descriptor(path, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        os.fsync(descriptor)


@contextmanager
def locked_directory(path: str | os.PathLike[str], *, wait: bool = True) -> Iterator[bool]:
    """Lock the directory `path` against every other process and thread that locks it; a process's death unlocks it.

    Args:
        path: The directory.
        wait: Wait for the lock. Otherwise the block runs at once, with False where somebody else has it.
    """
    with open_descriptor(path, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        yield lock_file(descriptor, wait=wait)


def lock_file(descriptor: int, *, wait: bool = False) -> bool:
    """Lock an open file or directory; return False where somebody else has locked it and `wait` is not set."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def replace_file(
    path: str | os.PathLike[str], write: Callable[[int], None], *, exclusive: bool, durable: bool, mode: int
) -> bool:
    """Write a new file and put it in the place of `path` when it is complete.

    `write` is called with the new file's descriptor. The other arguments, the result and the errors are those of
    :func:`write_atomically`; what `write` raises is passed on.
    """
    target = os.fspath(path)  # Path's methods take longer than writing a small value
    temporary = target[: target.rfind("/") + 1] + temporary_name()
    try:
        with open_descriptor(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode) as descriptor:
            write(descriptor)
            if durable:
                os.fsync(descriptor)
        if exclusive:
            is_placed = _link_if_absent(temporary, target)
        else:
            os.replace(temporary, target)
            is_placed = True
    except BaseException:
        with suppress(OSError):  # the first error is the one to report
            os.unlink(temporary)
        raise
    if durable:
        sync_directory(Path(target).parent)
    return is_placed


def _link_if_absent(temporary: str, target: str) -> bool:
    try:
        os.link(temporary, target)
    except FileExistsError:
        return False
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
    return True
