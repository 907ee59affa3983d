"""The files that a job wrote into its copy of the project, which is removed once the job has ended."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

_LONGEST_SEARCH = 0.5
_BYTE_CODE = "__pycache__"


def find_written_files(
    project: Path, since: float, inside: str = "", longest: float = _LONGEST_SEARCH
) -> dict[str, int]:
    """Return the files below a directory that were made or written since a moment, and their sizes in bytes.

    Byte code, links, and what links lead to are left out.

    Args:
        project: The directory that the paths are relative to.
        since: Seconds since the epoch.
        inside: The directory to search, relative to `project`.
        longest: Seconds after which the search ends, whatever was found until then.
    """
    deadline = time.monotonic() + longest
    since_ns = int(since * 1e9)
    root = os.path.normpath(os.path.join(project, inside))
    found: dict[str, int] = {}
    for entry in _walk(root):
        if time.monotonic() > deadline:
            break
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # a process that the job left removes it
            continue
        if status.st_ctime_ns >= since_ns:  # no program can set this time, as copying sets the other one
            found[os.path.relpath(entry.path, project)] = status.st_size
    return found


def _walk(root: str) -> Iterator[os.DirEntry[str]]:
    """Iterate over the files below a directory, as far as it can be read."""
    pending = [root]
    while pending:
        try:
            with os.scandir(pending.pop()) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError:  # the job removed it, or closed it to its owner
            continue
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                yield entry
            elif entry.is_dir(follow_symlinks=False) and entry.name != _BYTE_CODE:
                pending.append(entry.path)
