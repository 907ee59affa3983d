"""What stands for code where it is referred to; see :mod:`foundations.domain.caching.code.closure`."""

from __future__ import annotations

import functools
import gc
import os
from collections.abc import Callable
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

from foundations.domain.caching.code.findings import Findings
from foundations.domain.caching.code.names import SET_BY_PYTHON, called, is_importable, module_of, of_its_class
from foundations.domain.caching.code.parts import Around, shown
from foundations.domain.caching.values.digests import UndigestibleError, ValueDigester
from foundations.domain.caching.values.reduction import is_known_by_name
from foundations.domain.pipeline.cache_policy import CacheHints
from foundations.domain.pipeline.stage import StageFactory

_SLOTS = (
    WrapperDescriptorType,
    MethodDescriptorType,
    ClassMethodDescriptorType,
    GetSetDescriptorType,
    MemberDescriptorType,
)
_OF_MEMORIES = SET_BY_PYTHON | {"cache_parameters"}
_NUMBERS = (int, float, complex, type(None))

Follow = Callable[[str, Any, str, list[bytes]], None]
"""Told of each part when it is met: its kind, what it is, its name, and the content that is to be added to."""


class References:
    """Tells what stands for functions, classes, modules and the values that refer to them, in one walk.

    Args:
        closures: Asks for the walk.
        found: What it has found so far.
        follow: Follows a part, later.
    """

    def __init__(self, closures: Around, found: Findings, follow: Follow) -> None:
        self._closures = closures
        self._found = found
        self._follow = follow
        self.values = ValueDigester(closures.digesting, self)

    def part(self, kind: str, name: str, code: Any) -> bytes:
        """Return what stands for code that is a part of its own."""
        shown_as = "function" if kind == "wrapper" else kind
        return self._found.part(shown_as, name, code, lambda content: self._follow(kind, code, name, content))

    def inline(self, code: object, where: str) -> bytes:
        """Return what stands for code inside a value."""
        return self.reference(code, where)

    def standing_alone(self, code: object, where: str) -> bytes:
        """Return what stands for code where order does not count."""
        return self._closures.standing_alone(code, where)

    def reference(self, code: Any, where: str) -> bytes:
        """Return what stands for code that is referred to; it is followed later."""
        if isinstance(code, StageFactory):
            return b"|".join([self.reference(code.function, where), *self.stated(code.hints)])
        if isinstance(code, ModuleType):
            if self._found.is_packaged(code.__name__):
                return f"module {code.__name__}".encode()
            return self.part("module", code.__name__, vars(code))
        if isinstance(code, type):
            if self._found.is_packaged(module_of(code)) and is_importable(code, code.__module__):
                return f"class {code.__module__}.{code.__qualname__}".encode()
            return self.part("class", called(code), code)
        if isinstance(code, FunctionType):
            return self._function_reference(code)
        if isinstance(code, MethodType):
            bound = code.__self__
            held = self.values.digest(bound, where)
            if not isinstance(bound, type):
                held += self._found.alias(bound, where)
            return b"method " + self.reference(of_its_class(code), where) + held
        if isinstance(code, BuiltinFunctionType):
            holder = code.__self__
            if holder is None or isinstance(holder, ModuleType):
                self._found.is_packaged(code.__module__ or "builtins")
                return f"builtin {code.__module__}.{code.__qualname__}".encode()
            return f"builtin {code.__qualname__} ".encode() + self.values.digest(holder, where)
        if isinstance(code, functools._lru_cache_wrapper):
            if not any(held is code.__wrapped__ for held in gc.get_referents(code)):
                raise UndigestibleError(
                    f"{where} has another `__wrapped__` than the function that it remembers results of, which"
                    " functools.wraps sets; lru_cache belongs on the outside"
                )
            inner = getattr(code.__wrapped__, "__code__", None)
            if inner is not None:
                self._found.memories[inner] = None
            own = {name: value for name, value in vars(code).items() if name not in _OF_MEMORIES}
            return b"memory " + self.value(code.__wrapped__, where) + self.values.digest(own, where)
        if isinstance(code, (staticmethod, classmethod)):
            return b"wrapper " + self.reference(type(code), where) + self.value(code.__wrapped__, where)
        if isinstance(code, MethodWrapperType):
            return f"slot {code.__name__} of ".encode() + self.values.digest(code.__self__, where)
        if isinstance(code, _SLOTS):
            return f"slot {code.__name__} ".encode() + self.reference(code.__objclass__, where)
        return self._object_reference(code, where)

    def _object_reference(self, code: Any, where: str) -> bytes:
        """Return what stands for an object that can be called, which may have a place in a module, as functions do."""
        owner = str(getattr(code, "__module__", None))
        if is_importable(code, owner):
            if self._found.is_packaged(owner):  # typing.Union and its like
                return f"object {owner}.{code.__qualname__}".encode()
            if is_known_by_name(code):  # typing.NewType, a function that Cython has compiled
                held = {name: value for name, value in vars(code).items() if name not in SET_BY_PYTHON}
                return b"named " + self.reference(type(code), where) + self.values.digest(held, where)
        return b"value " + self.values.digest(code, where) + self._found.alias(code, where)

    def _function_reference(self, function: FunctionType) -> bytes:
        """Return what stands for a function; one of a package is known by its name, where it has one."""
        owner = str(function.__globals__.get("__name__"))
        if function is os.getenv or function is os.getenvb:
            self._found.names.add("getenv")  # whatever the code calls it
        if self._found.is_packaged(owner):
            if is_importable(function, owner):
                return f"function {owner}.{function.__qualname__}".encode()
            name = f"{owner}.{function.__qualname__}"  # a wrapper that a package has put around something
            return self.part("wrapper", name, function)
        return self.part("function", called(function), function)

    def stated(self, hints: CacheHints) -> list[bytes]:
        """Return what was stated by hand."""
        stated = []
        if hints.version is not None:
            digest = self.values.digest(hints.version, "version")
            self._found.state("version", "", digest, shown("version", hints.version))
            stated.append(digest)
        for dependency in hints.depends_on:
            if isinstance(dependency, str):
                stated.append(self._found.contents(dependency))
            else:
                stated.append(self.reference(dependency, f"depends_on {called(dependency)}"))
        return stated

    def cell(self, cell: Any, where: str) -> bytes:
        """Return what stands for a cell of a closure and what it holds."""
        try:
            held = cell.cell_contents
        except ValueError:
            return b"an empty cell"
        return self._found.cell(cell, where) + self.value(held, where)

    def value(self, value: Any, where: str) -> bytes:
        """Return what stands for a value, which may be code."""
        if callable(value) or isinstance(value, (ModuleType, property, staticmethod, classmethod)):
            return self.reference(value, where)
        return self.values.digest(value, where) + self._found.alias(value, where)

    def setting(self, value: Any, where: str) -> bytes:
        """Return what stands for a constant of a package, which the project may have set; but for paths."""
        if isinstance(value, _NUMBERS) or (isinstance(value, str) and os.sep not in value):
            return b" " + self.values.digest(value, where)
        return b""
