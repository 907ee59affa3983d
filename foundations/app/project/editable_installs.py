"""Packages in editable mode that hooks of build backends find: where they are, and the copy in place of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any


class CopyFinder:
    """Finds modules in a job's copy of the project before the hooks of editable installs find the original.

    Args:
        copy: The directory of the copy.
        places: The directories of it that the job imports modules from.
    """

    def __init__(self, copy: Path, places: Sequence[str]) -> None:
        self._root = os.path.join(copy, "")
        self._places = places

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where the copy has a module; None where it has none, or only a directory without a module."""
        places = self._places if path is None else [place for place in path if str(place).startswith(self._root)]
        spec = PathFinder.find_spec(name, places) if places else None
        return None if spec is None or spec.loader is None else spec


def has_editable_hooks() -> bool:
    """Return whether a hook of an editable install finds modules in this process."""
    return any(True for _ in _hooks())


def find_editable_places() -> list[str]:
    """Return the directories that packages in editable mode are imported from by hooks with a table of their files.

    These are the hooks of setuptools and scikit-build-core. Other backends but meson-python write path files.
    """
    packages: list[tuple[str, str]] = []
    for finder, module in _hooks():
        table = getattr(module, "MAPPING", None) or getattr(finder, "known_source_files", None)
        if isinstance(table, dict):
            packages += [(str(name), str(path)) for name, path in table.items()]
    return _places_of(packages)


def find_built_places() -> list[str]:
    """Return the directories that hooks of meson-python import packages from; those not imported yet are built."""
    packages: list[tuple[str, str]] = []
    for finder, _ in _hooks():
        for name in getattr(finder, "_top_level_modules", ()):
            spec = getattr(sys.modules.get(name), "__spec__", None) or finder.find_spec(name)
            if spec is not None and spec.origin is not None:
                packages.append((name, spec.origin))
    return _places_of(packages)


def _places_of(packages: Iterable[tuple[str, str]]) -> list[str]:
    """Return the directories that packages or modules are imported from, by their names and files or directories."""
    places: dict[str, None] = {}
    for name, path in packages:
        stem, tail = path.removesuffix(".py").removesuffix(f"{os.sep}__init__"), os.sep + name.replace(".", os.sep)
        if stem.endswith(tail):
            places[stem[: -len(tail)]] = None
    return list(places)


def _hooks() -> Iterator[tuple[Any, ModuleType]]:
    """Iterate over the finders of editable installs, each with the module that was generated for it."""
    for finder in sys.meta_path:
        module = sys.modules.get(str(getattr(finder, "__module__", "")))
        if module is not None and "editable" in module.__name__:
            yield finder, module
