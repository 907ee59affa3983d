"""What of a project stays out of its bundle: what nobody wants there, and what the ignore file names."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from foundations.errors import BundleError

IGNORE_FILE = ".foundationsignore"
_MOST_ASTERISKS = 6
IGNORED_NAMES = (
    *(".git", ".hg", ".svn", ".venv", ".tox", ".nox", ".eggs", "__pycache__", "node_modules", ".ipynb_checkpoints"),
    *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".DS_Store", ".env"),
)
_IGNORED = frozenset(IGNORED_NAMES)
IGNORED_ENDINGS = (".pyc", ".pyo", ".swp")


def ignored(root: Path) -> Callable[[str, str, bool], bool]:
    """Return what tells, of a path below `root`, its last part and whether it is a directory, that it stays out."""
    try:
        lines = (root / IGNORE_FILE).read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return _ignored_by_default
    except (OSError, ValueError) as error:
        raise BundleError(f"{root / IGNORE_FILE}: cannot be read: {error}", path=str(root / IGNORE_FILE)) from error
    from pathspec import GitIgnoreSpec

    patterns = [*IGNORED_NAMES, *(f"*{ending}" for ending in IGNORED_ENDINGS)]
    for number, line in enumerate(lines, start=1):
        try:
            patterns.append(_bounded(line))
            GitIgnoreSpec.from_lines(patterns[-1:])
        except ValueError as error:
            raise BundleError(
                f"{root / IGNORE_FILE}:{number}: is not in the syntax of .gitignore: {error!s:.300}",
                path=str(root / IGNORE_FILE),
            ) from error
    spec = GitIgnoreSpec.from_lines(patterns)
    return lambda path, name, directory: spec.match_file(path + "/" if directory else path)


def _bounded(pattern: str) -> str:
    """Return a pattern that means the same, and that no name takes long to match.

    Raises:
        ValueError: There is none.
    """
    parts = []
    for part in pattern.split("/"):
        wild = part if part == "**" else re.sub(r"(?<!\\)\*\*+", "*", part)
        if wild.count("*") > _MOST_ASTERISKS:
            raise ValueError(f"more than {_MOST_ASTERISKS} asterisks in one name: to match it could take for ever")
        parts.append(wild)
    if parts.count("**") > _MOST_ASTERISKS:
        raise ValueError(f"** more than {_MOST_ASTERISKS} times: to match it could take for ever")
    return "/".join(parts)


def _ignored_by_default(path: str, name: str, directory: bool) -> bool:
    return name in _IGNORED or name.endswith(IGNORED_ENDINGS)
