"""The adapter of the cache port."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from foundations import events
from foundations.adapters._shared.fs import trusted
from foundations.adapters._shared.fs.files import (
    TEMPORARY_PREFIX,
    replace_file,
    translating_os_errors,
    unavailable_error,
)
from foundations.adapters._shared.rules import check_cache_key, is_cache_key
from foundations.adapters.filesystem.cache.file_format import MAX_SHARED_FILE, FormerVersionError, MissingLibraryError
from foundations.adapters.filesystem.cache.reading import MAX_READ_WHOLE, read_entry, read_metadata
from foundations.adapters.filesystem.root import (
    absolute_root,
    ensure_writable,
    ensure_writable_cached,
    is_readable,
    is_readable_cached,
)
from foundations.errors import ConfigurationError, StorageError, UntrustedLocationError
from foundations.ports.cache import CacheBackend, CachedValue, CacheEntry, Lease
from foundations.ports.frames import Buffer

_T = TypeVar("_T")

_ABANDONED_AFTER = 24 * 3600.0  # seconds; no writer is that slow
_RENEW_INTERVAL = 60.0  # seconds; an eviction policy needs no more precision
_OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# Without this flag, reading itself might change the last use. Only the file's owner may set it.
_KEEP_LAST_USE = getattr(os, "O_NOATIME", 0)


class LocalFileSystemCacheBackend(CacheBackend):
    """Stores entries in files under ``<root>/cache`` and leases under ``<root>/leases``.

    An entry of up to 1 MiB is read and verified as a whole at each use. It is not flushed when it is put: an entry that
    a power failure has damaged is recognised.

    A larger entry is flushed when it is put. All of it is verified but out-of-band buffers of 64 KiB and more. These
    are mapped: they are read when they are used, and are as reliable as the disk. The file is never changed in place,
    and changing a mapped buffer does not change it. Using a mapped buffer kills the process (SIGBUS) where something
    else shortens the file, the disk cannot read it, or another machine deletes it on a network file system;
    ``verify="full"`` rules that out.

    Entries of up to 2 KiB may share a file of up to 4 KiB, and then its last use too. Last uses are precise to the
    minute. Damaged entries, and those that others could have written, are moved to ``<root>/damaged``.

    Args:
        root: An absolute path, or one that begins with ``~``; created on the first write, private to the user.
        verify: ``structure`` as described; with ``full`` entries of any size are read and verified as a whole.
        compress: None, or ``zstd``: buffers of 4 KiB and more are written compressed, and verified at each use. Entries
            record how they were written, so that those written otherwise stay readable.

    Raises:
        ConfigurationError: `root` is relative, `verify` or `compress` has another value, or the library that compresses
            is not installed.
    """

    def __init__(self, root: str | os.PathLike[str], *, verify: str = "structure", compress: str | None = None) -> None:
        self.root = absolute_root(root)
        self.verify = _check_choice("verify", verify, ("structure", "full"))
        self.compress = _check_choice("compress", compress, (None, "zstd"))
        if compress is not None:
            from foundations.adapters.filesystem.cache.compression import check_compression

            check_compression()
        self._root = str(self.root)
        self._entries = f"{self._root}/cache"
        self._leases = f"{self._root}/leases"
        self._shares_files = True

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.root)!r}, verify={self.verify!r}, compress={self.compress!r})"

    def check(self) -> None:
        """See :meth:`CacheBackend.check`."""
        trusted.check_private_directory(self.root)

    def get(self, key: str) -> CachedValue | None:
        """See :meth:`CacheBackend.get`."""
        return self._read(key, self._read_value)

    def get_metadata(self, key: str) -> bytes | None:
        """See :meth:`CacheBackend.get_metadata`; nothing of the value itself is read."""
        return self._read(key, lambda key, descriptor, status: read_metadata(key, descriptor, status.st_size))

    def put(self, key: str, value: Sequence[Buffer], metadata: bytes = b"", *, if_absent: bool = False) -> bool:
        """See :meth:`CacheBackend.put`."""
        path = self._path(key)
        try:
            return self._write_in(self._entries, lambda: self._put(key, path, value, metadata, if_absent))
        except OSError as error:
            raise unavailable_error(path, "write", error) from error

    def delete(self, key: str) -> bool:
        """See :meth:`CacheBackend.delete`; a buffer that is mapped stays valid, and keeps its space on the disk."""
        path = Path(self._path(key))
        if not is_readable(self.root, path.parent):
            return False
        with translating_os_errors(path, "delete"):
            try:
                path.unlink()
            except FileNotFoundError:
                return False
        return True

    def entries(self) -> Iterator[CacheEntry]:
        """See :meth:`CacheBackend.entries`; also removes dead processes' leases, and unfinished entries after a day."""
        from foundations.adapters.filesystem.cache.leases import remove_abandoned

        leases = Path(self._leases)
        if is_readable(self.root, leases):
            with translating_os_errors(leases, "list"):
                remove_abandoned(self._leases)
        directory = Path(self._entries)
        if not is_readable(self.root, directory):
            return
        with translating_os_errors(directory, "list"):
            files = list(directory.iterdir())
        for file in files:
            entry = _describe_entry(file)
            if entry is not None:
                yield entry

    def set_aside(self, key: str, reason: str) -> None:
        """See :meth:`CacheBackend.set_aside`; the file is moved to ``<root>/damaged``."""
        path = Path(self._path(key))
        if not is_readable(self.root, path.parent):
            return
        with translating_os_errors(path, "look at"):
            try:
                status = path.lstat()
            except FileNotFoundError:
                return
        self._move_aside(key, path, status, reason)

    def lease(self, key: str) -> Lease | None:
        """See :meth:`CacheBackend.lease`; the child of a fork does not hold the leases of its parent.

        On a file system without hard links every caller gets a lease.
        """
        from foundations.adapters.filesystem.cache.leases import UnsupportedError, acquire_lease

        check_cache_key(key)
        try:
            return self._write_in(self._leases, lambda: acquire_lease(self._leases, key))
        except UnsupportedError:
            events.debug("cache_without_leases", key=key, reason="the file system has no hard links")
            return super().lease(key)
        except OSError as error:
            raise unavailable_error(f"{self._leases}/{key}", "lease", error) from error

    def _path(self, key: str) -> str:
        return f"{self._entries}/{check_cache_key(key)}"

    def _write_in(self, directory: str, write: Callable[[], _T]) -> _T:
        """Return the result of `write`, which is called again where the directory has just been removed."""
        ensure_writable_cached(self._root, directory)
        try:
            return write()
        except FileNotFoundError:
            ensure_writable(self.root, Path(directory))
            return write()

    def _put(self, key: str, path: str, value: Sequence[Buffer], metadata: bytes, if_absent: bool) -> bool:
        from foundations.adapters.filesystem.cache.small_entries import UnsupportedError, put_small_entry

        if if_absent and os.path.lexists(path):
            return False
        if self._shares_files:
            try:
                stored = put_small_entry(self._entries, key, value, metadata, if_absent=if_absent)
            except UnsupportedError as error:
                events.debug("cache_without_shared_files", reason=str(error))
                self._shares_files = False
            else:
                if stored is not None:
                    return stored
        from foundations.adapters.filesystem.cache.writing import write_entry

        def write(descriptor: int) -> None:
            compress = self.compress is not None
            # Readers may not verify all of an entry that they do not read as a whole, so it is flushed.
            write_entry(descriptor, key, value, metadata, compress=compress, flush_above=MAX_READ_WHOLE)

        return replace_file(path, write, exclusive=if_absent, durable=False, mode=0o600)

    def _read_value(self, key: str, descriptor: int, status: os.stat_result) -> CachedValue:
        value = read_entry(key, descriptor, status.st_size, verify_all=self.verify == "full")
        _renew_last_use(key, descriptor, status)
        return value

    def _read(self, key: str, read: Callable[[str, int, os.stat_result], _T]) -> _T | None:
        """Return the result of `read` for the entry's file; None where the file is missing or cannot be used."""
        path = self._path(key)
        if not is_readable_cached(self._root, self._entries):
            return None
        try:
            descriptor = self._open(key, path)
            if descriptor is None:
                return None
            try:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise ValueError("it is not a regular file")
                if trusted.is_writable_by_others(status):
                    raise ValueError("another user could have written it")
                return read(key, descriptor, status)
            except ValueError as error:
                self._move_aside(key, Path(path), status, str(error))
            except FormerVersionError:
                os.unlink(path)
            except MissingLibraryError as error:
                events.info("cache_entry_not_readable_here", key=key, reason=str(error))
            finally:
                os.close(descriptor)
        except OSError as error:
            raise unavailable_error(path, "read", error) from error
        return None

    def _open(self, key: str, path: str) -> int | None:
        """Return a descriptor of the entry's file; None where it is missing, or set aside because it is no file."""
        try:
            try:
                return os.open(path, _OPEN_FLAGS | _KEEP_LAST_USE)
            except PermissionError:
                return os.open(path, _OPEN_FLAGS)
        except FileNotFoundError:
            return None
        except OSError:
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode):
                raise
            self._move_aside(key, Path(path), status, "it is not a regular file")
            return None

    def _move_aside(self, key: str, path: Path, status: os.stat_result, reason: str) -> None:
        """Move a damaged entry to another directory, unless another writer has just replaced it."""
        target = self.root / "damaged" / f"{key}-{os.urandom(4).hex()}"
        try:
            trusted.ensure_private_directory(target.parent)
            if path.lstat().st_ino == status.st_ino:
                path.rename(target)
        except FileNotFoundError:
            return  # another reader has moved and reported it
        except (OSError, StorageError, UntrustedLocationError) as error:
            events.warning("cache_entry_damaged", key=key, reason=reason, path=str(path), not_moved=str(error))
        else:
            events.warning("cache_entry_damaged", key=key, reason=reason, path=str(path), moved_to=str(target))


def _check_choice(name: str, value: str | None, choices: tuple[str | None, ...]) -> str | None:
    if value in choices:
        return value
    expected = " or ".join(repr(choice) for choice in choices)
    raise ConfigurationError(f"a cache's {name} is {expected}, not {value!r}", found=value, expected=expected)


def _renew_last_use(key: str, descriptor: int, status: os.stat_result) -> None:
    now = time.time()
    if -_RENEW_INTERVAL < now - max(status.st_atime, status.st_mtime) < _RENEW_INTERVAL:
        return
    try:
        os.utime(descriptor, ns=(max(time.time_ns(), status.st_mtime_ns), status.st_mtime_ns))
    except OSError as error:
        events.debug("cache_last_use_not_renewed", key=key, reason=str(error))


def _describe_entry(file: Path) -> CacheEntry | None:
    """Return the entry that `file` holds, None where it holds none; remove an unfinished entry that was abandoned."""
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
        size=status.st_size // max(status.st_nlink, 1) if status.st_size <= MAX_SHARED_FILE else status.st_size,
        created_at=status.st_mtime,
        last_used_at=max(status.st_atime, status.st_mtime),
    )
