"""The builder of a code closure, which a traversal adds to; see :mod:`foundations.domain.caching.code.traversal`."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Collection, Iterable
from pathlib import PurePath
from types import CodeType, FunctionType
from typing import Any

from foundations.domain.caching.code.introspection import introspective_names
from foundations.domain.caching.code.names import MISSING
from foundations.domain.caching.code.parts import (
    ENVIRONMENT,
    Closure,
    CodeEnvironment,
    MutableState,
    Part,
    digest_pieces,
    refers_to_part,
)
from foundations.domain.caching.values.digests import UndigestibleError
from foundations.domain.text.redaction import is_secret_name

_IMMUTABLE_TYPES = frozenset({int, float, complex, bool, str, bytes, type(None), type(...), range})
_MAX_TEXT_LENGTH = _MAX_TEXTS = 1000


class ClosureBuilder:
    """Collects the parts, packages, constants and state that a traversal reaches, each once.

    Attributes:
        classes: The classes among the parts, each with the number of its part.
        functions: The functions among the parts, likewise.
        names: All names that the functions use for globals, attributes and imports.
        texts: The strings and paths among the constants.
        stored: The global variables that the functions set, by the identity of their module's dictionary and name.
        memoised: The code of functions whose results are cached in memory.
    """

    def __init__(self, environment: CodeEnvironment) -> None:
        self._environment = environment
        self._numbers: dict[tuple[str, int], int] = {}
        self._parts: list[tuple[str, str, list[bytes]]] = []
        self._stated: dict[str, Part] = {}
        self._packages: dict[str, str] = {}
        self._compiled: dict[str, bytes | None] = {}
        self._identities: dict[int, int] = {}
        self._watched: dict[tuple[object, ...], MutableState] = {}
        self._held: list[object] = []  # so that no identity is used again
        self.classes: list[tuple[int, type]] = []
        self.functions: list[tuple[int, FunctionType]] = []
        self.names: set[str] = set()
        self.texts: dict[str, None] = {}
        self.stored: dict[tuple[int, str], None] = {}
        self.memoised: dict[CodeType, None] = {}

    # -- parts --------------------------------------------------------------------------------------------------------

    def add_part(self, kind: str, name: str, code: Any, follow: Callable[[list[bytes]], None]) -> bytes:
        """Return the reference to a part for some code; `follow` is called with the content of a new one."""
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
        """Return the content of a part, a list to add to."""
        return self._parts[number][2]

    def add_stated_part(self, kind: str, name: str, digest: bytes, value: str = "") -> None:
        """Add a part that is not followed."""
        self._stated[f"{kind} {name}"] = Part(kind, name, digest.hex()[:32], value)

    def add_path(self, path: str) -> bytes:
        """Add a file or directory that `depends_on` names, and return its digest."""
        try:
            digest = self._environment.content_digest(path)
        except OSError as error:
            raise UndigestibleError(f"depends_on names {path}, which cannot be read: {error.strerror}") from None
        self.add_stated_part("depends_on", path, digest)
        get = functools.partial(self._environment.file_signature, path)
        self._watched["path", path] = MutableState(f"{path}, on which it depends", get, is_mutable=True)
        return digest

    def is_packaged(self, module: str) -> bool:
        """Return whether a module belongs to a package, which is added, and not to the project."""
        packages = self._environment.packages_of(module)
        if packages is not None:
            self._packages.update(packages)
            return True
        if module not in self._compiled:
            digest = self._compiled[module] = self._environment.compiled_digest(module)
            if digest is not None:
                self.add_stated_part("compiled module", module, digest)
        return False

    def add_texts(self, value: object) -> None:
        """Add the strings and paths in a constant, which may be a short collection."""
        items: Collection[object] = (value,)
        if isinstance(value, (tuple, list, set, frozenset)):
            items = value
        elif isinstance(value, dict):
            items = (*value, *value.values())
        for item in items if len(items) <= _MAX_TEXTS else ():
            if isinstance(item, (str, PurePath)) and 0 < len(str(item)) <= _MAX_TEXT_LENGTH:
                self.texts.setdefault(str(item))

    def add_source(self, file: str) -> None:
        """Add a source file whose text counts; a file that does not exist has no text to read."""
        try:
            digest = self._environment.content_digest(file)
        except OSError:
            return
        name = os.path.basename(file)  # its directory differs in a job
        self.add_stated_part("source file", name, digest)

    # -- what a call could change -------------------------------------------------------------------------------------

    def identify_object(self, value: object, where: str) -> bytes:
        """Watch an object that can change, and return its identity: two equal objects are not one."""
        if _is_immutable(value):
            return b""
        self._held.append(value)
        self._watched["object", where, id(value)] = MutableState(where, lambda: value, is_mutable=True)
        return f" object {self._identities.setdefault(id(value), len(self._identities))}".encode()

    def watch_cell(self, cell: Any, where: str) -> bytes:
        """Watch the content of a closure's cell, and return the identity of the cell."""
        self._held.append(cell)
        get = functools.partial(getattr, cell, "cell_contents")
        self._watched["cell", id(cell)] = MutableState(where, get, cell.cell_contents)
        return f"cell {self._identities.setdefault(id(cell), len(self._identities))} ".encode()

    def watch_variable(self, names: dict[str, Any], variable: str, where: str) -> None:
        """Watch the value of a variable in the dictionary of a module or an object."""
        self._held.append(names)
        get = functools.partial(names.get, variable, MISSING)
        self._watched["variable", id(names), variable] = MutableState(where, get, get())

    def watch_attributes(self, kind: type, ignored: frozenset[str], where: str) -> None:
        """Watch the attributes of a class, except ignored ones."""
        before = _class_state(kind, ignored, {})
        self._watched["class", id(kind)] = MutableState(where, lambda: _class_state(kind, ignored, before), before)

    def add_environment_variables(self) -> None:
        """Add the environment variables that the texts name, and watch all that they might name.

        Variables that are named like secrets are left out: results hardly depend on them, and they must not be stored.
        """
        names = [text for text in sorted(self.texts) if text.isidentifier() and not is_secret_name(text)]
        variable = self._environment.environment_variable
        for name in names:
            value = variable(name)
            if value is not None:
                digest = digest_pieces([name.encode(), value.encode(errors="replace")])
                self.add_stated_part("environment variable", name, digest)
        get = functools.partial(_read_variables, variable, tuple(names))
        self._watched["environment", 0] = MutableState(ENVIRONMENT, get, is_mutable=True)

    # -- the closure --------------------------------------------------------------------------------------------------

    def build(self, first: Iterable[bytes]) -> Closure:
        """Return the closure; `first` is the beginning of its digest."""
        parts = [
            Part(kind, name, digest_pieces(piece for piece in content if not refers_to_part(piece)).hex()[:32])
            for kind, name, content in self._parts
        ]
        packages = dict(sorted(self._packages.items()))
        stated = [
            f"{part.kind} {part.name} {part.digest}" for part in self._stated.values() if part.kind in _KINDS_BY_NAME
        ]
        contents = [digest_pieces(content) for _, _, content in self._parts]
        digest = digest_pieces([*first, *contents, *map(str.encode, sorted(stated)), repr(packages).encode()])
        parts += self._stated.values()
        state, memoised = tuple(self._watched.values()), tuple(self.memoised)
        texts, names = tuple(self.texts), introspective_names(self.names)
        return Closure(digest, tuple(parts), packages, state, texts, memoised=memoised, introspective_names=names)


_KINDS_BY_NAME = frozenset({"compiled module", "environment variable", "source file"})
"""The kinds of parts that count by name and digest, since no other part refers to them."""


def _is_immutable(value: object) -> bool:
    """Return whether neither an object nor anything in it can ever change."""
    kind = type(value)
    return kind in _IMMUTABLE_TYPES or (kind in (tuple, frozenset) and all(map(_is_immutable, value)))  # type: ignore[call-overload]


def _class_state(kind: type, ignored: frozenset[str], before: dict[str, object]) -> dict[str, object]:
    """Return the attributes of a class that a call could set; `before` itself where they are the same."""
    now = {name: value for name, value in vars(kind).items() if name[:2] != "__" and name not in ignored}
    same = now.keys() == before.keys() and all(value is before[name] for name, value in now.items())
    return before if same else now


def _read_variables(variable: Callable[[str], str | None], names: tuple[str, ...]) -> list[str | None]:
    return [variable(name) for name in names]
