"""Checks of the local shell's constructor arguments."""

from __future__ import annotations

import os
from pathlib import Path

from foundations.errors import ConfigurationError
from foundations.home import foundations_home


def resolve_root(value: str | os.PathLike[str] | None) -> Path:
    """Return the root directory of the local shell, by default one below the home directory.

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


def check_seconds(value: object) -> float:
    """Return `value` where it is a number of seconds.

    Raises:
        ConfigurationError: It is not.
    """
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 1e6:
        raise ConfigurationError(
            f"grace_seconds is {value!r}, not a number of seconds", found=value, expected="a number from 0"
        )
    return float(value)
