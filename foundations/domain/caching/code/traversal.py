"""The walk from a function through all that it reaches; see :mod:`foundations.domain.caching.code.closure`."""

from __future__ import annotations

import builtins
import os
import sys
from _thread import LockType, RLock
from collections import deque
from collections.abc import Callable, Iterable
from types import FunctionType, ModuleType
from typing import Any

from foundations.domain.caching.code.bytecode import IMPORTS, READS_STRINGS, Request, names_inside
from foundations.domain.caching.code.class_attributes import class_attributes, classes_of_fields
from foundations.domain.caching.code.findings import Findings
from foundations.domain.caching.code.introspection import (
    asked_of_class,
    asked_of_function,
    asks_for_environment,
    files_asked_for,
)
from foundations.domain.caching.code.names import (
    NOTHING,
    SET_BY_PYTHON,
    absolute,
    called,
    is_of_project,
    looked_up,
    member,
    module_of,
)
from foundations.domain.caching.code.parts import Around, Closure, relative_to, shown
from foundations.domain.caching.code.references import References
from foundations.domain.pipeline.cache_policy import CacheHints
from foundations.domain.pipeline.stage import StageFactory

_OF_MODULES = frozenset(
    {
        *("__name__", "__doc__", "__package__", "__loader__", "__spec__", "__file__", "__cached__", "__builtins__"),
        *("__path__", "__annotations__", "__conditional_annotations__", "__warningregistry__"),
    }
)
_LOCKS = (LockType, RLock)
_ITSELF = ((), ("",))
_Follower = Callable[[Any, str, list[bytes]], None]


class Traversal:
    """One walk through all that a function reaches, in an order that only its structure decides.

    Args:
        closures: Asks for the walk.
        asked: Names by which others ask what the code that is reached says of itself.
    """

    def __init__(self, closures: Around, asked: Iterable[str] = ()) -> None:
        self._closures = closures
        self._surroundings = closures.surroundings
        self._found = Findings(closures.surroundings)
        self._found.names.update(asked)
        self._refers = References(closures, self._found, self._later)
        self._waiting: deque[tuple[_Follower, Any, str, list[bytes]]] = deque()
        self._followers: dict[str, _Follower] = {
            "function": self._function,
            "wrapper": self._wrapper,
            "class": self._class,
            "module": self._module,
        }
        self._constants: dict[int, tuple[bytes, object]] = {}
        self._ignored: frozenset[str] = frozenset()
        self._met: set[str] = set()

    def follow(self, root: object, hints: CacheHints) -> Closure:
        """Walk from `root` on."""
        self._ignored = frozenset(hints.ignore)
        first = [
            self._closures.python.encode(),
            self._refers.reference(root, called(root)),
            *self._refers.stated(hints),
        ]
        while self._waiting:
            follow, code, name, content = self._waiting.popleft()
            follow(code, name, content)
        self._add_what_is_asked_for()
        closure = self._found.closure(first)
        if not hints.ignore:
            return closure
        unknown = tuple(name for name in hints.ignore if name not in self._met)
        return closure._replace(unknown=unknown, variables=frozenset(self._met))

    def _later(self, kind: str, code: Any, name: str, content: list[bytes]) -> None:
        self._waiting.append((self._followers[kind], code, name, content))

    # -- what is followed ---------------------------------------------------------------------------------------------

    def _function(self, function: FunctionType, name: str, content: list[bytes]) -> None:
        form, found, names = self._closures.shape(function.__code__), self._found, function.__globals__
        found.names |= form.names
        for variable in sorted(self._counting(form.stored)):
            found.stored[id(names), variable] = None
            found.variable(names, variable, f"the global {_full_name(names, variable)}")
        for part in form.parts:
            if isinstance(part, tuple):
                found.text(part[0])
                content.append(self._refers.values.digest(part[0], f"a constant of {name}"))
            else:
                content.append(part)  # type: ignore[arg-type]
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        for variable in self._counting(form.free):
            content.append(self._refers.cell(cells[variable], f"{variable} in the closure of {name}"))
        self._defaults(function, name, content)
        for request in form.requests:
            content.append(self._asked(function, request))

    def _wrapper(self, function: FunctionType, name: str, content: list[bytes]) -> None:
        content.append(f"wrapper {function.__code__.co_qualname}".encode())
        registry = getattr(function, "registry", None)
        if function.__globals__.get("__name__") == "functools" and registry is not None:  # singledispatch
            content.append(self._refers.values.digest(dict(registry), f"the implementations of {name}"))
            return  # the rest of it is a memory, filled while it runs
        for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            content.append(self._refers.cell(cell, f"{variable} in the closure of {name}"))
        self._defaults(function, name, content)

    def _defaults(self, function: FunctionType, name: str, content: list[bytes]) -> None:
        where = f"a default of {name}"
        content.append(self._refers.values.digest(function.__defaults__ or (), where))
        content.extend(self._found.alias(default, where) for default in function.__defaults__ or ())
        named = dict(sorted((function.__kwdefaults__ or {}).items()))
        content.append(self._refers.values.digest(named, where))
        content.extend(self._found.alias(default, where) for default in named.values())
        for attribute in self._counting(sorted(function.__dict__)):
            value = function.__dict__[attribute]
            if attribute == "__wrapped__":
                content.append(self._refers.value(value, f"{name}.__wrapped__"))
            elif attribute not in SET_BY_PYTHON:
                self._found.variable(function.__dict__, attribute, f"{name}.{attribute}")
                content.append(attribute.encode() + self._refers.value(value, f"{name}.{attribute}"))

    def _class(self, kind: type, name: str, content: list[bytes]) -> None:
        content.append(f"class {kind.__qualname__}".encode())
        content.append(self._refers.reference(type(kind), f"the metaclass of {name}"))
        content.extend(self._refers.reference(base, f"a base of {name}") for base in kind.__bases__)
        third_party = any(self._surroundings.packages_of(module_of(base)) for base in (type(kind), *kind.__mro__))
        self._found.attributes(kind, self._ignored, f"attributes of {name}")
        for attribute, value in class_attributes(kind, annotations=third_party):
            if self._counting((attribute,)):
                content.append(attribute.encode())
                content.append(self._refers.value(value, f"{name}.{attribute}"))
        for held in classes_of_fields(kind):
            if held is not kind and self._surroundings.packages_of(module_of(held)) is None:
                content.append(b"of a field " + self._refers.reference(held, f"an annotation of {name}"))

    def _module(self, names: dict[str, Any], name: str, content: list[bytes]) -> None:
        for variable in sorted(names.keys() - _OF_MODULES):
            content.append(variable.encode())
            content.append(self._global(names, variable, names[variable]))

    def _counting(self, names: Iterable[str]) -> list[str]:
        """Return those of the names that are not to be ignored."""
        if self._ignored:
            self._met |= self._ignored.intersection(names)
        return [name for name in names if name not in self._ignored]

    # -- names --------------------------------------------------------------------------------------------------------

    def _asked(self, function: FunctionType, request: Request) -> bytes:
        """Return what stands for something that a function refers to by name."""
        surroundings, attributes, name = self._surroundings, request.attributes, request.name
        names, is_imported = function.__globals__, request.level is not None
        module = absolute(request, names) if is_imported else ""
        if is_imported and self._found.is_packaged(module) and (attributes in _ITSELF or module not in sys.modules):
            return b"imported"
        found = looked_up(request, names, surroundings)
        while isinstance(found, ModuleType) and attributes and attributes != ("",):
            holder, (name, *further) = found, attributes
            attributes, names = tuple(further), vars(holder)
            if not self._found.is_packaged(holder.__name__):
                # a module may be imported by a helper of whoever takes it from its package
                found = member(holder, name, is_imported=True, importer=surroundings)
                continue
            # a function that imports a package does not find it loaded in every process, nor all that it loads later
            found = names.get(name, NOTHING) if is_imported else member(holder, name, importer=surroundings)
            if isinstance(found, ModuleType) and attributes:
                continue
            if not is_of_project(found, self._found.is_packaged):
                setting = b"" if is_imported else self._refers.setting(found, name)
                return f"{holder.__name__}.{name}".encode() + setting
        if found is NOTHING:
            return b"nothing"
        if attributes == ("",):  # an import by itself
            return b"imported"
        if found is builtins.globals:
            return self._refers.part("module", str(names.get("__name__")), names)
        content = self._global(names, name, found)
        if isinstance(found, str):
            uses = self._closures.shape(function.__code__).names
            if not READS_STRINGS.isdisjoint(uses):
                content += b"".join(self._asked(function, Request(inside)) for inside in names_inside(found))
            if not IMPORTS.isdisjoint(uses) and found in sys.modules:  # others are seen when they are imported
                content += self._asked(function, Request(found, (), 0))
        return content

    def _global(self, names: dict[str, Any], variable: str, value: Any) -> bytes:
        """Return what stands for a global variable; a constant is a part of its own."""
        name = _full_name(names, variable)
        if name in self._ignored or variable in self._ignored:
            self._met |= {name, variable}
            return b"ignored"
        if variable not in names and getattr(builtins, variable, NOTHING) is value:
            if not is_of_project(value, self._found.is_packaged):
                return f"builtin {variable}".encode()
        elif names.get(variable) is value:
            self._met.add(variable)
            self._found.variable(names, variable, f"the global {name}")
        if callable(value) or isinstance(value, (ModuleType, StageFactory)):
            return self._refers.reference(value, f"the global {name}")
        if isinstance(value, _LOCKS):
            return b"a lock"  # which keeps others out, and holds nothing
        if value is os.environ:
            self._found.names.add("environ")
            return b"the environment"
        if id(value) not in self._constants:
            relative = relative_to(self._surroundings.project, value)
            self._constants[id(value)] = self._refers.values.digest(relative, f"the global {name}"), value
        if variable != "__file__":
            self._found.text(value)
        digest = self._constants[id(value)][0]
        self._found.state("constant", name, digest, shown(variable, value))
        return b"constant " + digest + self._found.alias(value, f"the global {name}")

    # -- what only some code asks for ---------------------------------------------------------------------------------

    def _add_what_is_asked_for(self) -> None:
        found, names = self._found, frozenset(self._found.names)
        variables = {variable: number for number, variable in enumerate(found.stored)}
        for number, kind in found.classes:
            found.content(number).extend(asked_of_class(kind, names))
        for number, function in found.functions:
            content = found.content(number)
            for request in self._closures.shape(function.__code__).requests:
                which = variables.get((id(function.__globals__), request.name))
                if request.level is None and which is not None:
                    content.append(f"variable {which}".encode())
            content.extend(asked_of_function(function, names))
        for file in files_asked_for([function for _, function in found.functions], names):
            found.source(file)
        if asks_for_environment(names):
            found.environment()


def _full_name(names: dict[str, Any], variable: str) -> str:
    module = str(names.get("__name__"))
    return variable if module == "__main__" else f"{module}.{variable}"
