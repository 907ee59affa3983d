"""Files that appear whole or not at all.

Loaded in every job process: nothing heavier than ``os`` is imported here.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from foundations.errors import StorageUnavailableError
from foundations.ports.frames import Buffer

TEMPORARY_PREFIX: Final = ".tmp-"
"""What the names of unfinished files begin with; they lie beside what they will become."""

CHUNK: Final = 1 << 20
"""Bytes that are held in memory while a file is copied."""

_WORTH_A_MAP = 1 << 22
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


@contextmanager
def translating_os_errors(path: Path, action: str) -> Iterator[None]:
    """Raise what the operating system refuses inside the block as :class:`StorageUnavailableError`.

    Args:
        path: What the block works on; the error's ``path``.
        action: What it does, as in "write".
    """
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error) or type(error).__name__
        remedy = _REMEDIES.get(error.errno or 0, "Look at it, or configure another place.")
        raise StorageUnavailableError(f"cannot {action} {path}: {why}. {remedy}", path=str(path)) from error


def temporary_beside(path: Path) -> Path:
    """Return a name in `path`'s directory that no other writer, on this machine or another, will choose."""
    return path.with_name(temporary_name())


def temporary_name() -> str:
    """Return a name that nobody else takes, and that tells what it is for."""
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
    """Return what is left of a file in memory of the caller's own; `size` is how many bytes that should be."""
    data = memory_of(size)
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


def memory_of(size: int) -> bytearray | memoryview:
    """Return `size` writable bytes; large memory is not filled with zeros before it is filled with something else."""
    if size < _WORTH_A_MAP:
        return bytearray(size)
    import mmap

    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a kernel without them
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)


def copy_all(source: int, target: int, count: int | None = None) -> None:
    """Copy what is left of the open file `source` to `target`, inside the kernel where it can.

    Args:
        source: A descriptor, read from where it stands.
        target: A descriptor, written where it stands.
        count: At most so many bytes.
    """
    left = sys.maxsize if count is None else count
    copy = getattr(os, "copy_file_range", None)
    try:
        while copy is not None and left and (copied := copy(source, target, min(left, CHUNK))):
            left -= copied
    except OSError as error:
        if error.errno not in _COPYING_UNSUPPORTED:
            raise
    while left and (data := os.read(source, min(left, CHUNK))):  # also the end that a kernel left out
        write_all(target, [data])
        left -= len(data)


def write_atomically(path: Path, buffers: Iterable[Buffer], *, exclusive: bool = False, durable: bool = True) -> bool:
    """Make `buffers` the content of `path`: at every moment a reader sees the old file, or the new one whole.

    Args:
        path: The file, in a directory that exists; its mode becomes 0600.
        buffers: What to write.
        exclusive: Leave a file that is there; of several callers exactly one writes.
        durable: Return only when a power failure would not undo it.

    Returns:
        Whether it was written; False only where `exclusive` found a file.

    Raises:
        OSError: It could not be; nothing is left behind.
    """
    with replacing(path, exclusive=exclusive, durable=durable, mode=0o600) as (descriptor, outcome):
        write_all(descriptor, buffers)
    return outcome[0]


def copy_atomically(source: Path, path: Path, *, exclusive: bool = False, mode: int = 0o600) -> bool:
    """Make the content of the file `source` that of `path`, durably, in bounded memory.

    Arguments, result and errors are those of :func:`write_atomically`.
    """
    reader = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with replacing(path, exclusive=exclusive, durable=True, mode=mode) as (descriptor, outcome):
            copy_all(reader, descriptor)
    finally:
        os.close(reader)
    return outcome[0]


def link_atomically(source: Path, path: Path) -> None:
    """Make `path` another name of the file `source`, replacing what was there, durably."""
    temporary = temporary_beside(path)
    temporary.hardlink_to(source)
    try:
        temporary.replace(path)
    finally:
        # Renaming one name of a file to another of its names leaves both.
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Return when the names in the directory `path` would survive a power failure."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked_directory(path: Path) -> Iterator[None]:
    """Exclude every other process and thread that locks the directory `path`; dying lets go of it."""
    import fcntl

    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def replacing(
    path: str | os.PathLike[str], *, exclusive: bool, durable: bool, mode: int
) -> Iterator[tuple[int, list[bool]]]:
    """Lend a new file's descriptor; put the file in place when the block ends, remove it when the block fails.

    Arguments are those of :func:`write_atomically`; the list's one member becomes False where `exclusive` found a file.
    """
    target = os.fspath(path)  # a small value is written in less time than Path's methods take
    temporary = target[: target.rfind("/") + 1] + temporary_name()
    outcome = [True]
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            yield descriptor, outcome
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if exclusive:
            outcome[0] = _linked(temporary, target)
        else:
            os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):  # the first error is the one to tell
            os.unlink(temporary)
        raise
    if durable:
        sync_directory(Path(target).parent)


def _linked(temporary: str, target: str) -> bool:
    try:
        os.link(temporary, target)
    except FileExistsError:
        return False
    else:
        return True
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
