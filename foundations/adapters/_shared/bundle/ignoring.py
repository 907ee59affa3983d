"""What of a project stays out of its bundle: what nobody wants there, and what the ignore file names."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from foundations.errors import BundleError

IGNORE_FILE = ".foundationsignore"
_MOST_ASTERISKS = 4
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

    patterns = list(GitIgnoreSpec.from_lines([*IGNORED_NAMES, *(f"*{ending}" for ending in IGNORED_ENDINGS)]).patterns)
    for number, line in enumerate(lines, start=1):
        try:
            patterns += GitIgnoreSpec.from_lines([line]).patterns
        except ValueError as error:
            raise _refused(root, number, f"is not in the syntax of .gitignore: {error!s:.300}") from error
        if _is_costly(line):
            raise _refused(
                root,
                number,
                f"has more than {_MOST_ASTERISKS} asterisks in one name, or ** more often than that, which some names"
                " would take for ever to match. Write it with fewer, or as several lines.",
            )
    spec = GitIgnoreSpec(patterns)
    return lambda path, name, directory: spec.match_file(path + "/" if directory else path)


def _refused(root: Path, number: int, reason: str) -> BundleError:
    return BundleError(f"{root / IGNORE_FILE}:{number}: {reason}", path=str(root / IGNORE_FILE))


def _is_costly(line: str) -> bool:
    """Return whether a pattern has so many wildcards that a name of 255 characters takes more than seconds to match."""
    if line.startswith("#"):
        return False
    wild = re.sub(r"\\.|\[[^]/]*\]", "", line.removeprefix("!")).strip().split("/")
    return wild.count("**") > _MOST_ASTERISKS or any(
        part != "**" and part.count("*") > _MOST_ASTERISKS for part in wild
    )


def _ignored_by_default(path: str, name: str, directory: bool) -> bool:
    return name in _IGNORED or name.endswith(IGNORED_ENDINGS)
