"""The bytes of a configuration file, of bounded size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from foundations.errors import ConfigurationError

LARGEST_FILE = 1 << 20  # bytes


def read_content(path: Path, check: Callable[[Path, bytes], None] | None = None) -> bytes:
    """Return the content of a configuration file.

    Args:
        path: The file.
        check: Raises where the file, with this content, must not be used.

    Raises:
        ConfigurationError: It is no regular file, cannot be read, or is too large.
    """
    try:
        if not path.is_file():
            kind = "a directory" if path.is_dir() else "not a regular file" if path.exists() else "not there"
            raise _unreadable(path, f"it is {kind}", kind)
        with path.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
        if check is not None:
            check(path, data)
    except OSError as error:
        reason = error.strerror or str(error)
        raise _unreadable(path, reason, reason) from error
    if len(data) > LARGEST_FILE:
        most = f"{LARGEST_FILE:,} bytes"
        raise ConfigurationError(
            f"a configuration file has at most {most}; this one has more.",
            file=str(path),
            found=f"more than {most}",
            expected=f"at most {most}",
        )
    return data


def _unreadable(path: Path, reason: str, found: str) -> ConfigurationError:
    message = f"a configuration file cannot be read: {reason}."
    return ConfigurationError(message, file=str(path), found=found, expected="a readable file")
