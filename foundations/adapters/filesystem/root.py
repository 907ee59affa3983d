"""The directory that an adapter was given, which all file-system adapters may share."""

from __future__ import annotations

import math
import os
import stat
import time
from pathlib import Path

from foundations.adapters._shared.fs.trusted import could_be_foreign, ensure_private_directory, is_private_directory
from foundations.errors import ConfigurationError

_VOUCHED_FOR = 1.0  # seconds

_vouched_for: dict[tuple[str, str, int], float] = {}
"""When directories below a root were looked at last, on the monotonic clock, by a user's number."""


def absolute_root(root: str | os.PathLike[str]) -> Path:
    """Return `root` as a path, ``~`` expanded.

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
            f"{str(root)!r} is no absolute path: it would mean another place in the job, which runs elsewhere. "
            f"Write {expected}.",
            found=str(root),
            expected=expected,
        )
    return path


def readable(root: Path, directory: Path) -> bool:
    """Return whether `directory`, at or below `root`, is there; trusted with it are both.

    Raises:
        UntrustedLocationError: Somebody else could have written it.
        StorageUnavailableError: It could not be told.
    """
    return is_private_directory(root) and (directory == root or is_private_directory(directory))


def ensure_writable(root: Path, directory: Path) -> None:
    """Make `directory`, at or below `root`, and vouch for both.

    Raises:
        UntrustedLocationError: Somebody else could have written it.
        StorageUnavailableError: It could not be made.
    """
    ensure_private_directory(root)
    if directory != root:
        ensure_private_directory(directory)


def readable_again(root: str, directory: str) -> bool:
    """Return and raise what :func:`readable` does; looked at once a second, for files that vouch for themselves.

    Whoever reads on must refuse a file that is another user's, or that another user could have written, and one that
    was written under another name. Then a directory that changed hands within the second gives nothing away.
    """
    vouched_at = _vouched_for.get((root, directory, os.geteuid()), -math.inf)
    if time.monotonic() < vouched_at + _VOUCHED_FOR:
        return True
    found = _stay_private(root, directory) or readable(Path(root), Path(directory))
    if found:
        _vouched_for[root, directory, os.geteuid()] = time.monotonic()
    return found


def ensure_writable_again(root: str, directory: str) -> None:
    """Do and raise what :func:`ensure_writable` does; looked at once a second, for files that vouch for themselves.

    Whoever writes on must make files that nobody else may read, and be ready for a directory that is gone.
    """
    if not readable_again(root, directory):
        ensure_writable(Path(root), Path(directory))
        _vouched_for[root, directory, os.geteuid()] = time.monotonic()


def _stay_private(root: str, directory: str) -> bool:
    """Return whether both have been vouched for, and still are directories that nobody else can write.

    What leads to them is looked at once a process: it was nobody else's to change.
    """
    if (root, directory, os.geteuid()) not in _vouched_for:
        return False
    try:
        return _is_private(os.lstat(root)) and _is_private(os.lstat(directory))
    except OSError:
        return False


def _is_private(status: os.stat_result) -> bool:
    return stat.S_ISDIR(status.st_mode) and not could_be_foreign(status)
