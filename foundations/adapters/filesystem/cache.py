"""The cache as a directory of files."""

from __future__ import annotations

import binascii
import os
import stat
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from foundations import events
from foundations.adapters._shared.files import (
    TEMPORARY_PREFIX,
    read_all,
    translating_os_errors,
    write_atomically,
)
from foundations.adapters._shared.rules import check_cache_key, is_cache_key
from foundations.adapters._shared.trusted import check_private_directory, could_be_foreign, ensure_private_directory
from foundations.adapters.filesystem.root import absolute_root, ensure_writable, readable
from foundations.errors import StorageError, UntrustedLocationError
from foundations.ports.cache import CacheBackend, CacheEntry
from foundations.ports.frames import ALIGNMENT, Buffer, join_frames, split_frames

_MAGIC = b"FNDCACH1"
_DIGEST_SIZE = 32
_BEFORE_KEY = len(_MAGIC) + _DIGEST_SIZE
_ABANDONED_AFTER = 24 * 3600.0  # seconds; no writer is that slow


class LocalFileSystemCacheBackend(CacheBackend):
    """Keeps each entry in a file of its own under ``<root>/cache``.

    A file holds, after a magic number, the SHA-256 of all that follows: the key, and the value as frames. So
    nothing needs to be flushed to the disk at once: what a power failure tore is recognised. Entries that are damaged,
    or that somebody else could have written, are moved to ``<root>/damaged``.

    Args:
        root: An absolute path, or one that begins with ``~``; made on the first write, private to the user.

    Raises:
        ConfigurationError: `root` is relative.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = absolute_root(root)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.root)!r})"

    def check(self) -> None:
        """See :meth:`CacheBackend.check`."""
        check_private_directory(self.root)

    def get(self, key: str) -> list[memoryview] | None:
        """See :meth:`CacheBackend.get`; the views are writable, and of memory that only the caller has."""
        path = self._path(key)
        if not readable(self.root, path.parent):
            return None
        with translating_os_errors(path, "read"):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
            except OSError:
                status = path.lstat()
                if stat.S_ISREG(status.st_mode):
                    raise
                self._set_aside(key, path, status, "it is not a regular file")
                return None
            try:
                status = os.fstat(descriptor)
                try:
                    value = self._load(key, descriptor, status)
                except ValueError as error:
                    self._set_aside(key, path, status, str(error))
                    return None
                self._renew(key, descriptor, status)
            finally:
                os.close(descriptor)
        return value

    def put(self, key: str, value: Sequence[Buffer], *, if_absent: bool = False) -> bool:
        """See :meth:`CacheBackend.put`."""
        path = self._path(key)
        ensure_writable(self.root, path.parent)
        with translating_os_errors(path, "write"):
            if if_absent and os.path.lexists(path):
                return False
            return write_atomically(path, _content(key, value), exclusive=if_absent, durable=False)

    def delete(self, key: str) -> bool:
        """See :meth:`CacheBackend.delete`."""
        path = self._path(key)
        if not readable(self.root, path.parent):
            return False
        with translating_os_errors(path, "delete"):
            try:
                path.unlink()
            except FileNotFoundError:
                return False
        return True

    def entries(self) -> Iterator[CacheEntry]:
        """See :meth:`CacheBackend.entries`; also removes what writers that died left a day ago or earlier."""
        top = self.root / "cache"
        if not readable(self.root, top):
            return
        with translating_os_errors(top, "list"):
            directories = sorted(top.iterdir())
        for directory in directories:
            if not readable(self.root, directory):
                continue
            with translating_os_errors(directory, "list"):
                files = list(directory.iterdir())
            for file in files:
                entry = self._entry(file)
                if entry is not None:
                    yield entry

    def _path(self, key: str) -> Path:
        fan_out = binascii.crc32(check_cache_key(key).encode()) & 0xFF
        return self.root / "cache" / f"{fan_out:02x}" / key

    def _entry(self, file: Path) -> CacheEntry | None:
        with translating_os_errors(file, "look at"):
            try:
                status = file.lstat()
                if file.name.startswith(TEMPORARY_PREFIX) and status.st_mtime < time.time() - _ABANDONED_AFTER:
                    file.unlink()
            except FileNotFoundError:
                return None
        if not is_cache_key(file.name) or not stat.S_ISREG(status.st_mode):
            return None
        return CacheEntry(
            key=file.name,
            size=status.st_size,
            created_at=status.st_mtime,
            last_used_at=max(status.st_atime, status.st_mtime),
        )

    def _load(self, key: str, descriptor: int, status: os.stat_result) -> list[memoryview]:
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        if could_be_foreign(status):
            raise ValueError("another user could have written it")
        return _value(key, read_all(descriptor, status.st_size))

    def _renew(self, key: str, descriptor: int, status: os.stat_result) -> None:
        try:
            os.utime(descriptor, ns=(max(time.time_ns(), status.st_mtime_ns), status.st_mtime_ns))
        except OSError as error:
            events.debug("cache_last_use_not_renewed", key=key, reason=str(error))

    def _set_aside(self, key: str, path: Path, status: os.stat_result, reason: str) -> None:
        """Move a damaged entry where nobody reads it, unless another writer has just replaced it."""
        aside = self.root / "damaged" / f"{key}-{os.urandom(4).hex()}"
        try:
            ensure_private_directory(aside.parent)
            if path.lstat().st_ino == status.st_ino:
                path.rename(aside)
        except FileNotFoundError:
            return  # another reader moved it, and told so
        except (OSError, StorageError, UntrustedLocationError) as error:
            events.warning("cache_entry_damaged", key=key, reason=reason, path=str(path), not_moved=str(error))
        else:
            events.warning("cache_entry_damaged", key=key, reason=reason, path=str(path), moved_to=str(aside))


def _content(key: str, value: Sequence[Buffer]) -> list[Buffer]:
    """Return what the entry's file holds; the frames begin at a multiple of their alignment."""
    name = key.encode()
    named = struct.pack("<H", len(name)) + name
    named += bytes(-(_BEFORE_KEY + len(named)) % ALIGNMENT)
    body: list[Buffer] = [named, *join_frames(value)]
    return [_MAGIC, _digest(body), *body]


def _value(key: str, data: bytearray | memoryview) -> list[memoryview]:
    """Return the value in an entry's file.

    Raises:
        ValueError: It is not what was written under `key`.
    """
    view = memoryview(data)
    if bytes(view[: len(_MAGIC)]) != _MAGIC:
        raise ValueError("it does not begin as a cache entry does")
    if bytes(view[len(_MAGIC) : _BEFORE_KEY]) != _digest([view[_BEFORE_KEY:]]):
        raise ValueError("it is not as it was written")
    (length,) = struct.unpack_from("<H", view, _BEFORE_KEY)
    start = _BEFORE_KEY + 2
    if bytes(view[start : start + length]) != key.encode():
        raise ValueError("it was written under another key")
    start += length
    return split_frames(view[start + -start % ALIGNMENT :])


def _digest(buffers: Sequence[Buffer]) -> bytes:
    from hashlib import sha256

    digest = sha256()
    for buffer in buffers:
        digest.update(buffer)
    return digest.digest()
