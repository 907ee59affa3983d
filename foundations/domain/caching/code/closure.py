"""The code closure of a function: what it does, with everything of the project that it can reach.

Followed are functions and their closures, defaults and attributes, classes with their bases and metaclasses, methods,
decorators, constants and modules of the project, from one to the next; recursion and cycles are no obstacle. Packages
that are installed contribute their name and version, and so does Python.
"""

from __future__ import annotations

import weakref
from contextlib import suppress
from types import CodeType
from typing import Any

from foundations.domain.caching.code.bytecode import Shape, shape
from foundations.domain.caching.code.names import called
from foundations.domain.caching.code.parts import Closure, Part, Surroundings
from foundations.domain.caching.code.traversal import Traversal
from foundations.domain.caching.values.digests import UndigestibleError, ValueDigester
from foundations.domain.pipeline.cache_policy import NO_HINTS, CacheHints
from foundations.ports.digesting import Digesting

__all__ = ["Closure", "Closures", "Part", "Surroundings"]

FOLLOWED = ("cpython-311", "cpython-312", "cpython-313")
"""The Pythons whose byte code was tested; another's might refer to something in a way that is not seen."""


class Closures:
    """Follows code for one purpose, at one time: what it has seen once, it takes for unchanged.

    Args:
        surroundings: What is around the code.
        digesting: Digests large values.
        python: The implementation and minor version of the interpreter, as in ``cpython-311``.

    Attributes:
        met: The closures of code in values that were digested, where a call could change something that they refer to;
            whoever asks for them empties it before.
        asked: The names by which whoever takes the values that are digested asks what code in them says of itself.
    """

    def __init__(self, surroundings: Surroundings, digesting: Digesting, python: str) -> None:
        self.surroundings = surroundings
        self.digesting = digesting
        self.python = python
        self.values = ValueDigester(digesting, self)
        self._known: dict[tuple[int, int | None], tuple[object, Closure | str]] = {}
        self.met: dict[int, Closure] = {}
        self.asked: frozenset[str] = frozenset()
        self._under_way: set[tuple[int, int | None]] = set()
        self._passing: dict[tuple[int, frozenset[str]], tuple[weakref.ref[Any], Closure]] = {}
        self._shapes: dict[int, tuple[CodeType, Shape]] = {}

    def of(self, function: object, hints: CacheHints = NO_HINTS) -> Closure:
        """Return the closure of a function, or of anything else that can be called.

        Raises:
            UndigestibleError: Something in it cannot be followed; the message says where.
        """
        identity = (id(function), None if hints is NO_HINTS or _says_nothing(hints) else id(hints))
        known = self._known.get(identity)
        if known is not None:
            found = known[1]
            if isinstance(found, str):
                raise UndigestibleError(found)  # anew: a traceback would keep alive what the frames had
            return found
        try:
            closure = self._followed(function, hints, identity)
        except UndigestibleError as error:
            self._known[identity] = ((function, hints), str(error))
            raise
        self._known[identity] = ((function, hints), closure)
        return closure

    def _followed(self, function: object, hints: CacheHints, identity: tuple[int, int | None]) -> Closure:
        if self.python not in FOLLOWED:
            raise UndigestibleError(
                f"this release follows code on CPython 3.11 to 3.13; the byte code of {self.python} may differ"
            )
        if identity in self._under_way:
            raise UndigestibleError(f"{called(function)} refers to itself through a set, or a dictionary's key")
        self._under_way.add(identity)
        asked, self.asked = self.asked, frozenset()  # of what this holds in turn, it asks itself
        try:
            return Traversal(self, asked).follow(function, hints)
        finally:
            self.asked = asked
            self._under_way.discard(identity)

    def inline(self, code: object, where: str) -> bytes:
        """Return what stands for code among the values of an argument."""
        return self.standing_alone(code, where)

    def standing_alone(self, code: object, where: str) -> bytes:
        """Return what stands for code where order does not count."""
        closure = self._of_value(code, where)
        if closure.state:
            self.met[id(closure)] = closure
        return closure.digest

    def _of_value(self, code: object, where: str) -> Closure:
        known = self._passing.get((id(code), self.asked))
        if known is not None and known[0]() is code and _is_as_it_was(known[1]):
            return known[1]
        followed = self._known.get((id(code), None))
        if followed is not None and not self.asked and isinstance(followed[1], Closure) and _is_as_it_was(followed[1]):
            return followed[1]
        try:
            closure = self._followed(code, NO_HINTS, (id(code), None))
        except UndigestibleError as error:
            raise UndigestibleError(f"{where}: {error}") from None
        if getattr(code, "__closure__", None) is None and _is_as_it_was(closure):
            with suppress(TypeError):  # and what a closure holds is not to be kept alive
                self._passing[id(code), self.asked] = (weakref.ref(code), closure)
        return closure

    def shape(self, code: CodeType) -> Shape:
        """Return the shape of a code object, made once."""
        found = self._shapes.get(id(code))
        if found is None:
            found = self._shapes[id(code)] = (code, shape(code))
        return found[1]


def _is_as_it_was(closure: Closure) -> bool:
    """Tell whether a closure refers to nothing whose content could have changed, and to the same objects as it did."""
    return all(not watched.is_mutable and watched.get() is watched.value for watched in closure.state)


def _says_nothing(hints: CacheHints) -> bool:
    return hints.version is None and not hints.depends_on and not hints.ignore
