"""What the local shell is constructed with, checked when it is constructed."""

from __future__ import annotations

import os
from pathlib import Path

from foundations.errors import ConfigurationError
from foundations.home import foundations_home


def root_directory(value: str | os.PathLike[str] | None) -> Path:
    """Return the directory that the jobs' directories lie in.

    Raises:
        ConfigurationError: It is relative.
    """
    if value is None:
        return foundations_home() / "local_shell"
    path = Path(value).expanduser()
    if not path.is_absolute():
        raise ConfigurationError(
            f"the local shell's root is {str(value)!r}; a relative path would mean another place in the job",
            found=str(value),
            expected="an absolute path, or one that begins with ~",
        )
    return path


def seconds(value: object) -> float:
    """Return a number of seconds.

    Raises:
        ConfigurationError: It is none.
    """
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 1e6:
        raise ConfigurationError(
            f"grace_seconds is {value!r}, not a number of seconds", found=value, expected="a number from 0"
        )
    return float(value)
