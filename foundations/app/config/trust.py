"""Trust in configuration files: one is used only where nobody else could have written it, or where its user says so.

A file that another user could have written is trusted by its path and its content together: once it changes, it is
refused again. The records of this lie in a private directory, one empty file each.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Callable
from pathlib import Path

from foundations.errors import FoundationsError, UntrustedLocationError
from foundations.ownership import Weakness, find_weakness

_DIRECTORY = "trusted"


def check_trusted(path: Path, content: bytes, home: Callable[[], Path]) -> None:
    """Raise unless nobody else could have written a configuration file, or its user has trusted this very content.

    Args:
        path: The file.
        content: What was read from it.
        home: Returns the directory of foundations, which has the records of trust.

    Raises:
        UntrustedLocationError: Somebody else could have written it.
        OSError: It cannot be determined.
    """
    path = path.absolute()
    weakness = find_weakness(path)
    if weakness is not None and not _is_recorded(path, content, home):
        raise _untrusted(path, weakness)


def trust(path: Path, content: bytes, home: Path) -> None:
    """Record that a configuration file with this content is trusted, whoever could have written it.

    Raises:
        UntrustedLocationError: Somebody else could have written the record, or could write one.
        OSError: It cannot be written.
    """
    record = _record(path.absolute(), content, home)
    home.parent.mkdir(parents=True, exist_ok=True)
    for directory in (home, record.parent):
        directory.mkdir(mode=0o700, exist_ok=True)
    weakness = find_weakness(record.parent)
    if weakness is not None:
        reason = f"{weakness.reason}{'' if weakness.path == record.parent else f': {weakness.path}'}"
        raise UntrustedLocationError(
            f"{record.parent} is not trusted: {reason}. Nothing was recorded in it. Set FOUNDATIONS_HOME to a directory"
            " that nobody else can write.",
            path=str(record.parent),
            reason=weakness.reason,
            remedy="set FOUNDATIONS_HOME to a directory that nobody else can write",
        )
    record.touch(mode=0o600)


def _is_recorded(path: Path, content: bytes, home: Callable[[], Path]) -> bool:
    try:
        record = _record(path, content, home())
        return find_weakness(record) is None
    except (FoundationsError, OSError):  # there is no record, or none that can be relied on
        return False


def _record(path: Path, content: bytes, home: Path) -> Path:
    return home / _DIRECTORY / hashlib.sha256(os.fsencode(path) + b"\0" + content).hexdigest()


def _untrusted(path: Path, weakness: Weakness) -> UntrustedLocationError:
    if weakness.is_own:
        command = f"chmod go-w {shlex.quote(str(weakness.path))}"
        advice = f"Look at the file, then close it to others: {command}"
    else:
        command = f"foundations config trust {shlex.quote(str(path))}"
        advice = f"Look at the file; where you want what it says, trust it as it is now: {command}"
    place = "" if weakness.path == path else f"{weakness.path}, which leads to it: "
    return UntrustedLocationError(
        f"{path} is a configuration file that another user could have written: {place}{weakness.reason}. It could have"
        f" any code run as you, so nothing of it was used. {advice}",
        path=str(path),
        reason=weakness.reason,
        remedy=command,
    )
