"""The directory that an adapter is given, which all file-system adapters may share."""

from __future__ import annotations

import math
import os
import stat
import time
from pathlib import Path

from foundations.adapters._shared.fs import trusted
from foundations.errors import ConfigurationError

_CHECK_INTERVAL = 1.0  # seconds

_checked_at: dict[tuple[str, str, int], float] = {}
"""The time of each directory's last check, on the monotonic clock; the key is root, directory and user number."""


def absolute_root(root: str | os.PathLike[str]) -> Path:
    """Return `root` as a path, with ``~`` expanded.

    Raises:
        ConfigurationError: It is not absolute.
    """
    expected = "an absolute path, or one that begins with ~"
    if not isinstance(root, (str, os.PathLike)):
        raise ConfigurationError(
            f"a storage directory is {expected}, not {type(root).__name__}", found=root, expected=expected
        )
    try:
        path = Path(root).expanduser()
    except RuntimeError as error:
        raise ConfigurationError(f"{root!s}: no such home directory", found=str(root), expected=expected) from error
    if not path.is_absolute() or "\0" in str(path):
        raise ConfigurationError(
            f"{str(root)!r} is not an absolute path: it would mean another place in the job, which runs elsewhere. "
            f"Write {expected}.",
            found=str(root),
            expected=expected,
        )
    return path


def is_readable(root: Path, directory: Path) -> bool:
    """Return whether `directory`, at or below `root`, exists; where it does, check that both are private.

    Raises:
        UntrustedLocationError: Another user could have written it.
        StorageUnavailableError: It could not be examined.
    """
    return trusted.is_private_directory(root) and (directory == root or trusted.is_private_directory(directory))


def ensure_writable(root: Path, directory: Path) -> None:
    """Create `directory`, at or below `root`, where it is missing, and check that both are private.

    Raises:
        UntrustedLocationError: Another user could have written it.
        StorageUnavailableError: It could not be created.
    """
    trusted.ensure_private_directory(root)
    if directory != root:
        trusted.ensure_private_directory(directory)


def is_readable_cached(root: str, directory: str) -> bool:
    """Return and raise what :func:`is_readable` does, but check each directory at most once a second.

    The caller must refuse a file that another user owns or could have written, and one that was written under another
    name. Then a directory that changes its owner within the second does no harm.
    """
    key = (root, directory, os.geteuid())
    if time.monotonic() < _checked_at.get(key, -math.inf) + _CHECK_INTERVAL:
        return True
    exists = (key in _checked_at and _are_still_private(root, directory)) or is_readable(Path(root), Path(directory))
    if exists:
        _checked_at[key] = time.monotonic()
    return exists


def ensure_writable_cached(root: str, directory: str) -> None:
    """Do and raise what :func:`ensure_writable` does, but check each directory at most once a second.

    The caller must create files that nobody else may read, and must expect that the directory has been removed.
    """
    if not is_readable_cached(root, directory):
        ensure_writable(Path(root), Path(directory))
        _checked_at[root, directory, os.geteuid()] = time.monotonic()


def _are_still_private(root: str, directory: str) -> bool:
    """Return whether both, which have been checked before, still are directories that nobody else can write.

    The directories above them are checked once per process: nobody else could change those either.
    """
    try:
        return all(
            stat.S_ISDIR(status.st_mode) and not trusted.is_writable_by_others(status)
            for status in (os.lstat(root), os.lstat(directory))
        )
    except OSError:
        return False
