"""The encoding of references to code and values; see :mod:`foundations.domain.caching.code.closure`."""

from __future__ import annotations

import functools
import gc
import os
import types
from collections.abc import Callable
from typing import Any

from foundations.domain.caching.code.closure_builder import ClosureBuilder
from foundations.domain.caching.code.names import SET_BY_PYTHON, class_function, display_name, is_importable, module_of
from foundations.domain.caching.code.parts import TraversalContext, display_text
from foundations.domain.caching.values.digests import UndigestibleError, ValueDigester
from foundations.domain.caching.values.reduction import is_global
from foundations.domain.pipeline.cache_policy import CacheHints
from foundations.domain.pipeline.stage import StageFactory

_DESCRIPTORS = (
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)
_CACHE_ATTRIBUTES = SET_BY_PYTHON | {"cache_parameters"}
_NUMBERS = (int, float, complex, type(None))

Follow = Callable[[str, Any, str, list[bytes]], None]
"""A function that is called with each new part: its kind, the code, its name, and the content to add to."""


class ReferenceEncoder:
    """Encodes references to functions, classes and modules, and values that refer to them, in one traversal.

    Args:
        context: The context of the traversal.
        builder: Collects the parts.
        follow: Puts a new part into the queue.
    """

    def __init__(self, context: TraversalContext, builder: ClosureBuilder, follow: Follow) -> None:
        self._context = context
        self._builder = builder
        self._follow = follow
        self.values = ValueDigester(context.digesting, self)

    def add_part(self, kind: str, name: str, code: Any) -> bytes:
        """Return the reference to the part for some code, which is followed later."""
        kind_of_part = "function" if kind == "wrapper" else kind
        return self._builder.add_part(kind_of_part, name, code, lambda content: self._follow(kind, code, name, content))

    def digest_ordered(self, code: object, where: str) -> bytes:
        """Return the reference to code inside a value."""
        return self.encode(code, where)

    def digest_unordered(self, code: object, where: str) -> bytes:
        """Return the digest of code that a place without order refers to."""
        return self._context.digest_unordered(code, where)

    def encode(self, code: Any, where: str) -> bytes:  # noqa: C901
        """Return the reference to code, which is followed later."""
        if isinstance(code, StageFactory):
            return b"|".join([self.encode(code.function, where), *self.encode_hints(code.hints)])
        if isinstance(code, types.ModuleType):
            if self._builder.is_packaged(code.__name__):
                return f"module {code.__name__}".encode()
            return self.add_part("module", code.__name__, vars(code))
        if isinstance(code, type):
            if self._builder.is_packaged(module_of(code)) and is_importable(code, code.__module__):
                return f"class {code.__module__}.{code.__qualname__}".encode()
            return self.add_part("class", display_name(code), code)
        if isinstance(code, types.FunctionType):
            return self._encode_function(code)
        if isinstance(code, types.MethodType):
            bound = code.__self__
            held = self.values.digest(bound, where)
            if not isinstance(bound, type):
                held += self._builder.identify_object(bound, where)
            return b"method " + self.encode(class_function(code), where) + held
        if isinstance(code, types.BuiltinFunctionType):
            holder = code.__self__
            if holder is None or isinstance(holder, types.ModuleType):
                self._builder.is_packaged(code.__module__ or "builtins")
                return f"builtin {code.__module__}.{code.__qualname__}".encode()
            return f"builtin {code.__qualname__} ".encode() + self.values.digest(holder, where)
        if isinstance(code, functools._lru_cache_wrapper):
            if not any(held is code.__wrapped__ for held in gc.get_referents(code)):
                raise UndigestibleError(
                    f"{where}: the `__wrapped__` of an lru_cache is not the function that it caches, because"
                    " functools.wraps replaced it; apply lru_cache as the outermost decorator"
                )
            inner = getattr(code.__wrapped__, "__code__", None)
            if inner is not None:
                self._builder.memoised[inner] = None
            own = {name: value for name, value in vars(code).items() if name not in _CACHE_ATTRIBUTES}
            return b"memory " + self.encode_value(code.__wrapped__, where) + self.values.digest(own, where)
        if isinstance(code, (staticmethod, classmethod)):
            return b"wrapper " + self.encode(type(code), where) + self.encode_value(code.__wrapped__, where)
        if isinstance(code, types.MethodWrapperType):
            return f"slot {code.__name__} of ".encode() + self.values.digest(code.__self__, where)
        if isinstance(code, _DESCRIPTORS):
            return f"slot {code.__name__} ".encode() + self.encode(code.__objclass__, where)
        return self._encode_object(code, where)

    def _encode_object(self, code: Any, where: str) -> bytes:
        """Return the reference to a callable object, which a module may have under its name, as it does functions."""
        owner = str(getattr(code, "__module__", None))
        if is_importable(code, owner):
            if self._builder.is_packaged(owner):  # typing.Union and its like
                return f"object {owner}.{code.__qualname__}".encode()
            if is_global(code):  # typing.NewType, a function that Cython has compiled
                held = {name: value for name, value in vars(code).items() if name not in SET_BY_PYTHON}
                return b"named " + self.encode(type(code), where) + self.values.digest(held, where)
        return b"value " + self.values.digest(code, where) + self._builder.identify_object(code, where)

    def _encode_function(self, function: types.FunctionType) -> bytes:
        """Return the reference to a function; a function of a package is encoded as its name, where it has one."""
        owner = str(function.__globals__.get("__name__"))
        if function is os.getenv or function is os.getenvb:
            self._builder.names.add("getenv")  # under whatever name the code has it
        if self._builder.is_packaged(owner):
            if is_importable(function, owner):
                return f"function {owner}.{function.__qualname__}".encode()
            name = f"{owner}.{function.__qualname__}"  # a package's wrapper around something
            return self.add_part("wrapper", name, function)
        return self.add_part("function", display_name(function), function)

    def encode_hints(self, hints: CacheHints) -> list[bytes]:
        """Return the encodings of the author's hints."""
        encoded = []
        if hints.version is not None:
            digest = self.values.digest(hints.version, "version")
            self._builder.add_stated_part("version", "", digest, display_text("version", hints.version))
            encoded.append(digest)
        for dependency in hints.depends_on:
            if isinstance(dependency, str):
                encoded.append(self._builder.add_path(dependency))
            else:
                encoded.append(self.encode(dependency, f"depends_on {display_name(dependency)}"))
        return encoded

    def encode_cell(self, cell: Any, where: str) -> bytes:
        """Return the encoding of a closure's cell and its content."""
        try:
            held = cell.cell_contents
        except ValueError:
            return b"an empty cell"
        return self._builder.watch_cell(cell, where) + self.encode_value(held, where)

    def encode_value(self, value: Any, where: str) -> bytes:
        """Return the encoding of a value, which may be code."""
        if callable(value) or isinstance(value, (types.ModuleType, property, staticmethod, classmethod)):
            return self.encode(value, where)
        return self.values.digest(value, where) + self._builder.identify_object(value, where)

    def encode_setting(self, value: Any, where: str) -> bytes:
        """Return the encoding of a package's constant, which the project may have set; nothing for a path."""
        if isinstance(value, _NUMBERS) or (isinstance(value, str) and os.sep not in value):
            return b" " + self.values.digest(value, where)
        return b""
