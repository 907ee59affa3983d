"""The names of code, and the objects behind the names that code uses."""

from __future__ import annotations

import builtins
import functools
import sys
from collections.abc import Callable, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import Any

from foundations.domain.caching.code.bytecode import NameReference
from foundations.domain.caching.code.parts import CodeEnvironment
from foundations.domain.pipeline.stage import StageFactory

SET_BY_PYTHON = frozenset({"__wrapped__", "__module__", "__name__", "__qualname__", "__doc__", "__annotations__"})
"""Attributes of functions that Python sets: a closure contains them otherwise, or they do not count."""

MISSING: Any = type("Missing", (), {"__slots__": ()})()
"""The value of a name that does not exist."""


def display_name(code: Any) -> str:
    """Return the name of code for people."""
    if isinstance(code, StageFactory):
        code = code.function
    module = getattr(code, "__module__", None)
    name = getattr(code, "__qualname__", None) or getattr(code, "__name__", None) or repr(code)[:80]
    return str(name) if module in (None, "__main__", "builtins") else f"{module}.{name}"


def is_importable(code: Any, module: object) -> bool:
    """Return whether a function, a class or another object is found in `module` under its own name."""
    name = getattr(code, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return False
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is code


def module_of(kind: type) -> str:
    """Return the name of a class's module; an empty string where a class in C has another kind of object there."""
    module: object = kind.__module__
    return module if isinstance(module, str) else ""


def is_project_object(found: Any, is_packaged: Callable[[str], bool]) -> bool:
    """Return whether an object is the project's, although a package or Python itself may have it under a name."""
    while isinstance(found, functools.partial):
        found = found.func
    if isinstance(found, MethodType):
        found = found.__func__
    if isinstance(found, FunctionType):
        return not is_packaged(str(found.__globals__.get("__name__")))
    module = module_of(found if isinstance(found, type) else type(found))
    # types in C may name a module that does not exist
    has_file = getattr(sys.modules.get(module), "__file__", None) is not None
    return (has_file or module == "__main__") and not is_packaged(module)


def class_function(method: MethodType) -> Any:
    """Return the function of a method as its class has it; an unpickled method may have a copy."""
    holder = method.__self__ if isinstance(method.__self__, type) else type(method.__self__)
    name = str(getattr(method.__func__, "__name__", None))
    found = next((vars(kind)[name] for kind in holder.__mro__ if name in vars(kind)), None)
    found = getattr(found, "__func__", found)
    code = getattr(method.__func__, "__code__", None)
    return found if code is not None and getattr(found, "__code__", None) == code else method.__func__


def look_up(reference: NameReference, names: Mapping[str, Any], importer: CodeEnvironment) -> Any:
    """Return the first object of a reference: the module that is imported, or the variable's value.

    Args:
        reference: The reference.
        names: The function's global variables.
        importer: Imports modules that the function itself imports.
    """
    if reference.level is not None:
        return importer.import_module(absolute_module(reference, names)) or MISSING
    if reference.name in names:
        return names[reference.name]
    return getattr(builtins, reference.name, MISSING)


def get_member(module: ModuleType, name: str, *, importer: CodeEnvironment, is_imported: bool = False) -> Any:
    """Return an attribute of a module, or a submodule; `MISSING` where there is neither."""
    found = vars(module).get(name, MISSING)
    if found is not MISSING:
        return found
    submodule = sys.modules.get(f"{module.__name__}.{name}")
    if submodule is None and is_imported and hasattr(module, "__path__"):
        submodule = importer.import_module(f"{module.__name__}.{name}")
    if submodule is not None:
        return submodule
    try:
        return getattr(module, name, MISSING)  # by its `__getattr__`, or that of its class
    except Exception:  # from the user's own code
        return MISSING


def absolute_module(reference: NameReference, names: Mapping[str, Any]) -> str:
    """Return the full name of the module that a function imports.

    >>> absolute_module(NameReference("deep", level=2), {"__package__": "package.inner"})
    'package.deep'
    """
    if not reference.level:
        return reference.name
    package = str(names.get("__package__") or "").split(".")
    return ".".join([*package[: len(package) - reference.level + 1], reference.name]).strip(".")
