"""Selection of what stays out of a bundle: a built-in list of names, and the patterns of the ignore file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from foundations import events
from foundations.errors import BundleError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".foundationsignore"
IGNORED_NAMES = (
    *(".git", ".hg", ".svn", ".venv", ".tox", ".nox", ".pixi", ".eggs", "__pycache__", "__pypackages__"),
    *(
        "node_modules",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".hypothesis",
        ".DS_Store",
        ".env",
    ),
)
IGNORED_ENDINGS = (".pyc", ".pyo", ".swp")
SECRET_PATTERNS = (".env.*", ".npmrc", "credentials.json", "kubeconfig")
"""Files with secrets, which stay out with a warning unless the ignore file includes them."""
_IGNORED = frozenset(IGNORED_NAMES)
_MAX_ASTERISKS = 4


def ignore_predicate(root: Path) -> Callable[[str, str, bool], bool]:
    """Return the ignore predicate of the project `root`.

    Its arguments are a path relative to `root`, the last part of this path, and whether it is a directory.

    Raises:
        BundleError: The ignore file cannot be read, or a line of it is not valid.
    """
    try:
        lines = (root / IGNORE_FILE).read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return _is_ignored_by_default
    except (OSError, ValueError) as error:
        raise BundleError(f"{root / IGNORE_FILE}: cannot be read: {error}", path=str(root / IGNORE_FILE)) from error
    from pathspec import GitIgnoreSpec

    defaults = [*IGNORED_NAMES, *SECRET_PATTERNS, *(f"*{ending}" for ending in IGNORED_ENDINGS)]
    patterns = list(GitIgnoreSpec.from_lines(defaults).patterns)
    for number, line in enumerate(lines, start=1):
        try:
            patterns += GitIgnoreSpec.from_lines([line]).patterns
        except ValueError as error:
            raise _invalid_line(root, number, f"is not in the syntax of .gitignore: {error!s:.300}") from error
        if _is_slow_to_match(line):
            raise _invalid_line(
                root,
                number,
                f"has more than {_MAX_ASTERISKS} asterisks in one name, or ** more often than that. Some names would"
                " take for ever to match. Write it with fewer asterisks, or as several lines.",
            )
    spec, own = GitIgnoreSpec(patterns), GitIgnoreSpec(patterns[len(defaults) :])

    def is_ignored(path: str, name: str, is_directory: bool) -> bool:
        ignored = spec.match_file(path + "/" if is_directory else path)
        if ignored and not is_directory and _is_secret(name) and not own.match_file(path):
            _warn_of_secret(path)
        return ignored

    return is_ignored


def explain_exclusion(root: Path, path: str) -> str | None:
    """Return what leaves `path`, relative to `root`, out of a bundle: a line of the ignore file, or the built-in list.

    None where neither does. The ignore file must be valid.
    """
    is_ignored = ignore_predicate(root)
    parts = path.split("/")
    for count, name in enumerate(parts, start=1):
        inside = "/".join(parts[:count])
        is_directory = count < len(parts) or (root / inside).is_dir()
        if is_ignored(inside, name, is_directory):
            return rule_describer(root)(inside + "/" * is_directory)
    return None


def rule_describer(root: Path) -> Callable[[str], str]:
    """Return a function that describes what ignores a path: the last line of the ignore file that matches it, if any.

    Its argument is the path of something that is ignored by itself, relative to `root`; that of a directory ends in
    ``/``. The ignore file must be valid.
    """
    rules: list[tuple[int, str, GitIgnoreSpec]] = []
    if (root / IGNORE_FILE).exists():
        from pathspec import GitIgnoreSpec

        lines = (root / IGNORE_FILE).read_text(encoding="utf-8-sig").splitlines()
        rules = [(number, line, GitIgnoreSpec.from_lines([line])) for number, line in enumerate(lines, start=1)]
        rules.reverse()

    def describe(path: str) -> str:
        for number, line, spec in rules:
            if spec.match_file(path):
                return f"line {number} of {IGNORE_FILE} ({line})"
        return f"the built-in list of names ({path.rstrip('/').rpartition('/')[2]})"

    return describe


def _invalid_line(root: Path, number: int, reason: str) -> BundleError:
    return BundleError(f"{root / IGNORE_FILE}:{number}: {reason}", path=str(root / IGNORE_FILE))


def _is_slow_to_match(line: str) -> bool:
    """Return whether matching a name of 255 characters could take more than seconds: there are too many wildcards."""
    if line.startswith("#"):
        return False
    parts = re.sub(r"\\.|\[[^]/]*\]", "", line.removeprefix("!")).strip().split("/")
    return parts.count("**") > _MAX_ASTERISKS or any(
        part != "**" and part.count("*") > _MAX_ASTERISKS for part in parts
    )


def _is_ignored_by_default(path: str, name: str, is_directory: bool) -> bool:
    if not is_directory and _is_secret(name):
        _warn_of_secret(path)
        return True
    return name in _IGNORED or name.endswith(IGNORED_ENDINGS) or _is_secret(name)


def _is_secret(name: str) -> bool:
    return name in SECRET_PATTERNS or name.startswith(".env.")


def _warn_of_secret(path: str) -> None:
    events.warning(
        "secret_left_out",
        path=path,
        reason="its name looks like a secret's",
        remedy=f"to have it in the bundle and the source archive, write !/{path} into {IGNORE_FILE}; to leave it out"
        f" without this warning, write /{path}",
    )
