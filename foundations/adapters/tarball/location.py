"""Where a bundle is made, and which directories of foundations itself stay out of it."""

from __future__ import annotations

import os
from pathlib import Path

from foundations import events
from foundations.adapters._shared.fs.trusted import ensure_private_directory
from foundations.adapters.tarball.registry import PRIVATE_PREFIX
from foundations.home import HOME_DIRECTORIES, foundations_home
from foundations.ownership import find_weakness

_PRIVATE_BUNDLES = "private_bundles"


def own_directories(project: Path) -> list[Path]:
    """Return the directories in which foundations stores its data by default."""
    home = foundations_home()
    if os.path.realpath(home) != os.path.realpath(project):
        return [home]
    return [home / name for name in HOME_DIRECTORIES]


def make_private_directory(intended: Path, job_name: str) -> Path | None:
    """Return a new directory to make a bundle in, where the intended one does not do; None where that does.

    A directory that cannot be written does not, nor one in which other users could put something else in the place of
    the bundle. The reason is reported in the log.
    """
    if not os.access(intended, os.W_OK | os.X_OK):
        place, reason = None, f"{intended} cannot be written"
    else:
        weakness = find_weakness(intended.absolute())
        if weakness is None:
            return None
        place = foundations_home() / _PRIVATE_BUNDLES
        ensure_private_directory(place)
        reason = f"other users could replace the bundle in {intended}: {weakness.path}: {weakness.reason}"
    import tempfile  # seldom needed

    private = Path(tempfile.mkdtemp(prefix=PRIVATE_PREFIX, dir=place))
    events.info("bundle_elsewhere", job_name=job_name, directory=str(private), reason=reason)
    return private
