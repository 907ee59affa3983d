"""What code is called, and what stands behind the names that it uses."""

from __future__ import annotations

import builtins
import functools
import sys
from collections.abc import Callable, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import Any, Protocol

from foundations.domain.caching.code.bytecode import Request
from foundations.domain.pipeline.stage import StageFactory

SET_BY_PYTHON = frozenset({"__wrapped__", "__module__", "__name__", "__qualname__", "__doc__", "__annotations__"})
"""Attributes of functions that say what is known otherwise, or does not count."""

NOTHING: Any = type("Nothing", (), {"__slots__": ()})()
"""Stands for what is not there."""


class Importer(Protocol):
    """Imports modules."""

    def import_module(self, name: str) -> ModuleType | None:
        """Return a module, imported where it has not been; None where that fails."""


def called(code: Any) -> str:
    """Return what a person calls code."""
    if isinstance(code, StageFactory):
        code = code.function
    module = getattr(code, "__module__", None)
    name = getattr(code, "__qualname__", None) or getattr(code, "__name__", None) or repr(code)[:80]
    return str(name) if module in (None, "__main__", "builtins") else f"{module}.{name}"


def is_importable(code: Any, module: object) -> bool:
    """Tell whether a function, a class or another object is found in `module` under its name."""
    name = getattr(code, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return False
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is code


def module_of(kind: type) -> str:
    """Return the name of a class's module; nothing where a class in C has something else in its place."""
    module: object = kind.__module__
    return module if isinstance(module, str) else ""


def is_of_project(found: Any, is_packaged: Callable[[str], bool]) -> bool:
    """Tell whether it is the project that has made what a package, or Python itself, has under a name."""
    while isinstance(found, functools.partial):
        found = found.func
    if isinstance(found, MethodType):
        found = found.__func__
    if isinstance(found, FunctionType):
        return not is_packaged(str(found.__globals__.get("__name__")))
    module = module_of(found if isinstance(found, type) else type(found))
    has_file = getattr(sys.modules.get(module), "__file__", None) is not None  # types in C may name what is no module
    return (has_file or module == "__main__") and not is_packaged(module)


def of_its_class(method: MethodType) -> Any:
    """Return the function of a method as its class has it: a method that was shipped has a copy of its own."""
    holder = method.__self__ if isinstance(method.__self__, type) else type(method.__self__)
    name = str(getattr(method.__func__, "__name__", None))
    found = next((vars(kind)[name] for kind in holder.__mro__ if name in vars(kind)), None)
    found = getattr(found, "__func__", found)
    code = getattr(method.__func__, "__code__", None)
    return found if code is not None and getattr(found, "__code__", None) == code else method.__func__


def looked_up(request: Request, names: Mapping[str, Any], importer: Importer) -> Any:
    """Return what a request finds where it begins: a module that is imported, or a variable's value.

    Args:
        request: What a function asks for.
        names: The function's global variables.
        importer: Imports what is imported inside the function.
    """
    if request.level is not None:
        return importer.import_module(absolute(request, names)) or NOTHING
    if request.name in names:
        return names[request.name]
    return getattr(builtins, request.name, NOTHING)


def member(module: ModuleType, name: str, *, importer: Importer, is_imported: bool = False) -> Any:
    """Return an attribute of a module, or one of a package's modules."""
    found = vars(module).get(name, NOTHING)
    if found is not NOTHING:
        return found
    submodule = sys.modules.get(f"{module.__name__}.{name}")
    if submodule is None and is_imported and hasattr(module, "__path__"):
        submodule = importer.import_module(f"{module.__name__}.{name}")
    if submodule is not None:
        return submodule
    try:
        return getattr(module, name, NOTHING)  # its __getattr__, or its class's
    except Exception:  # of the user's own
        return NOTHING


def absolute(request: Request, names: Mapping[str, Any]) -> str:
    """Return the full name of the module that a function imports.

    >>> absolute(Request("deep", level=2), {"__package__": "package.inner"})
    'package.deep'
    """
    if not request.level:
        return request.name
    package = str(names.get("__package__") or "").split(".")
    return ".".join([*package[: len(package) - request.level + 1], request.name]).strip(".")
