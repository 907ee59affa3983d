"""Paths of the directory that a job was submitted from, and where the job has its copy of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from foundations.app.code_origin import is_installed

_DEEPEST = 4
_MOST_ITEMS = 1_000


class Relocation(NamedTuple):
    """Where a project lay when it was submitted, and where its copy is.

    Attributes:
        copy: The extracted project directory.
        origins: The paths of the original project directory: without symbolic links, and by the links in use.
    """

    copy: Path
    origins: tuple[str, ...]

    @classmethod
    def of(cls, copy: Path, header: Mapping[str, Any]) -> Relocation:
        """Return the relocation of a job, by the header of its serialised form."""
        main = header["main"]
        return cls(copy, tuple(main["origins"]) if main else (header["project"],))

    def find_member(self, path: str) -> str | None:
        """Return a path in the original project relative to it; None for others, and for packages installed there."""
        for origin in self.origins:
            if f"{path}{os.sep}".startswith(f"{origin}{os.sep}"):
                member = path[len(origin) + 1 :]
                return None if is_installed(member) else member
        return None

    def relocate(self, path: str) -> str:
        """Return where the copy has what had this path; a path that is no part of the copy is returned as it is.

        A file that exists in the original alone was left out of the bundle.
        """
        member = self.find_member(path)
        if member is None:
            return path
        place = os.path.normpath(self.copy / member)
        return place if os.path.lexists(place) or not os.path.lexists(path) else path

    def relocate_value(self, value: Any, depth: int = _DEEPEST) -> Any:
        """Return a value with the paths in it relocated: text, paths, and those in containers and plain objects.

        A value without such a path is returned as it is. Attributes of an object are changed in place.
        """
        kind = type(value)
        if kind is str:
            return self.relocate(value) if value.startswith(self.origins) else value
        if isinstance(value, PurePath):
            text = str(value)
            moved = self.relocate(text)
            return value if moved == text else kind(moved)
        if depth == 0:
            return value
        if kind in (list, tuple, set, dict) and len(value) <= _MOST_ITEMS:
            if kind is dict:
                items = {key: self.relocate_value(item, depth - 1) for key, item in value.items()}
                changed = any(items[key] is not item for key, item in value.items())
                if changed:
                    value.update(items)
                return value
            return self._relocate_items(value, depth)
        if kind.__module__ in ("__main__", "argparse", "types") and hasattr(value, "__dict__"):
            self.relocate_attributes(value, depth)
        return value

    def relocate_attributes(self, owner: Any, depth: int = _DEEPEST) -> None:
        """Relocate the paths among the attributes of an object or class, in place."""
        for name, value in list(vars(owner).items()):
            if name.startswith("__"):
                continue
            moved = self.relocate_value(value, depth - 1)
            if moved is value:
                continue
            if isinstance(owner, type):
                setattr(owner, name, moved)
            else:
                vars(owner)[name] = moved  # also where the class is frozen

    def _relocate_items(self, value: Any, depth: int) -> Any:
        items = [self.relocate_value(item, depth - 1) for item in value]
        changed = any(item is not old for item, old in zip(items, value, strict=True))
        return type(value)(items) if changed else value


def find_origins(project: Path, main_file: str | None) -> tuple[str, ...]:
    """Return the paths that this process may know its project directory by.

    Args:
        project: The project directory, as the working directory is reported: without symbolic links.
        main_file: The file of the script.
    """
    origins = [str(project)]
    candidates = [os.environ.get("PWD", "")]
    if main_file is not None:
        member = os.path.relpath(os.path.realpath(main_file), project)
        if main_file.endswith(os.sep + member):
            candidates.append(main_file[: -len(member) - 1])
    for candidate in candidates:
        if candidate and candidate not in origins and os.path.realpath(candidate) == origins[0]:
            origins.append(candidate)
    return tuple(origins)
