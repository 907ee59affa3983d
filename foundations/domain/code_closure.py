"""The code closure of a function: what it does, with everything of the project that it can reach.

Followed are functions and their closures, defaults and attributes, classes with their bases and metaclasses, methods,
decorators, constants and modules of the project, from one to the next; recursion and cycles are no obstacle. Packages
that are installed contribute their name and version, and so does Python.
"""

from __future__ import annotations

import builtins
import hashlib
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple, Protocol

from foundations.domain.bytecode import Request, Shape, shape
from foundations.domain.class_attributes import class_attributes
from foundations.domain.secrets import looks_secret
from foundations.domain.stage import NO_HINTS, CacheHints, StageFactory
from foundations.domain.value_digests import UndigestibleError, ValueDigester
from foundations.ports.digesting import Digesting

_ASKS_FOR_NAMES = frozenset({"__name__", "__qualname__", "__module__", "co_name", "co_qualname"})
_ASKS_FOR_DOCS = frozenset({"__doc__", "getdoc"})
_ASKS_FOR_ANNOTATIONS = frozenset({"__annotations__", "get_type_hints", "get_annotations", "signature", "type_hints"})
_ASKS_FOR_SOURCE = frozenset({"getsource", "getsourcelines", "co_code", "co_lines", "co_firstlineno", "f_lineno"})
_SET_BY_PYTHON = frozenset({"__wrapped__", "__module__", "__name__", "__qualname__", "__doc__", "__annotations__"})
_LONGEST_SHOWN = 60


class Surroundings(Protocol):
    """What a closure must be told of the world around the code."""

    def package_of(self, module: str) -> tuple[str, str] | None:
        """Return the name and version of the installed package that a module belongs to; None for the project's."""

    def import_module(self, name: str) -> ModuleType | None:
        """Return a module, imported where it has not been; None where that fails."""

    def contents(self, path: str) -> bytes:
        """Return a digest of what a file or directory holds; OSError where it cannot be read."""


class Part(NamedTuple):
    """One piece of a closure, as a person knows it.

    Attributes:
        kind: ``function``, ``class``, ``module`` or ``constant``; ``depends_on`` for what was named by hand.
        name: Where it is found, as in ``features.normalise``.
        digest: Changes with it, and with nothing else.
        shown: A constant's value, where it is short.
    """

    kind: str
    name: str
    digest: str
    shown: str = ""


class Closure(NamedTuple):
    """The code behind a function.

    Attributes:
        digest: Changes with every part, and with every package.
        parts: The function first.
        packages: The versions of the installed packages by their names.
    """

    digest: bytes
    parts: tuple[Part, ...]
    packages: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return what a person may want to compare, as JSON's own types."""
        return {"parts": [list(part) for part in self.parts], "packages": dict(self.packages)}


class Closures:
    """Follows code for one purpose, at one time: what it has seen once, it takes for unchanged.

    Args:
        surroundings: What is around the code.
        digesting: Digests large values.
        python: The implementation and minor version of the interpreter.
    """

    def __init__(self, surroundings: Surroundings, digesting: Digesting, python: str) -> None:
        self.surroundings = surroundings
        self.digesting = digesting
        self.python = python
        self.values = ValueDigester(digesting, self)
        self._known: dict[tuple[int, int | None], tuple[object, Closure | UndigestibleError]] = {}
        self._under_way: set[tuple[int, int | None]] = set()
        self._shapes: dict[int, tuple[CodeType, Shape]] = {}

    def of(self, function: object, hints: CacheHints = NO_HINTS) -> Closure:
        """Return the closure of a function, or of anything else that can be called.

        Raises:
            UndigestibleError: Something in it cannot be followed; the message says where.
        """
        identity = (id(function), None if _says_nothing(hints) else id(hints))
        if identity in self._known:
            found = self._known[identity][1]
            if isinstance(found, UndigestibleError):
                raise found
            return found
        if identity in self._under_way:
            raise UndigestibleError(f"{_called(function)} refers to itself through a set, or a dictionary's key")
        self._under_way.add(identity)
        try:
            closure = Traversal(self).follow(function, hints)
        except UndigestibleError as error:
            self._known[identity] = ((function, hints), error)
            raise
        finally:
            self._under_way.discard(identity)
        self._known[identity] = ((function, hints), closure)
        return closure

    def inline(self, code: object, where: str) -> bytes:
        """Return what stands for code among the values of an argument."""
        return self.standing_alone(code, where)

    def standing_alone(self, code: object, where: str) -> bytes:
        """Return what stands for code where order does not count."""
        try:
            return self.of(code).digest
        except UndigestibleError as error:
            raise UndigestibleError(f"{where}: {error}") from None

    def shape(self, code: CodeType) -> Shape:
        """Return the shape of a code object, made once."""
        found = self._shapes.get(id(code))
        if found is None:
            found = self._shapes[id(code)] = (code, shape(code))
        return found[1]


class Traversal:
    """One walk through all that a function reaches, in an order that only its structure decides."""

    def __init__(self, closures: Closures) -> None:
        self._closures = closures
        self._values = ValueDigester(closures.digesting, self)
        self._numbers: dict[tuple[object, ...], int] = {}
        self._waiting: deque[Callable[[], None]] = deque()
        self._parts: dict[int, tuple[str, str, list[bytes]]] = {}
        self._functions: list[tuple[int, FunctionType]] = []
        self._names: set[str] = set()
        self._packages: dict[str, str] = {}
        self._constants: dict[int, bytes] = {}
        self._stated_parts: dict[str, Part] = {}
        self._held: list[object] = []  # so that no identity is used again
        self._ignored: frozenset[str] = frozenset()

    def follow(self, root: object, hints: CacheHints) -> Closure:
        """Walk from `root` on."""
        self._ignored = frozenset(hints.ignore)
        first = self.reference(root, _called(root))
        stated = [first, *self._stated(hints)]
        while self._waiting:
            self._waiting.popleft()()
        self._add_what_is_asked_for()
        parts = [
            Part(kind, name, _digest(piece for piece in content if not _is_of_others(piece)).hex()[:32])
            for _, (kind, name, content) in sorted(self._parts.items())
        ]
        packages = dict(sorted(self._packages.items()))
        contents = [_digest(content) for _, (_, _, content) in sorted(self._parts.items())]
        digest = _digest([self._closures.python.encode(), *stated, *contents, repr(packages).encode()])
        return Closure(digest, (*parts, *self._stated_parts.values()), packages)

    # -- what code refers to ------------------------------------------------------------------------------------------

    def inline(self, code: object, where: str) -> bytes:
        """Return what stands for code inside a value."""
        return self.reference(code, where)

    def standing_alone(self, code: object, where: str) -> bytes:
        """Return what stands for code where order does not count."""
        return self._closures.standing_alone(code, where)

    def reference(self, code: Any, where: str) -> bytes:
        """Return what stands for code that is referred to; it is followed later."""
        if isinstance(code, StageFactory):
            return b"|".join([self.reference(code.function, where), *self._stated(code.hints)])
        if isinstance(code, ModuleType):
            package = self._package(code.__name__)
            if package is not None:
                return f"module {code.__name__}".encode()
            return self._number("module", code.__name__, code, self._module)
        if isinstance(code, type):
            if self._package(code.__module__) is not None and _is_importable(code, code.__module__):
                return f"class {code.__module__}.{code.__qualname__}".encode()
            return self._number("class", _called(code), code, self._class)
        if isinstance(code, FunctionType):
            return self._function_reference(code)
        if isinstance(code, MethodType):
            return b"method " + self.reference(code.__func__, where) + self._values.digest(code.__self__, where)
        if isinstance(code, BuiltinFunctionType):
            holder = code.__self__
            if holder is None or isinstance(holder, ModuleType):
                self._package(code.__module__ or "builtins")
                return f"builtin {code.__module__}.{code.__qualname__}".encode()
            return f"builtin {code.__qualname__} ".encode() + self._values.digest(holder, where)
        wrapped = getattr(code, "__wrapped__", None)
        if callable(wrapped):  # functools.cache and its like
            return b"wrapper " + self.reference(type(code), where) + self.reference(wrapped, where)
        if hasattr(code, "__objclass__"):  # a descriptor of a type's slot
            return f"slot {code.__name__} ".encode() + self.reference(code.__objclass__, where)
        return b"value " + self._values.digest(code, where)

    def _function_reference(self, function: FunctionType) -> bytes:
        """Return what stands for a function; one of a package is known by its name, where it has one."""
        owner = str(function.__globals__.get("__name__"))
        if self._package(owner) is not None:
            if _is_importable(function, owner):
                return f"function {owner}.{function.__qualname__}".encode()
            name = f"{owner}.{function.__qualname__}"  # a wrapper that a package has put around something
            return self._number("function", name, function, self._wrapper)
        return self._number("function", _called(function), function, self._function)

    def _stated(self, hints: CacheHints) -> list[bytes]:
        """Return what was stated by hand."""
        stated = []
        if hints.version is not None:
            stated.append(self._values.digest(hints.version, "version"))
        for dependency in hints.depends_on:
            if isinstance(dependency, str):
                stated.append(self._contents(dependency))
            else:
                stated.append(self.reference(dependency, f"depends_on {_called(dependency)}"))
        return stated

    def _contents(self, path: str) -> bytes:
        try:
            digest = self._closures.surroundings.contents(path)
        except OSError as error:
            raise UndigestibleError(f"depends_on names {path}, which cannot be read: {error.strerror}") from None
        self._stated_parts[path] = Part("depends_on", path, digest.hex()[:32])
        return digest

    def _number(self, kind: str, name: str, code: Any, follow: Callable[[Any, str, list[bytes]], None]) -> bytes:
        identity = (kind, id(code))
        if identity not in self._numbers:
            self._held.append(code)
            number = self._numbers[identity] = len(self._numbers)
            content: list[bytes] = []
            self._parts[number] = (kind, name, content)
            if isinstance(code, FunctionType):
                self._functions.append((number, code))
            self._waiting.append(lambda: follow(code, name, content))
        return f"part {self._numbers[identity]}".encode()

    def _package(self, module: str) -> tuple[str, str] | None:
        package = self._closures.surroundings.package_of(module)
        if package is not None and package[0] != "python":
            self._packages[package[0]] = package[1]
        return package

    # -- what is followed ---------------------------------------------------------------------------------------------

    def _function(self, function: FunctionType, name: str, content: list[bytes]) -> None:
        form = self._closures.shape(function.__code__)
        self._names |= form.names
        for part in form.parts:
            if isinstance(part, tuple):
                content.append(self._values.digest(part[0], f"a constant of {name}"))
            else:
                content.append(part)  # type: ignore[arg-type]
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        for variable in form.free:
            content.append(self._cell(cells[variable], f"{variable} in the closure of {name}"))
        self._defaults(function, name, content)
        for request in form.requests:
            content.append(self._asked(function, request))

    def _wrapper(self, function: FunctionType, name: str, content: list[bytes]) -> None:
        content.append(f"wrapper {function.__code__.co_qualname}".encode())
        registry = getattr(function, "registry", None)
        if function.__globals__.get("__name__") == "functools" and registry is not None:  # singledispatch
            content.append(self._values.digest(dict(registry), f"the implementations of {name}"))
            return  # the rest of it is a memory, filled while it runs
        for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            content.append(self._cell(cell, f"{variable} in the closure of {name}"))
        self._defaults(function, name, content)

    def _defaults(self, function: FunctionType, name: str, content: list[bytes]) -> None:
        where = f"a default of {name}"
        content.append(self._values.digest(function.__defaults__ or (), where))
        content.append(self._values.digest(dict(function.__kwdefaults__ or {}), where))
        for attribute, value in sorted(function.__dict__.items()):
            if attribute == "__wrapped__":
                content.append(self._value(value, f"{name}.__wrapped__"))
            elif attribute not in _SET_BY_PYTHON:
                content.append(attribute.encode() + self._value(value, f"{name}.{attribute}"))

    def _cell(self, cell: Any, where: str) -> bytes:
        try:
            held = cell.cell_contents
        except ValueError:
            return b"an empty cell"
        return self._value(held, where)

    def _value(self, value: Any, where: str) -> bytes:
        if callable(value) or isinstance(value, (ModuleType, property, staticmethod, classmethod)):
            return self.reference(value, where)
        return self._values.digest(value, where)

    def _class(self, kind: type, name: str, content: list[bytes]) -> None:
        content.append(f"class {kind.__qualname__}".encode())
        content.append(self.reference(type(kind), f"the metaclass of {name}"))
        content.extend(self.reference(base, f"a base of {name}") for base in kind.__bases__)
        third_party = any(self._is_third_party(base) for base in (type(kind), *kind.__mro__))
        for attribute, value in class_attributes(kind, annotations=third_party):
            content.append(attribute.encode())
            content.append(self._value(value, f"{name}.{attribute}"))

    def _is_third_party(self, kind: type) -> bool:
        package = self._closures.surroundings.package_of(kind.__module__)
        return package is not None and package[0] != "python"

    def _module(self, module: ModuleType, name: str, content: list[bytes]) -> None:
        for variable in sorted(vars(module)):
            if not (variable.startswith("__") and variable.endswith("__")):
                content.append(variable.encode())
                content.append(self._global(module.__name__, variable, vars(module)[variable]))

    # -- names --------------------------------------------------------------------------------------------------------

    def _asked(self, function: FunctionType, request: Request) -> bytes:
        """Return what stands for something that a function refers to by name."""
        module, found, attributes = self._begin(function, request)
        name = request.name
        while isinstance(found, ModuleType) and attributes and attributes != ("",):
            if self._package(found.__name__) is not None:
                return f"{found.__name__}.{attributes[0]}".encode()
            module, name = found.__name__, attributes[0]
            found = vars(found).get(name, self._submodule(module, name))
            attributes = attributes[1:]
        if found is _NOTHING:
            return b"nothing"
        if attributes == ("",):  # an import by itself
            return b"imported"
        return self._global(module, name, found)

    def _begin(self, function: FunctionType, request: Request) -> tuple[str, Any, tuple[str, ...]]:
        names = function.__globals__
        if request.level is not None:
            name = _absolute(request, names)
            if self._package(name) is not None:
                return name, _NOTHING, request.attributes
            return name, self._closures.surroundings.import_module(name) or _NOTHING, request.attributes
        module = str(names.get("__name__"))
        if request.name in names:
            return module, names[request.name], request.attributes
        return "builtins", getattr(builtins, request.name, _NOTHING), request.attributes

    def _submodule(self, package: str, name: str) -> Any:
        found = sys.modules.get(f"{package}.{name}")
        return _NOTHING if found is None else found

    def _global(self, module: str, variable: str, value: Any) -> bytes:
        """Return what stands for a global variable; a constant is a part of its own."""
        name = variable if module == "__main__" else f"{module}.{variable}"
        if name in self._ignored or variable in self._ignored:
            return b"ignored"
        if module == "builtins":
            return f"builtin {variable}".encode()
        if isinstance(value, (ModuleType, FunctionType, type, StageFactory, MethodType)) or callable(value):
            return self.reference(value, f"the global {name}")
        if id(value) not in self._constants:
            self._held.append(value)
            self._constants[id(value)] = self._values.digest(value, f"the global {name}")
        digest = self._constants[id(value)]
        self._stated_parts[name] = Part("constant", name, digest.hex()[:32], _shown(variable, value))
        return b"constant " + digest

    # -- what only some code asks for ---------------------------------------------------------------------------------

    def _add_what_is_asked_for(self) -> None:
        for number, function in self._functions:
            self._parts[number][2].extend(self._asked_for(function))

    def _asked_for(self, function: FunctionType) -> Iterator[bytes]:
        """Yield what a function says of itself, as far as code that is reached asks for such things."""
        if self._names & _ASKS_FOR_NAMES:
            yield f"names {function.__module__} {function.__qualname__}".encode()
        if self._names & _ASKS_FOR_DOCS:
            yield f"doc {function.__doc__}".encode()
        if self._names & _ASKS_FOR_ANNOTATIONS:
            yield f"annotations {function.__annotations__}".encode()
        if self._names & _ASKS_FOR_SOURCE:
            code = function.__code__
            yield f"source {code.co_firstlineno} {list(code.co_lines())}".encode()


_NOTHING = type("Nothing", (), {"__slots__": ()})()


def _digest(pieces: Iterable[bytes]) -> bytes:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(len(piece).to_bytes(8, "little") + piece)
    return digest.digest()


def _is_of_others(piece: bytes) -> bool:
    """Tell whether a piece stands for another part, which is told by itself."""
    return piece.startswith((b"part ", b"constant "))


def _absolute(request: Request, names: Mapping[str, Any]) -> str:
    if not request.level:
        return request.name
    package = str(names.get("__package__") or "")
    package = ".".join(package.split(".")[: len(package.split(".")) - request.level + 1])
    return f"{package}.{request.name}".strip(".")


def _is_importable(code: Any, module: str) -> bool:
    """Tell whether a function or class is found in `module` under its name."""
    found: Any = sys.modules.get(module)
    for part in code.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is code


def _says_nothing(hints: CacheHints) -> bool:
    return hints.version is None and not hints.depends_on and not hints.ignore


def _called(code: Any) -> str:
    """Return what a person calls code."""
    if isinstance(code, StageFactory):
        code = code.function
    module = getattr(code, "__module__", None)
    name = getattr(code, "__qualname__", None) or getattr(code, "__name__", None) or repr(code)[:80]
    return str(name) if module in (None, "__main__", "builtins") else f"{module}.{name}"


def _shown(name: str, value: object) -> str:
    if looks_secret(name) or not isinstance(value, (int, float, complex, str, bytes, bool, type(None), tuple)):
        return ""
    try:
        shown = repr(value)
    except Exception:  # of an element's own
        return ""
    return shown if len(shown) <= _LONGEST_SHOWN else ""
