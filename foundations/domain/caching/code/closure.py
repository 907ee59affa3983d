"""The code closure of a function: the function with everything of the project that it can reach.

It includes functions with their closures, defaults and attributes, classes with their bases and metaclasses, methods,
decorators, constants and modules of the project; recursion and cycles may occur. Installed packages contribute their
name and version, and so does Python.
"""

from __future__ import annotations

import weakref
from contextlib import suppress
from types import CodeType
from typing import Any

from foundations.domain.caching.code.bytecode import NormalForm, normal_form
from foundations.domain.caching.code.names import display_name
from foundations.domain.caching.code.parts import Closure, CodeEnvironment, Part
from foundations.domain.caching.code.traversal import Traversal
from foundations.domain.caching.values.digests import UndigestibleError, ValueDigester
from foundations.domain.pipeline.cache_policy import NO_HINTS, CacheHints
from foundations.ports.digesting import Digesting

__all__ = ["Closure", "Closures", "CodeEnvironment", "Part"]

SUPPORTED_PYTHONS = ("cpython-311", "cpython-312", "cpython-313")
"""The Pythons whose byte code was tested; another might refer to something in a way that is not recognised."""


class Closures:
    """Computes the closures of functions, each once: code is assumed not to change during the object's life.

    Args:
        environment: The environment of the code.
        digesting: Digests large values.
        python: The implementation and minor version of the interpreter, as in ``cpython-311``.

    Attributes:
        argument_closures: The closures of code in digested values, where they refer to state that a call could change;
            callers clear it before they digest values.
        introspective_names: The names that the code which receives the digested values uses to read metadata of code.
    """

    def __init__(self, environment: CodeEnvironment, digesting: Digesting, python: str) -> None:
        self.environment = environment
        self.digesting = digesting
        self.python = python
        self.values = ValueDigester(digesting, self)
        self._memo: dict[tuple[int, int | None], tuple[object, Closure | str]] = {}
        self.argument_closures: dict[int, Closure] = {}
        self.introspective_names: frozenset[str] = frozenset()
        self._open: set[tuple[int, int | None]] = set()
        self._value_memo: dict[tuple[int, frozenset[str]], tuple[weakref.ref[Any], Closure]] = {}
        self._normal_forms: dict[int, tuple[CodeType, NormalForm]] = {}

    def closure_of(self, function: object, hints: CacheHints = NO_HINTS) -> Closure:
        """Return the closure of a function, or of anything else that can be called.

        Raises:
            UndigestibleError: Something in it cannot be followed; the message names the place.
        """
        identity = (id(function), None if hints is NO_HINTS or _is_empty(hints) else id(hints))
        known = self._memo.get(identity)
        if known is not None:
            found = known[1]
            if isinstance(found, str):
                raise UndigestibleError(found)  # a new one: the old traceback would keep its frames alive
            return found
        try:
            closure = self._traverse(function, hints, identity)
        except UndigestibleError as error:
            self._memo[identity] = ((function, hints), str(error))
            raise
        self._memo[identity] = ((function, hints), closure)
        return closure

    def _traverse(self, function: object, hints: CacheHints, identity: tuple[int, int | None]) -> Closure:
        if self.python not in SUPPORTED_PYTHONS:
            raise UndigestibleError(
                f"this release follows code on CPython 3.11 to 3.13; the byte code of {self.python} may differ"
            )
        if identity in self._open:
            raise UndigestibleError(f"{display_name(function)} refers to itself through a set, or a dictionary's key")
        self._open.add(identity)
        # The names do not apply to the values that the code holds.
        outer_names, self.introspective_names = self.introspective_names, frozenset()
        try:
            return Traversal(self, outer_names).follow(function, hints)
        finally:
            self.introspective_names = outer_names
            self._open.discard(identity)

    def digest_ordered(self, code: object, where: str) -> bytes:
        """Return the digest of code in an argument."""
        return self.digest_unordered(code, where)

    def digest_unordered(self, code: object, where: str) -> bytes:
        """Return the digest of code in a place without order."""
        closure = self._closure_of_value(code, where)
        if closure.state:
            self.argument_closures[id(closure)] = closure
        return closure.digest

    def _closure_of_value(self, code: object, where: str) -> Closure:
        known = self._value_memo.get((id(code), self.introspective_names))
        if known is not None and known[0]() is code and _is_unchanged(known[1]):
            return known[1]
        _, followed = self._memo.get((id(code), None), (None, None))
        if isinstance(followed, Closure) and not self.introspective_names and _is_unchanged(followed):
            return followed
        try:
            closure = self._traverse(code, NO_HINTS, (id(code), None))
        except UndigestibleError as error:
            raise UndigestibleError(f"{where}: {error}") from None
        if getattr(code, "__closure__", None) is None and _is_unchanged(closure):
            with suppress(TypeError):  # a weak reference, so that nothing is kept alive
                self._value_memo[id(code), self.introspective_names] = (weakref.ref(code), closure)
        return closure

    def normal_form(self, code: CodeType) -> NormalForm:
        """Return the normal form of a code object, computed once."""
        found = self._normal_forms.get(id(code))
        if found is None:
            found = self._normal_forms[id(code)] = (code, normal_form(code))
        return found[1]


def _is_unchanged(closure: Closure) -> bool:
    """Return whether a closure refers to no mutable state, and to the same objects as when it was computed."""
    return all(not item.is_mutable and item.get() is item.value for item in closure.state)


def _is_empty(hints: CacheHints) -> bool:
    return hints.version is None and not hints.depends_on and not hints.ignore
