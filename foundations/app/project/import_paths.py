"""The modules of a project: where they are imported from, and which of them a job would lack."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from foundations.app.code_origin import is_installed, is_sdk, is_standard_library
from foundations.app.project.editable_installs import (
    CopyFinder,
    find_built_places,
    find_editable_places,
    has_editable_hooks,
)
from foundations.app.project.main_module import SPAWNED_MAIN
from foundations.app.project.relocation import Relocation
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
    for entry in (*sys.path, *find_editable_places(), *find_built_places()):
        place = Path(entry or ".").resolve()
        if place.is_relative_to(root) and not is_installed(str(place)):
            path = str(place.relative_to(root))
            if path not in paths:
                paths.append(path)
    return (*paths, *(extra_source_member(number) for number in range(len(extra))))


def use_import_paths(relocation: Relocation, paths: Iterable[str]) -> None:
    """Import modules, from now on, from where the submitter did; the runtime of the bundle comes last.

    Whatever this interpreter was set up with, it imports the copy of the project, and so do the Python processes that
    it starts: ``PYTHONPATH`` gets the places of the copy that they would find in the original project otherwise. Only
    the hooks of meson-python and scikit-build-core come before ``PYTHONPATH`` in such a process.

    Args:
        relocation: Where the project is.
        paths: What :func:`import_paths` returned.
    """
    runtime, *inherited = sys.path
    moved = [relocation.relocate(os.path.realpath(entry)) for entry in inherited]
    own = [os.path.normpath(relocation.copy / path) for path in paths]
    places = [new if _is_project(entry, relocation) else entry for entry, new in zip(inherited, moved, strict=True)]
    sys.path[:] = [*own, *(place for place in places if place not in own), runtime]
    if has_editable_hooks():
        sys.meta_path.insert(0, CopyFinder(relocation.copy, own))
    editable = [new for place in find_editable_places() if (new := relocation.relocate(place)) != place]
    replaced = [new for entry, new in zip(inherited, places, strict=True) if new != entry]
    if not editable and not replaced:
        return
    variable = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    exported = [
        relocation.relocate(os.path.realpath(entry)) if _is_project(entry, relocation) else entry for entry in variable
    ]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys((*exported, *replaced, *editable)))


def check_modules(
    pipeline: Pipeline,
    project: Path,
    extra: tuple[Path, ...],
    locate: Callable[[Sequence[str]], Mapping[str, tuple[str, ...]]],
) -> None:
    """Raise unless the job will be able to import the modules of all functions.

    Args:
        pipeline: The pipeline.
        project: The project directory.
        extra: Further source directories, absolute paths.
        locate: Returns the files or directories where the job's interpreter finds modules, by their names.

    Raises:
        PipelineError: A module is neither in the project, nor in an extra source path, nor where the job finds it.
    """
    roots = tuple(str(place.resolve()) + os.sep for place in (project, *extra))
    outside: dict[str, tuple[str, str]] = {}  # the place of a module, and the stage that needs it
    seen: set[int] = set()
    for index, node in enumerate(pipeline.nodes):
        if id(node.function) in seen:
            continue
        seen.add(id(node.function))
        for module in _modules(node.function):
            place = _place(module, pipeline.name(index))
            if place is not None and not place.startswith(roots) and not _is_available(place):
                outside.setdefault(module.__name__, (place, pipeline.name(index)))
    if not outside:
        return
    located = locate(sorted({name.partition(".")[0] for name in outside}))
    for name, (place, stage) in outside.items():
        found = located.get(name.partition(".")[0], ())
        files = {place, os.path.abspath(str(getattr(sys.modules[name], "__file__", place)))}  # one may be a link
        locations = {form(location) for location in found for form in (os.path.abspath, os.path.realpath)}
        if any(f"{file}{os.sep}".startswith(location + os.sep) for file in files for location in locations):
            continue
        instead = f" (it would find {found[0]} there)" if found else ""
        raise PipelineError(
            f"stage {stage} needs the module {name} ({place}). It is neither in the project directory {project} nor"
            f" installed as a package, so the job could not import it{instead}. Move it into the project, install it,"
            " or add its directory to `extra_source_paths` of `job_source_bundle` in the YAML."
        )


def _is_project(path: str, relocation: Relocation) -> bool:
    return relocation.find_member(os.path.realpath(path)) is not None


def _is_available(place: str) -> bool:
    return is_standard_library(place) or is_sdk(place) or is_installed(place)


def _place(module: ModuleType, stage: str) -> str | None:
    """Return the file of a module; None for one that is built in.

    Raises:
        PipelineError: It was made in memory, and is in no file that the job could import.
    """
    file = getattr(module, "__file__", None)
    if file is not None:
        return str(Path(file).resolve())
    names = module.__name__.split(".")
    parents = [sys.modules.get(".".join(names[:count])) for count in range(1, len(names))]
    made_by_package = any(getattr(parent, "__file__", None) is not None for parent in parents)
    if made_by_package or hasattr(module, "__path__") or getattr(module, "__spec__", None) is not None:
        return None
    raise PipelineError(
        f"stage {stage} needs the module {module.__name__}, which was made in memory: it is in no file, so the job"
        " could not import it. Write it to a file of the project, or define the function in the script."
    )


def _modules(function: Any) -> Iterator[ModuleType]:
    """Iterate over the modules that unpickling `function` in the job imports, as far as its names show them."""
    while isinstance(function, functools.partial):
        function = function.func
    function = getattr(function, "__func__", function)
    name = getattr(function, "__module__", None) or type(function).__module__
    if name not in ("__main__", SPAWNED_MAIN):
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
