"""The pieces of a code closure, and what is around it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from types import CodeType, ModuleType
from typing import Any, Final, NamedTuple, Protocol

from foundations.domain.caching.code.bytecode import Shape
from foundations.domain.text.redaction import looks_secret
from foundations.ports.digesting import Digesting

_LONGEST_SHOWN = 60
PLAIN = (int, float, complex, str, bytes, type(None))


class Surroundings(Protocol):
    """What a closure must be told of the world around the code.

    Attributes:
        project: The project directory, which may be another one when the code runs again.
    """

    project: str

    def packages_of(self, module: str) -> Mapping[str, str] | None:
        """Return the versions of the installed package that a module belongs to, and of those it needs, by name.

        None for a module of the project; nothing for one of Python's own.
        """

    def import_module(self, name: str) -> ModuleType | None:
        """Return a module, imported where it has not been; None where that fails."""

    def here(self, path: str) -> str:
        """Return the absolute path of a file or directory; one of the project lies in the project's present place."""

    def fingerprint(self, path: str) -> object:
        """Return what tells fast whether a file or directory has changed; OSError where it cannot be looked at."""

    def contents(self, path: str) -> bytes:
        """Return a digest of what a file or directory holds; OSError where it cannot be read."""

    def compiled(self, module: str) -> bytes | None:
        """Return a digest of the file of a module that was compiled from C or its like; None for any other."""

    def variable(self, name: str) -> str | None:
        """Return the value of an environment variable; None where it is not set."""


ENVIRONMENT: Final = "the environment variables (os.environ)"
"""What is watched where code asks for variables that it names."""


class Part(NamedTuple):
    """One piece of a closure, as a person knows it.

    Attributes:
        kind: ``function``, ``class``, ``module``, ``constant``, ``compiled module`` or ``environment variable``;
            ``version`` and ``depends_on`` for what was named by hand.
        name: Where it is found, as in ``features.normalise``.
        digest: Changes with it, and with nothing else.
        shown: A constant's value, where it is short.
    """

    kind: str
    name: str
    digest: str
    shown: str = ""


class Watched(NamedTuple):
    """Something that code refers to, and that a call could change.

    Attributes:
        name: What a person calls it.
        get: Returns it as it is now.
        value: What it was when the code was followed: as long as it is the same object, nothing has changed.
        is_mutable: Whether it is the same object in any case, and its content tells; `value` may be its digest then.
    """

    name: str
    get: Callable[[], object]
    value: object = None
    is_mutable: bool = False


class Closure(NamedTuple):
    """The code behind a function.

    Attributes:
        digest: Changes with every part, and with every package.
        parts: The function first.
        packages: The versions of the installed packages by their names.
        state: What of it a call could change.
        texts: The strings and paths among its constants; a file's name may be among them.
        unknown: What `ignore` names and it does not meet, where that was asked for.
        variables: The names of the global variables that it meets, likewise.
        memories: The code of functions of which something remembers what they have returned, as does
            ``functools.lru_cache``.
        asks: The names by which it asks what other code says of itself.
    """

    digest: bytes
    parts: tuple[Part, ...]
    packages: Mapping[str, str]
    state: tuple[Watched, ...] = ()
    texts: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    variables: frozenset[str] = frozenset()
    memories: tuple[CodeType, ...] = ()
    asks: frozenset[str] = frozenset()

    def covers_variable(self, name: str) -> bool:
        """Tell whether an environment variable counts, by what it is set to."""
        return name in self.texts and any(watched.name == ENVIRONMENT for watched in self.state)

    def to_json(self) -> dict[str, Any]:
        """Return what a person may want to compare, as JSON's own types."""
        return {"parts": [list(part) for part in self.parts], "packages": dict(self.packages)}


class Around(Protocol):
    """What a walk needs of who asks for it.

    Attributes:
        surroundings: What is around the code.
        digesting: Digests large values.
        python: The implementation and minor version of the interpreter.
    """

    surroundings: Surroundings
    digesting: Digesting
    python: str

    def standing_alone(self, code: object, where: str) -> bytes:
        """Return what stands for code where order does not count."""

    def shape(self, code: CodeType) -> Shape:
        """Return the shape of a code object."""


def digest_of(pieces: Iterable[bytes]) -> bytes:
    """Return what stands for pieces one after the other."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(len(piece).to_bytes(8, "little") + piece)
    return digest.digest()


def is_of_others(piece: bytes) -> bool:
    """Tell whether a piece stands for another part, which is told by itself."""
    return piece.startswith((b"part ", b"constant "))


def shown(name: str, value: object, kinds: tuple[type, ...] = (*PLAIN, tuple)) -> str:
    """Return a value as a person may see it; nothing where it is long, not of `kinds`, or a secret by its name."""
    if looks_secret(name) or not isinstance(value, kinds):
        return ""
    if isinstance(value, (str, bytes)) and len(value) > _LONGEST_SHOWN:
        return ""
    try:
        text = repr(value)
    except Exception:  # of an element's own
        return ""
    return text if len(text) <= _LONGEST_SHOWN else ""


def relative_to(project: str, value: object) -> object:
    """Return a path of the project relative to it, since the project lies elsewhere when it runs as a job."""
    if isinstance(value, (str, PurePath)) and f"{value}/".startswith(f"{project}/"):
        return ("a path of the project", type(value).__name__, str(value)[len(project) :])
    return value
