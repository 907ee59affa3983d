"""The directory in which foundations stores its data by default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from foundations.errors import ConfigurationError

HOME_DIRECTORIES = (
    *("archive", "bundles", "cache", "configurations", "local_shell", "private_bundles", "runtime", "sources"),
    "trusted",
)
"""The directories of ours in it, but for ``config``, which holds files that the user writes."""


def foundations_home(environ: Mapping[str, str] | None = None) -> Path:
    """Return the default directory for everything that is stored: ``$FOUNDATIONS_HOME``, else ``~/.foundations``.

    Args:
        environ: The environment variables; by default those of this process.

    Raises:
        ConfigurationError: The directory is relative, and so would be another one in a job; or this user has no home
            directory.
    """
    environ = os.environ if environ is None else environ
    given = environ.get("FOUNDATIONS_HOME") or "~/.foundations"
    path = given
    if given == "~" or given.startswith("~/"):
        path = (environ.get("HOME") or _home_directory()) + given[1:]
    if not path.startswith("/"):
        raise ConfigurationError(
            f"the directory of foundations is {path!r}, but must be absolute or begin with '~/': a relative one would "
            "be another directory in a job. Set FOUNDATIONS_HOME to an absolute path.",
            key="FOUNDATIONS_HOME",
            found=path,
            expected="an absolute path, or one that begins with '~/'",
        )
    return Path(path)


def _home_directory() -> str:
    try:
        return str(Path.home())
    except RuntimeError as error:
        raise ConfigurationError(
            "this user has no home directory. Set FOUNDATIONS_HOME to an absolute path.",
            key="FOUNDATIONS_HOME",
            found="neither FOUNDATIONS_HOME nor a home directory",
            expected="an absolute path",
        ) from error
