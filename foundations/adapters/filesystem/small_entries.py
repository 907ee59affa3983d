"""Small entries share files: each is a name of one, a hard link, and goes with its name.

Most file systems are slow at making files, ext4 above all where many were deleted lately. So a process has a file at
hand for a directory, without a name at first, adds an entry to its end, and only then gives the file the name that the
entry is looked for under. A reader so sees all of an entry or nothing, and the file is gone with the last of its names.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from foundations.adapters._shared.files import temporary_name
from foundations.adapters.filesystem.cache_file import MAGIC, MOST_SHARED, place_at
from foundations.adapters.filesystem.cache_writing import small_body, small_entry
from foundations.ports.frames import ALIGNMENT, Buffer

LARGEST: Final = MOST_SHARED // 4
"""Bytes up to which an entry is small."""

_OPEN_FOR = 60.0  # seconds: the entries of a file are of one age
_CANNOT = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EACCES})
"""Errors of systems that cannot do it, or do not let us; where the disk refuses, a file of its own will tell so."""

_UNNAMED = getattr(os, "O_TMPFILE", 0)


class UnsupportedError(Exception):
    """The file system, or the operating system, has no files without a name, or no hard links."""


class _SharedFile:
    """A file of this process in some directory.

    Attributes:
        position: Where the next entry begins.
    """

    __slots__ = ("_descriptor", "_identity", "_keys", "_opened_at", "position")

    def __init__(self, directory: str) -> None:
        self.position = 0
        self._keys: set[str] = set()  # of one key it has one entry
        self._opened_at = time.monotonic()
        self._descriptor = os.open(directory, _UNNAMED | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        self._identity = self._looked_at()

    def takes(self, key: str, size: int) -> bool:
        """Return whether there is room for an entry, and the file is still ours: the user's code may close any."""
        if key in self._keys or self.position + size > MOST_SHARED or time.monotonic() > self._opened_at + _OPEN_FOR:
            return False
        try:
            return self._looked_at() == self._identity
        except OSError:
            return False

    def add(self, key: str, entry: bytes) -> None:
        """Write an entry to the end."""
        end = self.position
        while entry:
            count = os.pwrite(self._descriptor, entry, end)
            entry = entry[count:]
            end += count
        self._keys.add(key)
        self.position = end + -end % ALIGNMENT

    def link(self, path: str) -> None:
        """Give the file one more name."""
        # the directory's descriptor is not used, the path being absolute, but makes Python follow the link in /proc
        os.link(f"/proc/self/fd/{self._descriptor}", path, src_dir_fd=self._descriptor)

    def close(self) -> None:
        """Let go of the file, unless the descriptor is another's now."""
        with suppress(OSError):
            if self._looked_at() == self._identity:
                os.close(self._descriptor)

    def _looked_at(self) -> tuple[int, int]:
        status = os.fstat(self._descriptor)
        return status.st_dev, status.st_ino


def put_small(directory: str, key: str, value: Sequence[Buffer], about: bytes, *, if_absent: bool) -> bool | None:
    """Put an entry under its name in `directory`, if it is small; return whether it was put, None where it is not.

    Args:
        directory: Where it is put; an absolute path.
        key: Its key, and name.
        value: The value's buffers.
        about: What is known about the value.
        if_absent: Leave what is there.

    Raises:
        UnsupportedError: It cannot be done here.
        OSError: It could not be written.
    """
    small = small_body(key, value, about, LARGEST)
    if small is None:
        return None
    body, size = small
    with _adding:
        try:
            for _ in range(2):
                shared = _file_for(directory, key, size)
                entry = small_entry(key, body, about, place_at(shared.position))
                if entry.find(MAGIC, 1) >= 0:  # it would look like the beginning of one
                    return None
                shared.add(key, entry)
                try:
                    return _named(shared, directory, key, if_absent)
                except FileNotFoundError:  # all its names are gone, or the directory is, which the next one finds out
                    _close(directory)
        except OSError as error:
            _close(directory)  # whatever lies at its end
            if error.errno in _CANNOT:
                raise UnsupportedError(str(error)) from error
            raise
    raise UnsupportedError("a file without a name gets none by way of /proc/self/fd")


def _named(shared: _SharedFile, directory: str, key: str, if_absent: bool) -> bool:
    path = f"{directory}/{key}"
    try:
        shared.link(path)
    except FileExistsError:
        if if_absent:
            return False
        temporary = f"{directory}/{temporary_name()}"
        shared.link(temporary)
        try:
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):  # the first error is the one to tell
                os.unlink(temporary)
            raise
    return True


# -- this process's files ---------------------------------------------------------------------------------------------

_files: dict[str, _SharedFile] = {}
_adding = threading.Lock()


def _file_for(directory: str, key: str, size: int) -> _SharedFile:
    shared = _files.get(directory)
    if shared is None or not shared.takes(key, size):
        if not _UNNAMED:
            raise UnsupportedError("the operating system has no files without a name")
        _close(directory)
        shared = _files[directory] = _SharedFile(directory)
    return shared


def _close(directory: str) -> None:
    shared = _files.pop(directory, None)
    if shared is not None:
        shared.close()


def _let_go_in_child() -> None:
    """Leave the files to the process that has forked this one: they would write to the same place."""
    global _adding
    for directory in list(_files):
        _close(directory)
    _adding = threading.Lock()  # another thread may have held it


os.register_at_fork(after_in_child=_let_go_in_child)
