"""The ``__main__`` of a job: made as the submitter's was, so that functions and child processes find the script."""

from __future__ import annotations

import builtins
import functools
import linecache
import os
import sys
from collections.abc import Iterable, Mapping
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from foundations import events
from foundations.app.code_origin import is_installed
from foundations.app.project.relocation import Relocation, find_origins

SPAWNED_MAIN = "__mp_main__"
"""The name under which a child of multiprocessing that was not forked imports the script."""

NO_MAIN: Mapping[str, Any] = {"file": None, "name": None, "package": None, "spawned": False}
"""What stands for the script of a job that was submitted without one."""


def describe_main(project: Path) -> dict[str, Any]:
    """Return what :func:`install_main` needs of this process's ``__main__``, of JSON's own types.

    Args:
        project: The project directory.

    Returns:
        ``origins``: the paths of the project directory. ``file``: the script's file, relative to the project where it
        lies in it; None for a notebook. ``name`` and ``package``: what ``python -m`` was given. ``spawned``: whether
        this process is a child of multiprocessing that has imported the script.
    """
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    file = os.path.abspath(file) if isinstance(file, str) else None
    origins = find_origins(project, file)
    if file is not None:
        relocation = Relocation(project, origins)
        real = os.path.join(os.path.realpath(os.path.dirname(file)), os.path.basename(file))
        member = relocation.find_member(file) or relocation.find_member(real)
        file = file if member is None else member
    return {
        "origins": origins,
        "file": file,
        "name": getattr(getattr(main, "__spec__", None), "name", None),
        "package": getattr(main, "__package__", None),
        "spawned": main.__name__ == SPAWNED_MAIN,
    }


def warn_of_outside_script(main: Mapping[str, Any], functions: Iterable[Any], project: Path) -> None:
    """Log it where functions of a script are submitted that is no part of the project, and so of no bundle."""
    file = main["file"]
    if file is None or not os.path.isabs(file) or is_installed(file):
        return
    if any(_main_globals(function) is not None for function in functions):
        events.warning(
            "script_outside_project",
            script=file,
            project=str(project),
            hint="its functions are sent with the job, but the file is not: modules beside it are missing in the job"
            " and processes that a stage spawns read the file as it is then. Run from the script's directory, or one"
            " above",
        )


def make_main(main: Mapping[str, Any], relocation: Relocation) -> None:
    """Make an empty ``__main__`` with the script's ``__file__``, ``__spec__`` and ``__package__``.

    A child of multiprocessing has imported its script under another name: then that is done here too.

    Args:
        main: What :func:`describe_main` returned.
        relocation: Where the project is.
    """
    module = ModuleType("__main__")
    vars(module)["__builtins__"] = builtins
    file, name = _file(main, relocation), main["name"]
    if file is not None:
        module.__file__ = file
    if name is not None:
        loader = SourceFileLoader(name, file or "")
        module.__package__, module.__loader__ = main["package"], loader
        module.__spec__ = ModuleSpec(name, loader, origin=file)
        module.__spec__.has_location = file is not None
    sys.modules["__main__"] = module
    if main["spawned"] and file is not None:
        from multiprocessing import spawn

        key = "init_main_from_path" if name is None else "init_main_from_name"
        vars(module).pop("__file__", None)  # otherwise the script counts as imported
        module.__spec__ = None
        spawn.prepare({key: file if name is None else name})


def fill_main(values: Iterable[Any], main: Mapping[str, Any], relocation: Relocation) -> None:
    """Put the functions of the script into ``__main__``, where multiprocessing and others look them up by name.

    Paths of the project among their globals, defaults and class attributes become those of the copy.

    Args:
        values: The functions of the stages and their arguments.
        main: What :func:`describe_main` returned.
        relocation: Where the project is.
    """
    module = sys.modules["__main__"]
    own = vars(module)
    filled: set[int] = set()
    for value in values:
        function = _unwrapped(value)
        names = _main_globals(function)
        if names is None or names is own:
            continue
        if id(names) not in filled:
            filled.add(id(names))
            if "__file__" in own:
                names["__file__"] = own["__file__"]
            names["__spec__"] = module.__spec__
            _relocate_globals(names, relocation)
            own.update({name: item for name, item in names.items() if not name.startswith("__")})
            _show_lines_of_copy(main, own.get("__file__"), relocation)
        _relocate_defaults(function, relocation)
        own.setdefault(function.__name__, function)


def _file(main: Mapping[str, Any], relocation: Relocation) -> str | None:
    file: str | None = main["file"]
    return None if file is None else os.path.normpath(relocation.copy / file)


def _unwrapped(value: Any) -> Any:
    while isinstance(value, functools.partial):
        value = value.func
    return getattr(value, "__func__", value)


def _main_globals(value: Any) -> dict[str, Any] | None:
    """Return the globals of a function of ``__main__``; None for anything else."""
    function = _unwrapped(value)
    if not isinstance(function, FunctionType) or function.__module__ != "__main__":
        return None
    return function.__globals__


def _relocate_globals(names: dict[str, Any], relocation: Relocation) -> None:
    for name, value in list(names.items()):
        if name.startswith("__"):
            continue
        if isinstance(value, FunctionType) and value.__module__ == "__main__":
            _relocate_defaults(value, relocation)
        elif isinstance(value, type) and value.__module__ == "__main__":
            relocation.relocate_attributes(value)
        else:
            names[name] = relocation.relocate_value(value)


def _relocate_defaults(function: FunctionType, relocation: Relocation) -> None:
    if function.__defaults__:
        function.__defaults__ = relocation.relocate_value(function.__defaults__)
    if function.__kwdefaults__:
        function.__kwdefaults__ = relocation.relocate_value(function.__kwdefaults__)


def _show_lines_of_copy(main: Mapping[str, Any], file: str | None, relocation: Relocation) -> None:
    """Have tracebacks show the lines of the copy: code is named by the original file, which may have changed."""
    if file is None or os.path.isabs(main["file"]) or not linecache.getlines(file):
        return
    for origin in relocation.origins:
        linecache.cache[os.path.join(origin, main["file"])] = linecache.cache[file]
