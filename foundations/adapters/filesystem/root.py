"""The directory that an adapter was given, which all file-system adapters may share."""

from __future__ import annotations

import os
from pathlib import Path

from foundations.adapters._shared.trusted import ensure_private_directory, is_private_directory
from foundations.errors import ConfigurationError


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
