"""Selection of what stays out of a bundle: a built-in list of names, and the patterns of the ignore file."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from foundations import events
from foundations.adapters._shared.project.secret_files import is_secret
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
_IGNORED = frozenset(IGNORED_NAMES)
_MAX_ASTERISKS = 4
_MOST_MEASURED = 100_000


def ignore_predicate(root: Path) -> Callable[[str, str, bool], bool]:
    """Return the ignore predicate of the project `root`.

    Its arguments are a path relative to `root`, the last part of this path, and whether it is a directory.

    Raises:
        BundleError: The ignore file cannot be read, or a line of it is not valid.
    """
    try:
        lines = (root / IGNORE_FILE).read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return functools.partial(_is_ignored_by_default, str(root))
    except (OSError, ValueError) as error:
        raise BundleError(f"{root / IGNORE_FILE}: cannot be read: {error}", path=str(root / IGNORE_FILE)) from error
    from pathspec import GitIgnoreSpec

    defaults = [*IGNORED_NAMES, *(f"*{ending}" for ending in IGNORED_ENDINGS)]
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
        whole = path + "/" if is_directory else path
        if spec.match_file(whole):
            return True
        if not is_secret(str(root), path, name, is_directory=is_directory) or own.check_file(whole).include is False:
            return False
        _warn_of_secret(whole)
        return True

    return is_ignored


def report_ignored(root: Path, paths: Iterable[str]) -> None:
    """Log how much each line of the ignore file, and each name of the built-in list, leaves out; for debugging only.

    Args:
        root: The project.
        paths: The files and directories that are left out, relative to `root`.
    """
    if not events.is_logged("debug"):
        return
    found: dict[str, list[int]] = {}  # how many files, and their size in bytes
    left = _MOST_MEASURED
    describe = rule_describer(root)
    for path in paths:
        files = _files_in(root / path)
        sizes = [size for _, size in zip(range(left), files, strict=False)]
        left -= len(sizes)
        rule = describe(path + "/" * (root / path).is_dir())
        total = found.setdefault(rule, [0, 0])
        total[0] += len(sizes)
        total[1] += sum(sizes)
    for rule, (count, size) in found.items():
        events.debug("ignored", by=rule, files=f"{count:,}", size=f"{size:,} bytes")
    if not left:
        events.debug("ignored_not_measured", reason=f"only {_MOST_MEASURED:,} files that stay out are measured")


def _files_in(path: Path) -> Iterator[int]:
    """Iterate over the sizes of a file, or of those in a directory."""
    if path.is_dir() and not path.is_symlink():
        for location, _, names in os.walk(path):
            yield from (_size_of(os.path.join(location, name)) for name in names)
    else:
        yield _size_of(path)


def _size_of(path: str | Path) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:  # it was removed meanwhile
        return 0


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
    with suppress(FileNotFoundError):
        lines = (root / IGNORE_FILE).read_text(encoding="utf-8-sig").splitlines()
        from pathspec import GitIgnoreSpec

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


def _is_ignored_by_default(root: str, path: str, name: str, is_directory: bool) -> bool:
    if name in _IGNORED or name.endswith(IGNORED_ENDINGS):
        return True
    if not is_secret(root, path, name, is_directory=is_directory):
        return False
    _warn_of_secret(path + "/" * is_directory)
    return True


def _warn_of_secret(path: str) -> None:
    events.warning(
        "secret_left_out",
        path=path,
        reason="it looks like a secret",
        remedy=f"to have it in the bundle and the source archive, write !/{path} into {IGNORE_FILE}; to leave it out"
        f" without this warning, write /{path}",
    )
