"""The size of a project: what it may be, and which of its files make it large."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from foundations.adapters._shared.project.ignoring import IGNORE_FILE
from foundations.errors import BundleError

LARGE_PROJECT = 50_000_000
"""The size in bytes above which a project is reported with its largest files."""
_MOST_NAMED = 5
_SHARE_THAT_MATTERS = 0.02
_SHARE_OF_A_SOLE_CAUSE = 0.9


class ProjectLimits(NamedTuple):
    """What a project may be at most.

    Attributes:
        size: The size of its files in bytes.
        files: The number of its files, directories and links.
    """

    size: int = 4 * 2**30
    files: int = 250_000


def describe_largest(files: Sequence[tuple[str, int]]) -> str:
    """Return the files, each a path and a size in bytes, that make up most of a project.

    >>> describe_largest([("data/a.bin", 60_000_000), ("b.bin", 20_000_000), ("c.py", 100)])
    'data/a.bin (60 MB), b.bin (20 MB)'
    """
    total = sum([size for _, size in files])
    largest = heapq.nlargest(_MOST_NAMED, files, key=lambda file: file[1])
    return ", ".join(f"{path} ({size / 1e6:,.0f} MB)" for path, size in largest if size >= _SHARE_THAT_MATTERS * total)


class ProjectSize:
    """Adds up the files of a project, and refuses a project that is too large before much of it is walked.

    Args:
        root: The project.
        limits: What it may be at most.
    """

    def __init__(self, root: Path, limits: ProjectLimits) -> None:
        self._root = root
        self._limits = limits
        self._files: list[tuple[str, int]] = []
        self._total = 0

    def add(self, path: str, size: int) -> None:
        """Add a file of `size` bytes.

        Raises:
            BundleError: The project is too large.
        """
        self._files.append((path, size))
        self._total += size
        if self._total > self._limits.size:
            gib = f"{self._limits.size / 2**30:,.1f}".removesuffix(".0")
            raise self.error(
                f"it holds more than {gib} GiB", option=f"max_project_gib: {math.ceil(self._total / 2**30) * 2}"
            )
        if len(self._files) > self._limits.files:
            option = f"max_project_files: {self._limits.files * 2}"
            raise self.error(f"it holds more than {self._limits.files:,} files", option=option, by_count=True)

    def error(self, reason: str, *, option: str | None = None, by_count: bool = False) -> BundleError:
        """Return the error for this project, which names what makes it large.

        Args:
            reason: Why it is refused.
            option: The argument of the bundler that would allow it; None where nothing does.
            by_count: Whether it has too many files, instead of too much in them.
        """
        entries = self._largest_entries(by_count=by_count, is_deep=option is not None)
        sizes = ", ".join(
            f"{path} ({weight:,} files)" if by_count else f"{path} ({weight / 2**20:,.0f} MiB)"
            for path, weight in entries
        )
        lines = "".join(f"\n    /{path}" for path, _ in entries)
        raise_limit = (
            ""
            if option is None
            else f"\nIf the job needs them, raise the limit in a *.config.yaml:\n    job_bundler_implementation:\n"
            f"      job_bundler_type: foundations.TarballJobBundler\n"
            f"      constructor_keyword_arguments: {{{option}}}"
        )
        return BundleError(
            f"{self._root}: the working directory is bundled whole, and {reason}. Run from the project's own directory,"
            f" or leave out what the job does not need. The largest entries seen: {sizes}. To leave them out, add to"
            f" {self._root / IGNORE_FILE}:{lines}{raise_limit}",
            path=str(self._root),
        )

    def _largest_entries(self, *, by_count: bool, is_deep: bool) -> list[tuple[str, int]]:
        """Return the entries that matter, largest first; where `is_deep`, each as deep as what makes it large lies."""
        weights: Counter[str] = Counter()
        children: dict[str, set[str]] = {}
        for file, size in self._files:
            path, parent = file, file.rpartition("/")[0]
            while path:
                weights[path] += 1 if by_count else size
                children.setdefault(parent, set()).add(path)
                path, parent = parent, parent.rpartition("/")[0]
        tops = heapq.nlargest(_MOST_NAMED, children.get("", ()), key=lambda path: weights[path])
        least = _SHARE_THAT_MATTERS * (len(self._files) if by_count else self._total)
        entries = [path for path in tops if weights[path] >= least]
        if is_deep:
            entries = [self._cause(path, weights, children) for path in entries]
        return [(path, weights[path]) for path in entries]

    def _cause(self, path: str, weights: Counter[str], children: dict[str, set[str]]) -> str:
        """Return the deepest entry at or below `path` that makes up nearly all of it."""
        while path in children:
            largest = max(children[path], key=lambda child: weights[child])
            if weights[largest] < _SHARE_OF_A_SOLE_CAUSE * weights[path]:
                break
            path = largest
        return path
