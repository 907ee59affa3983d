"""The modules of a project: where they are imported from, and which of them a bundle would lack."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from foundations.app.code_origin import is_installed, is_sdk, is_standard_library
from foundations.domain.pipeline.graph import Pipeline
from foundations.errors import PipelineError
from foundations.ports.bundling import extra_source_member


def import_paths(project: Path, extra: tuple[Path, ...]) -> tuple[str, ...]:
    """Return the directories that a job imports modules from, as this process does, relative to the project directory.

    Args:
        project: The project directory.
        extra: Further source directories, absolute paths; they come last.
    """
    root = project.resolve()
    paths: list[str] = []
    for entry in sys.path:
        place = Path(entry or ".").resolve()
        if place.is_relative_to(root) and not is_installed(str(place)):
            path = str(place.relative_to(root))
            if path not in paths:
                paths.append(path)
    return (*paths, *(extra_source_member(number) for number in range(len(extra))))


def use_import_paths(project: Path, paths: Iterable[str]) -> None:
    """Import modules, from now on, from where the submitter did; the runtime of the bundle comes last.

    Args:
        project: The extracted project directory.
        paths: What :func:`import_paths` returned.
    """
    runtime = sys.path[0]
    sys.path[:] = [*(os.path.normpath(project / path) for path in paths), *sys.path[1:], runtime]


def check_modules(pipeline: Pipeline, project: Path, extra: tuple[Path, ...]) -> None:
    """Raise unless the job will be able to import the modules of all functions.

    Args:
        pipeline: The pipeline.
        project: The project directory.
        extra: Further source directories, absolute paths.

    Raises:
        PipelineError: A module lies neither in the project, nor in an extra source path, nor among the installed ones.
    """
    roots = tuple(str(place.resolve()) + os.sep for place in (project, *extra))
    checked: set[str] = set()
    seen: set[int] = set()
    for index, node in enumerate(pipeline.nodes):
        if id(node.function) in seen:
            continue
        seen.add(id(node.function))
        for module in _modules(node.function):
            if module.__name__ in checked:
                continue
            checked.add(module.__name__)
            file = getattr(module, "__file__", None)
            if file is None:
                continue  # built in
            place = str(Path(file).resolve())
            if place.startswith(roots) or is_standard_library(place) or is_sdk(place) or is_installed(place):
                continue
            raise PipelineError(
                f"stage {pipeline.name(index)} needs the module {module.__name__} ({place}). It is neither in the"
                f" project directory {project} nor installed as a package, so the job could not import it."
                " Move it into the project, install it, or add its directory to `extra_source_paths` of"
                " `job_source_bundle` in the YAML."
            )


def _modules(function: Any) -> Iterator[ModuleType]:
    """Iterate over the modules that unpickling `function` in the job imports, as far as its names show them."""
    while isinstance(function, functools.partial):
        function = function.func
    function = getattr(function, "__func__", function)
    name = getattr(function, "__module__", None) or type(function).__module__
    if name != "__main__":
        if name in sys.modules:
            yield sys.modules[name]
        return
    if not isinstance(function, FunctionType):
        return
    for used in function.__code__.co_names:
        value = function.__globals__.get(used)
        if isinstance(value, (FunctionType, type)) and value.__module__ != "__main__":
            value = sys.modules.get(value.__module__)
        if isinstance(value, ModuleType):
            yield value
