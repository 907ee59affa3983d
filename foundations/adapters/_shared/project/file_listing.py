"""The files of a project, those that a bundle would hold and those that it would leave out, with the reasons."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from foundations.adapters._shared.project.ignoring import rule_describer
from foundations.adapters._shared.project.project_files import IGNORED, project_files
from foundations.adapters._shared.project.project_size import ProjectLimits
from foundations.ports.bundling import ListedFile, extra_source_member

_UNLIMITED = ProjectLimits(size=2**63, files=2**63)


def list_files(project: Path, extra_source_paths: Sequence[Path], excluded: Sequence[Path]) -> list[ListedFile]:
    """Return the files and links of a project and of extra source paths, and what is left out; sorted by path.

    Args:
        project: The project directory, an absolute path.
        extra_source_paths: Further source directories, absolute paths.
        excluded: Directories, absolute paths, that are left out.

    Raises:
        BundleError: A directory or the ignore file cannot be read, or a link leads out of the project.
    """
    listed = _list(project, "", excluded)
    for number, extra in enumerate(extra_source_paths):
        listed += _list(extra, extra_source_member(number) + "/", excluded)
    return sorted(listed)


def _list(root: Path, prefix: str, excluded: Sequence[Path]) -> list[ListedFile]:
    excluded_files: list[tuple[str, int | None, str]] = []

    def left_out(entry: os.DirEntry[str], path: str, reason: str) -> None:
        is_directory = entry.is_dir(follow_symlinks=False)
        path += "/" * is_directory
        try:
            size = None if is_directory else entry.stat(follow_symlinks=False).st_size
        except FileNotFoundError:  # it is neither left out nor packed: it has vanished meanwhile
            return
        excluded_files.append((path, size, reason))

    sources = project_files(root, prefix, excluded, _UNLIMITED, left_out)
    describe_rule = rule_describer(root)
    listed = [ListedFile(source.path, source.size) for source in sources if source.kind != "directory"]
    for path, size, reason in excluded_files:
        listed.append(ListedFile(prefix + path, size, describe_rule(path) if reason == IGNORED else reason))
    return listed
