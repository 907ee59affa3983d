"""The code closure and its parts, and the environment that code is read in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from types import CodeType, ModuleType
from typing import Any, Final, NamedTuple, Protocol

from foundations.domain.caching.code.bytecode import NormalForm
from foundations.domain.text.redaction import is_hidden, redact
from foundations.ports.digesting import Digesting

_MAX_TEXT_LENGTH = 60
PLAIN_TYPES = (int, float, complex, str, bytes, type(None))


class CodeEnvironment(Protocol):
    """The environment of code: packages, modules, files and environment variables.

    Attributes:
        project: The path of the project directory, which may differ when the code runs again.
    """

    project: str

    def packages_of(self, module: str) -> Mapping[str, str] | None:
        """Return the versions of the installed package that a module belongs to, and of those it needs, by name.

        None for a module of the project; an empty mapping for one of Python's own.
        """

    def import_module(self, name: str) -> ModuleType | None:
        """Return a module, imported where it has not been; None where that fails."""

    def resolve_path(self, path: str) -> str:
        """Return the absolute path of a file or directory; one of the project lies in the present project directory."""

    def file_signature(self, path: str) -> object:
        """Return a value that differs once a file or directory has changed; OSError where it cannot be read."""

    def content_digest(self, path: str) -> bytes:
        """Return a digest of the content of a file or directory; OSError where it cannot be read."""

    def compiled_digest(self, module: str) -> bytes | None:
        """Return a digest of the file of a compiled extension module; None for any other module."""

    def environment_variable(self, name: str) -> str | None:
        """Return the value of an environment variable; None where it is not set."""


ENVIRONMENT: Final = "the environment variables (os.environ)"
"""The name of the state that is item where code reads environment variables that it names."""


class Part(NamedTuple):
    """One part of a closure, for people.

    Attributes:
        kind: ``function``, ``class``, ``module``, ``constant``, ``compiled module`` or ``environment variable``;
            ``version`` and ``depends_on`` for hints of the author.
        name: The full name, as in ``features.normalise``.
        digest: Changes with this part, and with nothing else.
        text: The value of a constant, where it is short.
    """

    kind: str
    name: str
    digest: str
    text: str = ""


class MutableState(NamedTuple):
    """State that code refers to, and that a call could change.

    Attributes:
        name: The name for people.
        get: Returns the present object.
        value: The object when the code was followed; as long as it is the same object, nothing has changed.
        is_mutable: Whether the object is always the same and its content counts; `value` may be the digest then.
    """

    name: str
    get: Callable[[], object]
    value: object = None
    is_mutable: bool = False


class Closure(NamedTuple):
    """The code closure of a function.

    Attributes:
        digest: Changes with every part and every package.
        parts: The parts, the function first.
        packages: The versions of the installed packages by their names.
        state: The state that a call could change.
        texts: The strings and paths among its constants, which may name files and environment variables.
        unknown_ignores: The names in `ignore` that its code does not use; empty without `ignore`.
        variables: The names of the global variables that its code uses; empty without `ignore`.
        memoised: The code of functions whose results are cached in memory, as by ``functools.lru_cache``.
        introspective_names: The names that its code uses to read the metadata of other code.
    """

    digest: bytes
    parts: tuple[Part, ...]
    packages: Mapping[str, str]
    state: tuple[MutableState, ...] = ()
    texts: tuple[str, ...] = ()
    unknown_ignores: tuple[str, ...] = ()
    variables: frozenset[str] = frozenset()
    memoised: tuple[CodeType, ...] = ()
    introspective_names: frozenset[str] = frozenset()

    def covers_variable(self, name: str) -> bool:
        """Return whether the value of an environment variable is part of the closure."""
        return name in self.texts and any(item.name == ENVIRONMENT for item in self.state)

    def to_json(self) -> dict[str, Any]:
        """Return the parts and packages as types of JSON."""
        return {"parts": [list(part) for part in self.parts], "packages": dict(self.packages)}


class TraversalContext(Protocol):
    """The context of a traversal.

    Attributes:
        environment: The environment of the code.
        digesting: Digests large values.
        python: The implementation and minor version of the interpreter.
    """

    environment: CodeEnvironment
    digesting: Digesting
    python: str

    def digest_unordered(self, code: object, where: str) -> bytes:
        """Return the digest of code that a place without order refers to."""

    def normal_form(self, code: CodeType) -> NormalForm:
        """Return the normal form of a code object."""


def digest_pieces(pieces: Iterable[bytes]) -> bytes:
    """Return the digest of a sequence of pieces."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(len(piece).to_bytes(8, "little") + piece)
    return digest.digest()


def refers_to_part(piece: bytes) -> bool:
    """Return whether a piece only refers to another part, which has a digest of its own."""
    return piece.startswith((b"part ", b"constant "))


def display_text(name: str, value: object, kinds: tuple[type, ...] = (*PLAIN_TYPES, tuple)) -> str:
    """Return a value as text; an empty one where it is long, not of `kinds`, or named like a secret."""
    if is_hidden(name, value) or not isinstance(value, kinds):
        return ""
    if isinstance(value, (str, bytes)) and len(value) > _MAX_TEXT_LENGTH:
        return ""
    try:
        text = repr(redact(value))
    except Exception:  # from the `repr` of an element
        return ""
    return text if len(text) <= _MAX_TEXT_LENGTH else ""


def relative_to_project(project: str, value: object) -> object:
    """Return a path in the project relative to it, since a job runs in another directory; any other value as it is."""
    if isinstance(value, (str, PurePath)) and f"{value}/".startswith(f"{project}/"):
        return ("a path of the project", type(value).__name__, str(value)[len(project) :])
    return value
