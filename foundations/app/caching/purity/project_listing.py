"""What lies in the project's directories while a stage runs, whoever makes or removes it."""

from __future__ import annotations

import os

from foundations.app.code_origin import is_installed


class ProjectListing:
    """What lies in the project's directories: whoever makes or removes something there is found out.

    What lies inside of hidden directories and of installed packages is left out.

    Args:
        project: The project directory.
    """

    def __init__(self, project: str) -> None:
        self._project = project
        self._known: dict[str, tuple[int, frozenset[str]]] = {}
        self.changed()

    def changed(self) -> str | None:
        """Return the path of something that was made or removed since the last call; None where there is nothing."""
        found, unknown = None, [self._project]
        listed: dict[str, tuple[int, frozenset[str]]] = {}
        while unknown:
            directory = unknown.pop()
            try:
                changed_at = os.stat(directory).st_mtime_ns
                known = self._known.get(directory)
                if known is None or known[0] != changed_at:
                    with os.scandir(directory) as entries:
                        names = frozenset(
                            entry.name + "/" * entry.is_dir(follow_symlinks=False)
                            for entry in entries
                            if not (entry.name.startswith((".nfs", "__pycache__")) or is_installed(entry.name))
                        )
                    if known is not None and known[1] != names:
                        found = found or os.path.join(directory, min(known[1] ^ names))
                    known = (changed_at, names)
            except OSError:  # it has just been removed, which its parent tells, or is not to be read
                continue
            listed[directory] = known
            unknown += [os.path.join(directory, name[:-1]) for name in known[1] if name[-1] == "/" and name[0] != "."]
        self._known = listed
        return found
