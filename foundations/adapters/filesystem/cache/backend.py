"""The cache as a directory of files."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from foundations import events
from foundations.adapters._shared.fs.files import TEMPORARY_PREFIX, replacing, translating_os_errors
from foundations.adapters._shared.fs.trusted import check_private_directory, could_be_foreign, ensure_private_directory
from foundations.adapters._shared.rules import check_cache_key, is_cache_key
from foundations.adapters.filesystem.cache.file_format import MOST_SHARED, NotReadableHereError, OtherVersionError
from foundations.adapters.filesystem.cache.reading import READ_WHOLE, read_about, read_entry
from foundations.adapters.filesystem.root import (
    absolute_root,
    ensure_writable,
    ensure_writable_again,
    readable,
    readable_again,
)
from foundations.errors import ConfigurationError, StorageError, UntrustedLocationError
from foundations.ports.cache import CacheBackend, CachedValue, CacheEntry, Lease
from foundations.ports.frames import Buffer

_Read = TypeVar("_Read")
_Made = TypeVar("_Made")

_ABANDONED_AFTER = 24 * 3600.0  # seconds; no writer is that slow
_RENEWED_AFTER = 60.0  # seconds; whoever evicts wants minutes
# Without the last, reading alone might count as use; others than the file's owner may not ask for it.
_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_UNNOTICED = getattr(os, "O_NOATIME", 0)


class LocalFileSystemCacheBackend(CacheBackend):
    """Keeps entries in files under ``<root>/cache``, small ones together, and leases under ``<root>/leases``.

    An entry of up to 1 MiB is read and verified as a whole at each use, and needs no flushing: what a power failure
    tore is recognised. Of a larger one, flushed when it is put, all is verified but the out-of-band buffers of 64 KiB
    and more: these are mapped, which reads them when they are used, and are as good as the disk is. Nobody's changes
    reach the file, which is never changed in place. Where something else shortens it, a disk cannot read it, or another
    machine deletes it on a network file system, using a mapped buffer kills the process (SIGBUS); ``verify="full"``
    rules that out. Damaged entries, and those that others could have written, are moved to ``<root>/damaged``. Last
    uses are kept to the minute; entries of up to 2 KiB may share a file of up to 4 KiB, and then its last use too.

    Args:
        root: An absolute path, or one that begins with ``~``; made on the first write, private to the user.
        verify: ``structure`` as described; with ``full`` entries of any size are read and verified as a whole.
        compress: None, or ``zstd``: buffers of 4 KiB and more are written compressed, and verified at each use.
            Entries tell for themselves, so that those written otherwise stay readable.

    Raises:
        ConfigurationError: `root` is relative, there is no such `verify` or `compress`, or the library that compresses
            is not installed.
    """

    def __init__(self, root: str | os.PathLike[str], *, verify: str = "structure", compress: str | None = None) -> None:
        self.root = absolute_root(root)
        self.verify = _one_of("verify", verify, ("structure", "full"))
        self.compress = _one_of("compress", compress, (None, "zstd"))
        if compress is not None:
            from foundations.adapters.filesystem.cache.compression import check_compression

            check_compression()
        self._root = str(self.root)
        self._entries = f"{self._root}/cache"
        self._leases = f"{self._root}/leases"
        self._everything = verify == "full"
        self._shares_files = True

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.root)!r}, verify={self.verify!r}, compress={self.compress!r})"

    def check(self) -> None:
        """See :meth:`CacheBackend.check`."""
        check_private_directory(self.root)

    def get(self, key: str) -> CachedValue | None:
        """See :meth:`CacheBackend.get`."""
        return self._reading(key, self._value)

    def about(self, key: str) -> bytes | None:
        """See :meth:`CacheBackend.about`; of the value itself nothing is read."""
        return self._reading(key, lambda key, descriptor, status: read_about(key, descriptor, status.st_size))

    def put(self, key: str, value: Sequence[Buffer], about: bytes = b"", *, if_absent: bool = False) -> bool:
        """See :meth:`CacheBackend.put`."""
        path = self._path(key)
        try:
            return self._writing(self._entries, lambda: self._put(key, path, value, about, if_absent))
        except OSError as error:
            with translating_os_errors(Path(path), "write"):
                raise error

    def delete(self, key: str) -> bool:
        """See :meth:`CacheBackend.delete`; what is mapped of the entry stays as it is, on the disk too."""
        path = Path(self._path(key))
        if not readable(self.root, path.parent):
            return False
        with translating_os_errors(path, "delete"):
            try:
                path.unlink()
            except FileNotFoundError:
                return False
        return True

    def entries(self) -> Iterator[CacheEntry]:
        """See :meth:`CacheBackend.entries`; also removes what processes that died have left.

        That is leases, and unfinished entries of a day ago or earlier.
        """
        self._remove_abandoned_leases()
        directory = Path(self._entries)
        if not readable(self.root, directory):
            return
        with translating_os_errors(directory, "list"):
            files = list(directory.iterdir())
        for file in files:
            entry = _entry(file)
            if entry is not None:
                yield entry

    def set_aside(self, key: str, reason: str) -> None:
        """See :meth:`CacheBackend.set_aside`; the file is moved to ``<root>/damaged``."""
        path = Path(self._path(key))
        if not readable(self.root, path.parent):
            return
        with translating_os_errors(path, "look at"):
            try:
                status = path.lstat()
            except FileNotFoundError:
                return
        self._move_aside(key, path, status, reason)

    def lease(self, key: str) -> Lease | None:
        """See :meth:`CacheBackend.lease`; a copy of the holder's process that a fork made does not hold it.

        On a file system without hard links everybody gets one.
        """
        from foundations.adapters.filesystem.cache.leases import UnsupportedError, acquired

        check_cache_key(key)
        try:
            return self._writing(self._leases, lambda: acquired(self._leases, key))
        except UnsupportedError:
            events.debug("cache_without_leases", key=key, reason="the file system has no hard links")
            return super().lease(key)
        except OSError as error:
            with translating_os_errors(Path(self._leases, key), "lease"):
                raise error

    def _value(self, key: str, descriptor: int, status: os.stat_result) -> CachedValue:
        value = read_entry(key, descriptor, status.st_size, everything=self._everything)
        _renew(key, descriptor, status)
        return value

    def _put(self, key: str, path: str, value: Sequence[Buffer], about: bytes, if_absent: bool) -> bool:
        from foundations.adapters.filesystem.cache.small_entries import UnsupportedError, put_small

        if if_absent and os.path.lexists(path):
            return False
        if self._shares_files:
            try:
                stored = put_small(self._entries, key, value, about, if_absent=if_absent)
            except UnsupportedError as error:
                events.debug("cache_without_shared_files", reason=str(error))
                self._shares_files = False
            else:
                if stored is not None:
                    return stored
        from foundations.adapters.filesystem.cache.writing import write_entry

        with replacing(path, exclusive=if_absent, durable=False, mode=0o600) as (descriptor, outcome):
            write_entry(
                descriptor,
                key,
                value,
                about,
                compress=self.compress is not None,
                flushed_above=READ_WHOLE,  # of larger ones, readers may not verify all
            )
        return outcome[0]

    def _writing(self, directory: str, write: Callable[[], _Made]) -> _Made:
        """Return what `write` returns, which is called again where the directory was removed within the second."""
        ensure_writable_again(self._root, directory)
        try:
            return write()
        except FileNotFoundError:
            ensure_writable(self.root, Path(directory))
            return write()

    def _path(self, key: str) -> str:
        return f"{self._entries}/{check_cache_key(key)}"

    def _reading(self, key: str, read: Callable[[str, int, os.stat_result], _Read]) -> _Read | None:
        """Return what `read` makes of the entry's file; None where there is none, or one that cannot be used."""
        path = self._path(key)
        if not readable_again(self._root, self._entries):
            return None
        try:
            try:
                descriptor = _opened(path)
            except FileNotFoundError:
                return None
            except OSError:
                status = os.lstat(path)
                if stat.S_ISREG(status.st_mode):
                    raise
                self._move_aside(key, Path(path), status, "it is not a regular file")
                return None
            try:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise ValueError("it is not a regular file")
                if could_be_foreign(status):
                    raise ValueError("another user could have written it")
                return read(key, descriptor, status)
            except ValueError as error:
                self._move_aside(key, Path(path), status, str(error))
            except OtherVersionError:
                os.unlink(path)
            except NotReadableHereError as error:
                events.info("cache_entry_not_readable_here", key=key, reason=str(error))
            finally:
                os.close(descriptor)
        except OSError as error:
            with translating_os_errors(Path(path), "read"):
                raise error
        return None

    def _move_aside(self, key: str, path: Path, status: os.stat_result, reason: str) -> None:
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

    def _remove_abandoned_leases(self) -> None:
        from foundations.adapters.filesystem.cache.leases import remove_abandoned

        directory = Path(self._leases)
        if readable(self.root, directory):
            with translating_os_errors(directory, "list"):
                remove_abandoned(self._leases)


def _one_of(name: str, found: str | None, choices: tuple[str | None, ...]) -> str | None:
    if found in choices:
        return found
    expected = " or ".join(repr(choice) for choice in choices)
    raise ConfigurationError(f"a cache's {name} is {expected}, not {found!r}", found=found, expected=expected)


def _opened(path: str) -> int:
    try:
        return os.open(path, _READING | _UNNOTICED)
    except PermissionError:
        return os.open(path, _READING)


def _renew(key: str, descriptor: int, status: os.stat_result) -> None:
    now = time.time()
    if -_RENEWED_AFTER < now - max(status.st_atime, status.st_mtime) < _RENEWED_AFTER:
        return
    try:
        os.utime(descriptor, ns=(max(time.time_ns(), status.st_mtime_ns), status.st_mtime_ns))
    except OSError as error:
        events.debug("cache_last_use_not_renewed", key=key, reason=str(error))


def _entry(file: Path) -> CacheEntry | None:
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
        size=status.st_size // max(status.st_nlink, 1) if status.st_size <= MOST_SHARED else status.st_size,
        created_at=status.st_mtime,
        last_used_at=max(status.st_atime, status.st_mtime),
    )
