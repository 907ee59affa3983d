"""What a walk through code has found so far; see :mod:`foundations.domain.caching.code.traversal`."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Collection, Iterable
from pathlib import PurePath
from types import CodeType, FunctionType
from typing import Any

from foundations.domain.caching.code.introspection import asking
from foundations.domain.caching.code.names import NOTHING
from foundations.domain.caching.code.parts import (
    ENVIRONMENT,
    Closure,
    Part,
    Surroundings,
    Watched,
    digest_of,
    is_of_others,
)
from foundations.domain.caching.values.digests import UndigestibleError
from foundations.domain.text.redaction import looks_secret

_PLAIN = frozenset({int, float, complex, bool, str, bytes, type(None), type(...), range})
_LONGEST_TEXT = _MOST_TEXTS = 1000


class Findings:
    """The parts, packages, constants and variables that a walk has met, each once.

    Attributes:
        classes: The classes among the parts, each with the part's number.
        functions: The functions, likewise.
        names: Every name that the functions use for a global, an attribute or an import.
        texts: The strings and paths among the constants.
        stored: The global variables that the functions set: by the identity of their names' dictionary, and name.
        memories: The code of functions of which something remembers what they have returned.
    """

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._numbers: dict[tuple[str, int], int] = {}
        self._parts: list[tuple[str, str, list[bytes]]] = []
        self._stated: dict[str, Part] = {}
        self._packages: dict[str, str] = {}
        self._compiled: dict[str, bytes | None] = {}
        self._aliases: dict[int, int] = {}
        self._watched: dict[tuple[object, ...], Watched] = {}
        self._held: list[object] = []  # so that no identity is used again
        self.classes: list[tuple[int, type]] = []
        self.functions: list[tuple[int, FunctionType]] = []
        self.names: set[str] = set()
        self.texts: dict[str, None] = {}
        self.stored: dict[tuple[int, str], None] = {}
        self.memories: dict[CodeType, None] = {}

    # -- parts --------------------------------------------------------------------------------------------------------

    def part(self, kind: str, name: str, code: Any, follow: Callable[[list[bytes]], None]) -> bytes:
        """Return what stands for code that is a part of its own; `follow` is called with its content if it is new."""
        number = self._numbers.get((kind, id(code)))
        if number is None:
            self._held.append(code)
            number = self._numbers[kind, id(code)] = len(self._parts)
            content: list[bytes] = []
            self._parts.append((kind, name, content))
            if isinstance(code, FunctionType):
                self.functions.append((number, code))
            elif isinstance(code, type):
                self.classes.append((number, code))
            follow(content)
        return f"part {number}".encode()

    def content(self, number: int) -> list[bytes]:
        """Return the content of a part, to add to it."""
        return self._parts[number][2]

    def state(self, kind: str, name: str, digest: bytes, value: str = "") -> None:
        """Note a part that is not followed."""
        self._stated[f"{kind} {name}"] = Part(kind, name, digest.hex()[:32], value)

    def contents(self, path: str) -> bytes:
        """Return the digest of a file or directory that `depends_on` names, and note it."""
        try:
            digest = self._surroundings.contents(path)
        except OSError as error:
            raise UndigestibleError(f"depends_on names {path}, which cannot be read: {error.strerror}") from None
        self.state("depends_on", path, digest)
        get = functools.partial(self._surroundings.fingerprint, path)
        self._watched["path", path] = Watched(f"{path}, on which it depends", get, is_mutable=True)
        return digest

    def is_packaged(self, module: str) -> bool:
        """Tell whether a module belongs to a package, which is noted, and not to the project."""
        packages = self._surroundings.packages_of(module)
        if packages is not None:
            self._packages.update(packages)
            return True
        if module not in self._compiled:
            digest = self._compiled[module] = self._surroundings.compiled(module)
            if digest is not None:
                self.state("compiled module", module, digest)
        return False

    def text(self, value: object) -> None:
        """Note the strings and paths in a constant, or in a short collection of them."""
        items: Collection[object] = (value,)
        if isinstance(value, (tuple, list, set, frozenset)):
            items = value
        elif isinstance(value, dict):
            items = (*value, *value.values())
        for item in items if len(items) <= _MOST_TEXTS else ():
            if isinstance(item, (str, PurePath)) and 0 < len(str(item)) <= _LONGEST_TEXT:
                self.texts.setdefault(str(item))

    def source(self, file: str) -> None:
        """Note a source file whose text counts; one that is not there has none that could be asked for."""
        try:
            digest = self._surroundings.contents(file)
        except OSError:
            return
        self.state("source file", os.path.basename(file), digest)  # of the project, which lies elsewhere in a job

    # -- what a call could change -------------------------------------------------------------------------------------

    def alias(self, value: object, where: str) -> bytes:
        """Return which object it is of those that can change: two equal ones are not one."""
        if _is_fixed(value):
            return b""
        self._held.append(value)
        self._watched["object", where, id(value)] = Watched(where, lambda: value, is_mutable=True)
        return f" object {self._aliases.setdefault(id(value), len(self._aliases))}".encode()

    def cell(self, cell: Any, where: str) -> bytes:
        """Return which cell of a closure it is, and watch what it holds."""
        self._held.append(cell)
        get = functools.partial(getattr, cell, "cell_contents")
        self._watched["cell", id(cell)] = Watched(where, get, cell.cell_contents)
        return f"cell {self._aliases.setdefault(id(cell), len(self._aliases))} ".encode()

    def variable(self, names: dict[str, Any], variable: str, where: str) -> None:
        """Watch what a variable stands for, in the dictionary of a module's or an object's names."""
        self._held.append(names)
        get = functools.partial(names.get, variable, NOTHING)
        self._watched["variable", id(names), variable] = Watched(where, get, get())

    def attributes(self, kind: type, ignored: frozenset[str], where: str) -> None:
        """Watch the attributes of a class, but for those that are to be ignored."""
        before = _attributes(kind, ignored, {})
        self._watched["class", id(kind)] = Watched(where, lambda: _attributes(kind, ignored, before), before)

    def environment(self) -> None:
        """Note the environment variables that the texts name, and watch those that they might name.

        Those that are named like secrets are left out: a result hardly depends on them, and they are not to be stored.
        """
        names = [text for text in sorted(self.texts) if text.isidentifier() and not looks_secret(text)]
        variable = self._surroundings.variable
        for name in names:
            value = variable(name)
            if value is not None:
                self.state("environment variable", name, digest_of([name.encode(), value.encode(errors="replace")]))
        get = functools.partial(_values, variable, tuple(names))
        self._watched["environment", 0] = Watched(ENVIRONMENT, get, is_mutable=True)

    # -- the end ------------------------------------------------------------------------------------------------------

    def closure(self, first: Iterable[bytes]) -> Closure:
        """Return all that was found; `first` is what its digest begins with."""
        parts = [
            Part(kind, name, digest_of(piece for piece in content if not is_of_others(piece)).hex()[:32])
            for kind, name, content in self._parts
        ]
        packages = dict(sorted(self._packages.items()))
        stated = [f"{part.kind} {part.name} {part.digest}" for part in self._stated.values() if part.kind in _BY_NAME]
        contents = [digest_of(content) for _, _, content in self._parts]
        digest = digest_of([*first, *contents, *map(str.encode, sorted(stated)), repr(packages).encode()])
        parts += self._stated.values()
        state, memories = tuple(self._watched.values()), tuple(self.memories)
        texts, asks = tuple(self.texts), asking(self.names)
        return Closure(digest, tuple(parts), packages, state, texts, memories=memories, asks=asks)


_BY_NAME = frozenset({"compiled module", "environment variable", "source file"})
"""Kinds of parts that count by their names and digests, since nothing else refers to them."""


def _is_fixed(value: object) -> bool:
    """Tell whether an object can never change, nor anything in it."""
    kind = type(value)
    return kind in _PLAIN or (kind in (tuple, frozenset) and all(map(_is_fixed, value)))  # type: ignore[call-overload]


def _attributes(kind: type, ignored: frozenset[str], before: dict[str, object]) -> dict[str, object]:
    """Return the attributes of a class that a call could set: `before` itself where they are the same."""
    now = {name: value for name, value in vars(kind).items() if name[:2] != "__" and name not in ignored}
    same = now.keys() == before.keys() and all(value is before[name] for name, value in now.items())
    return before if same else now


def _values(variable: Callable[[str], str | None], names: tuple[str, ...]) -> list[str | None]:
    return [variable(name) for name in names]
