"""The walk from a function through all that it reaches; see :mod:`foundations.domain.code_closure`."""

from __future__ import annotations

import functools
import sys
from _thread import LockType, RLock
from collections import deque
from collections.abc import Callable
from pathlib import PurePath
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

from foundations.domain.bytecode import Request
from foundations.domain.cache_hints import CacheHints
from foundations.domain.class_attributes import class_attributes
from foundations.domain.code_asked import asked_of_class, asked_of_function
from foundations.domain.code_names import (
    NOTHING,
    absolute,
    called,
    is_importable,
    looked_up,
    member,
    of_its_class,
)
from foundations.domain.code_parts import PLAIN, Around, Closure, Part, digest_of, is_of_others, relative_to, shown
from foundations.domain.stage import StageFactory
from foundations.domain.value_digests import UndigestibleError, ValueDigester

_SET_BY_PYTHON = frozenset({"__wrapped__", "__module__", "__name__", "__qualname__", "__doc__", "__annotations__"})
_SLOTS = (
    WrapperDescriptorType,
    MethodDescriptorType,
    ClassMethodDescriptorType,
    GetSetDescriptorType,
    MemberDescriptorType,
)
_FIXED = (int, float, complex, str, bytes, tuple, frozenset, type(None), type(...), range, slice)
_LONGEST_TEXT = 1000
_LOCKS = (LockType, RLock)


class Traversal:
    """One walk through all that a function reaches, in an order that only its structure decides."""

    def __init__(self, closures: Around) -> None:
        self._closures = closures
        self._values = ValueDigester(closures.digesting, self)
        self._numbers: dict[tuple[object, ...], int] = {}
        self._waiting: deque[Callable[[], None]] = deque()
        self._parts: dict[int, tuple[str, str, list[bytes]]] = {}
        self._classes: list[tuple[int, type]] = []
        self._functions: list[tuple[int, FunctionType]] = []
        self._names: set[str] = set()
        self._packages: dict[str, str] = {}
        self._constants: dict[int, bytes] = {}
        self._stated_parts: dict[str, Part] = {}
        self._aliases: dict[int, int] = {}
        self._stored: dict[tuple[int, str], None] = {}
        self._state: dict[tuple[str, int], tuple[str, Callable[[], object]]] = {}
        self._texts: dict[str, None] = {}
        self._held: list[object] = []  # so that no identity is used again
        self._ignored: frozenset[str] = frozenset()

    def follow(self, root: object, hints: CacheHints) -> Closure:
        """Walk from `root` on."""
        self._ignored = frozenset(hints.ignore)
        first = self.reference(root, called(root))
        stated = [first, *self._stated(hints)]
        while self._waiting:
            self._waiting.popleft()()
        self._add_what_is_asked_for()
        parts = [
            Part(kind, name, digest_of(piece for piece in content if not is_of_others(piece)).hex()[:32])
            for _, (kind, name, content) in sorted(self._parts.items())
        ]
        packages = dict(sorted(self._packages.items()))
        contents = [digest_of(content) for _, (_, _, content) in sorted(self._parts.items())]
        digest = digest_of([self._closures.python.encode(), *stated, *contents, repr(packages).encode()])
        parts += self._stated_parts.values()
        return Closure(digest, tuple(parts), packages, tuple(self._state.values()), tuple(self._texts))

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
            if self._is_packaged(code.__name__):
                return f"module {code.__name__}".encode()
            return self._number("module", code.__name__, code, self._module)
        if isinstance(code, type):
            if self._is_packaged(code.__module__) and is_importable(code, code.__module__):
                return f"class {code.__module__}.{code.__qualname__}".encode()
            return self._number("class", called(code), code, self._class)
        if isinstance(code, FunctionType):
            return self._function_reference(code)
        if isinstance(code, MethodType):
            bound = code.__self__
            held = self._values.digest(bound, where) + (b"" if isinstance(bound, type) else self._alias(bound, where))
            return b"method " + self.reference(of_its_class(code), where) + held
        if isinstance(code, BuiltinFunctionType):
            holder = code.__self__
            if holder is None or isinstance(holder, ModuleType):
                self._is_packaged(code.__module__ or "builtins")
                return f"builtin {code.__module__}.{code.__qualname__}".encode()
            return f"builtin {code.__qualname__} ".encode() + self._values.digest(holder, where)
        if isinstance(code, (functools._lru_cache_wrapper, staticmethod, classmethod)):
            return b"wrapper " + self.reference(type(code), where) + self._value(code.__wrapped__, where)
        if isinstance(code, MethodWrapperType):
            return f"slot {code.__name__} of ".encode() + self._values.digest(code.__self__, where)
        if isinstance(code, _SLOTS):
            return f"slot {code.__name__} ".encode() + self.reference(code.__objclass__, where)
        owner = str(getattr(code, "__module__", None))
        if is_importable(code, owner) and self._is_packaged(owner):  # typing.Union and its like
            return f"object {owner}.{code.__qualname__}".encode()
        return b"value " + self._values.digest(code, where) + self._alias(code, where)

    def _function_reference(self, function: FunctionType) -> bytes:
        """Return what stands for a function; one of a package is known by its name, where it has one."""
        owner = str(function.__globals__.get("__name__"))
        if self._is_packaged(owner):
            if is_importable(function, owner):
                return f"function {owner}.{function.__qualname__}".encode()
            name = f"{owner}.{function.__qualname__}"  # a wrapper that a package has put around something
            return self._number("function", name, function, self._wrapper)
        return self._number("function", called(function), function, self._function)

    def _stated(self, hints: CacheHints) -> list[bytes]:
        """Return what was stated by hand."""
        stated = []
        if hints.version is not None:
            digest = self._values.digest(hints.version, "version")
            self._stated_parts["version"] = Part("version", "", digest.hex()[:32], shown("version", hints.version))
            stated.append(digest)
        for dependency in hints.depends_on:
            if isinstance(dependency, str):
                stated.append(self._contents(dependency))
            else:
                stated.append(self.reference(dependency, f"depends_on {called(dependency)}"))
        return stated

    def _contents(self, path: str) -> bytes:
        try:
            digest = self._closures.surroundings.contents(path)
        except OSError as error:
            raise UndigestibleError(f"depends_on names {path}, which cannot be read: {error.strerror}") from None
        self._stated_parts[path] = Part("depends_on", path, digest.hex()[:32])
        where = f"{path}, on which it depends"
        self._state[where, 0] = (where, functools.partial(self._closures.surroundings.fingerprint, path))
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
            elif isinstance(code, type):
                self._classes.append((number, code))
            self._waiting.append(lambda: follow(code, name, content))
        return f"part {self._numbers[identity]}".encode()

    def _is_packaged(self, module: str) -> bool:
        """Tell whether a module belongs to a package, which is noted, and not to the project."""
        packages = self._closures.surroundings.packages_of(module)
        self._packages.update(packages or {})
        return packages is not None

    # -- what is followed ---------------------------------------------------------------------------------------------

    def _function(self, function: FunctionType, name: str, content: list[bytes]) -> None:
        form = self._closures.shape(function.__code__)
        self._names |= form.names
        for variable in sorted(form.stored - self._ignored):
            self._stored[id(function.__globals__), variable] = None
            where = self._name_of(function, variable)
            self._state[where, id(function.__globals__)] = (
                where,
                functools.partial(function.__globals__.get, variable),
            )
        for part in form.parts:
            if isinstance(part, tuple):
                self._text(part[0])
                content.append(self._values.digest(part[0], f"a constant of {name}"))
            else:
                content.append(part)  # type: ignore[arg-type]
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        for variable in form.free:
            content.append(self._cell(cells[variable], f"{variable} in the closure of {name}"))
        self._defaults(function, name, content)
        for request in form.requests:
            content.append(self._asked(function, request))

    def _name_of(self, function: FunctionType, variable: str) -> str:
        module = str(function.__globals__.get("__name__"))
        return f"the global {variable if module == '__main__' else f'{module}.{variable}'}"

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
        content.extend(self._alias(default, where) for default in function.__defaults__ or ())
        named = dict(sorted((function.__kwdefaults__ or {}).items()))
        content.append(self._values.digest(named, where))
        content.extend(self._alias(default, where) for default in named.values())
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
        self._held.append(cell)
        return f"cell {self._aliases.setdefault(id(cell), len(self._aliases))} ".encode() + self._value(held, where)

    def _value(self, value: Any, where: str) -> bytes:
        if callable(value) or isinstance(value, (ModuleType, property, staticmethod, classmethod)):
            return self.reference(value, where)
        return self._values.digest(value, where) + self._alias(value, where)

    def _alias(self, value: Any, where: str) -> bytes:
        """Return which object it is of those that can change: two equal ones are not one."""
        if isinstance(value, _FIXED):
            return b""
        self._held.append(value)
        self._state[where, id(value)] = (where, lambda: value)
        return f" object {self._aliases.setdefault(id(value), len(self._aliases))}".encode()

    def _text(self, value: object) -> None:
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, (str, PurePath)) and 0 < len(str(item)) <= _LONGEST_TEXT:
                self._texts.setdefault(str(item))

    def _class(self, kind: type, name: str, content: list[bytes]) -> None:
        content.append(f"class {kind.__qualname__}".encode())
        content.append(self.reference(type(kind), f"the metaclass of {name}"))
        content.extend(self.reference(base, f"a base of {name}") for base in kind.__bases__)
        third_party = any(self._is_third_party(base) for base in (type(kind), *kind.__mro__))
        where = f"attributes of {name}"
        self._state[where, id(kind)] = (where, functools.partial(_plain_attributes, kind))
        for attribute, value in class_attributes(kind, annotations=third_party):
            content.append(attribute.encode())
            content.append(self._value(value, f"{name}.{attribute}"))

    def _is_third_party(self, kind: type) -> bool:
        return bool(self._closures.surroundings.packages_of(kind.__module__))

    def _module(self, module: ModuleType, name: str, content: list[bytes]) -> None:
        for variable in sorted(vars(module)):
            if not (variable.startswith("__") and variable.endswith("__")):
                content.append(variable.encode())
                content.append(self._global(module.__name__, variable, vars(module)[variable]))

    # -- names --------------------------------------------------------------------------------------------------------

    def _asked(self, function: FunctionType, request: Request) -> bytes:
        """Return what stands for something that a function refers to by name."""
        surroundings, attributes, name = self._closures.surroundings, request.attributes, request.name
        module = absolute(request, function.__globals__)
        if request.level is not None and self._is_packaged(module):
            return b"imported"
        module, found = looked_up(request, function.__globals__, surroundings)
        is_imported = request.level is not None
        while isinstance(found, ModuleType) and attributes and attributes != ("",):
            holder, (name, *further) = found, attributes
            attributes, module = tuple(further), holder.__name__
            found = member(holder, name, is_imported=is_imported, importer=surroundings)
            if self._is_packaged(module) and not self._is_the_projects(found):
                return f"{module}.{name}".encode()
        if found is NOTHING:
            return b"nothing"
        if attributes == ("",):  # an import by itself
            return b"imported"
        return self._global(module, name, found)

    def _is_the_projects(self, found: object) -> bool:
        """Tell whether a package's attribute has been replaced by a function of the project."""
        return isinstance(found, FunctionType) and not self._is_packaged(str(found.__globals__.get("__name__")))

    def _global(self, module: str, variable: str, value: Any) -> bytes:
        """Return what stands for a global variable; a constant is a part of its own."""
        name = variable if module == "__main__" else f"{module}.{variable}"
        if name in self._ignored or variable in self._ignored:
            return b"ignored"
        if module == "builtins":
            return f"builtin {variable}".encode()
        if isinstance(value, (ModuleType, FunctionType, type, StageFactory, MethodType)) or callable(value):
            return self.reference(value, f"the global {name}")
        if isinstance(value, _LOCKS):
            return b"a lock"  # which keeps others out, and holds nothing
        if id(value) not in self._constants:
            self._held.append(value)
            self._constants[id(value)] = self._values.digest(
                relative_to(self._closures.surroundings.project, value), f"the global {name}"
            )
        self._text(value)
        holder = sys.modules.get(module)
        if isinstance(value, _FIXED) and holder is not None and module != "__main__":
            where = f"the global {name}"
            self._state[where, 0] = (where, functools.partial(vars(holder).get, variable))
        digest = self._constants[id(value)]
        self._stated_parts[name] = Part("constant", name, digest.hex()[:32], shown(variable, value))
        return b"constant " + digest + self._alias(value, f"the global {name}")

    # -- what only some code asks for ---------------------------------------------------------------------------------

    def _add_what_is_asked_for(self) -> None:
        names = frozenset(self._names)
        variables = {variable: number for number, variable in enumerate(self._stored)}
        for number, kind in self._classes:
            self._parts[number][2].extend(asked_of_class(kind, names))
        for number, function in self._functions:
            content = self._parts[number][2]
            for request in self._closures.shape(function.__code__).requests:
                which = variables.get((id(function.__globals__), request.name))
                if request.level is None and which is not None:
                    content.append(f"variable {which}".encode())
            content.extend(asked_of_function(function, names))


def _plain_attributes(kind: type) -> dict[str, object]:
    """Return the attributes of a class that a stage may set to leave something for another."""
    return {name: value for name, value in vars(kind).items() if isinstance(value, PLAIN) and name[:2] != "__"}
