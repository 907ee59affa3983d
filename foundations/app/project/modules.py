"""The project's modules that a submitter has imported, and their import in the job before stages are loaded."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from foundations import events
from foundations.app.code_origin import is_installed, is_sdk, is_standard_library
from foundations.ports.bundling import extra_source_member


class ProjectModule(NamedTuple):
    """A module of the project, as a submitter has imported it.

    Attributes:
        name: Its name in ``sys.modules``.
        file: Its file, relative to the extracted project.
        is_package: Whether it is a package.
    """

    name: str
    file: str
    is_package: bool


def list_project_modules(project: Path, extra: tuple[Path, ...], needed: Iterable[str]) -> tuple[ProjectModule, ...]:
    """Return the modules of a project that this process has imported, in the order in which that began.

    Modules that only a test runner imports are left out unless they are needed.

    Args:
        project: The project directory.
        extra: Further source directories, absolute paths.
        needed: The names of the modules of stages.
    """
    roots = [(str(project.resolve()), "")]
    roots += [(str(path), extra_source_member(number)) for number, path in enumerate(extra)]
    is_test_run, required = "_pytest" in sys.modules, frozenset(needed)
    directories: dict[str, str] = {}
    modules = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if (
            not isinstance(file, str)
            or name in ("__main__", "__mp_main__")
            or is_standard_library(file)
            or is_sdk(file)
        ):
            continue
        if is_test_run and name not in required and _is_test_file(os.path.basename(file)):
            continue
        directory, base = os.path.split(os.path.abspath(file))
        if directory not in directories:
            directories[directory] = os.path.realpath(directory)
        place = os.path.join(directories[directory], base)
        for root, member in roots:
            if place.startswith(root + os.sep) and not is_installed(place[len(root) :]):
                path = os.path.join(member, place[len(root) + 1 :])
                modules.append(ProjectModule(name, path, hasattr(module, "__path__")))
                break
    return tuple(modules)


def import_modules(modules: Iterable[ProjectModule], project: Path) -> None:
    """Import the modules that a submitter had imported, in its order, from the copy of the project.

    A module that is not found by its name, as a test runner or ``spec_from_file_location`` import them, is loaded from
    its file. One that raises is logged: a stage that needs it fails when it is loaded.

    Args:
        modules: What :func:`list_project_modules` returned.
        project: The extracted project directory.
    """
    for name, file, is_package in modules:
        place = os.path.join(project, file)
        if name in sys.modules or not os.path.exists(place):
            continue
        try:
            if _is_found(name, place):
                importlib.import_module(name)
            else:
                _load(name, place, is_package)
        except (Exception, SystemExit) as error:  # whatever the user's module raises
            events.warning(
                "module_not_imported",
                module=name,
                file=file,
                reason=f"{type(error).__name__}: {error}",
                hint="run() was called in a process that had imported it",
            )


def _is_test_file(name: str) -> bool:
    return name == "conftest.py" or name.startswith("test_") or name.endswith("_test.py")


def _is_found(name: str, place: str) -> bool:
    """Return whether importing a module by its name takes it from this file."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # a parent is no package, or not there
        return False
    return spec is not None and spec.origin is not None and os.path.realpath(spec.origin) == os.path.realpath(place)


def _load(name: str, place: str, is_package: bool) -> None:
    locations = [os.path.dirname(place)] if is_package else None
    spec: Any = importlib.util.spec_from_file_location(name, place, submodule_search_locations=locations)
    if spec is None:
        raise ImportError(f"{place} is no file that Python imports")
    parts = name.split(".")
    for count in range(1, len(parts)):
        _ensure_package(".".join(parts[:count]))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise


def _ensure_package(name: str) -> None:
    """Import a package; where there is none of this name, put an empty one there."""
    try:
        importlib.import_module(name)
    except ImportError:
        package = sys.modules[name] = ModuleType(name)
        package.__path__ = []
