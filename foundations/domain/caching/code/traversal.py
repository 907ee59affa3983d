"""The traversal of all code that a function reaches; see :mod:`foundations.domain.caching.code.closure`."""

from __future__ import annotations

import builtins
import os
import sys
from _thread import LockType, RLock
from collections import deque
from collections.abc import Callable, Iterable
from types import FunctionType, ModuleType
from typing import Any

from foundations.domain.caching.code import introspection
from foundations.domain.caching.code.bytecode import IMPORT_FUNCTIONS, STRING_EVALUATORS, NameReference, names_in_text
from foundations.domain.caching.code.class_attributes import field_classes, iterate_attributes
from foundations.domain.caching.code.closure_builder import ClosureBuilder
from foundations.domain.caching.code.names import (
    MISSING,
    SET_BY_PYTHON,
    absolute_module,
    display_name,
    get_member,
    is_project_object,
    look_up,
    module_of,
)
from foundations.domain.caching.code.parts import Closure, TraversalContext, display_text, relative_to_project
from foundations.domain.caching.code.reference_encoder import ReferenceEncoder
from foundations.domain.pipeline.cache_policy import CacheHints
from foundations.domain.pipeline.stage import StageFactory

_MODULE_ATTRIBUTES = frozenset(
    {
        *("__name__", "__doc__", "__package__", "__loader__", "__spec__", "__file__", "__cached__", "__builtins__"),
        *("__path__", "__annotations__", "__conditional_annotations__", "__warningregistry__"),
    }
)
_LOCKS = (LockType, RLock)
_ITSELF = ((), ("",))
_Follower = Callable[[Any, str, list[bytes]], None]


class Traversal:
    """One traversal of all code that a function reaches, in an order that depends on its structure alone.

    Args:
        context: The environment, the digests of buffers, and the normal forms of code.
        introspective_names: The names by which other code reads the metadata of the code that is reached.
    """

    def __init__(self, context: TraversalContext, introspective_names: Iterable[str] = ()) -> None:
        self._context = context
        self._environment = context.environment
        self._builder = ClosureBuilder(context.environment)
        self._builder.names.update(introspective_names)
        self._encoder = ReferenceEncoder(context, self._builder, self._enqueue)
        self._waiting: deque[tuple[_Follower, Any, str, list[bytes]]] = deque()
        self._followers: dict[str, _Follower] = {
            "function": self._function,
            "wrapper": self._wrapper,
            "class": self._class,
            "module": self._module,
        }
        self._constants: dict[int, tuple[bytes, object]] = {}
        self._ignored: frozenset[str] = frozenset()
        self._used_names: set[str] = set()

    def follow(self, root: object, hints: CacheHints) -> Closure:
        """Return the closure of `root`."""
        self._ignored = frozenset(hints.ignore)
        first = [
            self._context.python.encode(),
            self._encoder.encode(root, display_name(root)),
            *self._encoder.encode_hints(hints),
        ]
        while self._waiting:
            follow, code, name, content = self._waiting.popleft()
            follow(code, name, content)
        self._add_metadata()
        closure = self._builder.build(first)
        if not hints.ignore:
            return closure
        unknown = tuple(name for name in hints.ignore if name not in self._used_names)
        return closure._replace(unknown_ignores=unknown, variables=frozenset(self._used_names))

    def _enqueue(self, kind: str, code: Any, name: str, content: list[bytes]) -> None:
        self._waiting.append((self._followers[kind], code, name, content))

    # -- what is followed ---------------------------------------------------------------------------------------------

    def _function(self, function: FunctionType, name: str, content: list[bytes]) -> None:
        form, builder, names = self._context.normal_form(function.__code__), self._builder, function.__globals__
        builder.names |= form.names
        for variable in sorted(self._without_ignored(form.stored)):
            builder.stored[id(names), variable] = None
            builder.watch_variable(names, variable, f"the global {_full_name(names, variable)}")
        for part in form.parts:
            if isinstance(part, tuple):
                builder.add_texts(part[0])
                content.append(self._encoder.values.digest(part[0], f"a constant of {name}"))
            else:
                content.append(part)  # type: ignore[arg-type]
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        for variable in self._without_ignored(form.free):
            content.append(self._encoder.encode_cell(cells[variable], f"{variable} in the closure of {name}"))
        self._defaults(function, name, content)
        for reference in form.references:
            content.append(self._encode_reference(function, reference))

    def _wrapper(self, function: FunctionType, name: str, content: list[bytes]) -> None:
        content.append(f"wrapper {function.__code__.co_qualname}".encode())
        registry = getattr(function, "registry", None)
        if function.__globals__.get("__name__") == "functools" and registry is not None:  # singledispatch
            content.append(self._encoder.values.digest(dict(registry), f"the implementations of {name}"))
            return  # the rest of it is a cache, filled while it runs
        for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            content.append(self._encoder.encode_cell(cell, f"{variable} in the closure of {name}"))
        self._defaults(function, name, content)

    def _defaults(self, function: FunctionType, name: str, content: list[bytes]) -> None:
        where = f"a default of {name}"
        content.append(self._encoder.values.digest(function.__defaults__ or (), where))
        content.extend(self._builder.identify_object(default, where) for default in function.__defaults__ or ())
        named = dict(sorted((function.__kwdefaults__ or {}).items()))
        content.append(self._encoder.values.digest(named, where))
        content.extend(self._builder.identify_object(default, where) for default in named.values())
        for attribute in self._without_ignored(sorted(function.__dict__)):
            value = function.__dict__[attribute]
            if attribute == "__wrapped__":
                content.append(self._encoder.encode_value(value, f"{name}.__wrapped__"))
            elif attribute not in SET_BY_PYTHON:
                self._builder.watch_variable(function.__dict__, attribute, f"{name}.{attribute}")
                content.append(attribute.encode() + self._encoder.encode_value(value, f"{name}.{attribute}"))

    def _class(self, kind: type, name: str, content: list[bytes]) -> None:
        content.append(f"class {kind.__qualname__}".encode())
        content.append(self._encoder.encode(type(kind), f"the metaclass of {name}"))
        content.extend(self._encoder.encode(base, f"a base of {name}") for base in kind.__bases__)
        third_party = any(self._environment.packages_of(module_of(base)) for base in (type(kind), *kind.__mro__))
        self._builder.watch_attributes(kind, self._ignored, f"attributes of {name}")
        for attribute, value in iterate_attributes(kind, annotations=third_party):
            if self._without_ignored((attribute,)):
                content.append(attribute.encode())
                content.append(self._encoder.encode_value(value, f"{name}.{attribute}"))
        for held in field_classes(kind):
            if held is not kind and self._environment.packages_of(module_of(held)) is None:
                content.append(b"of a field " + self._encoder.encode(held, f"an annotation of {name}"))

    def _module(self, names: dict[str, Any], name: str, content: list[bytes]) -> None:
        for variable in sorted(names.keys() - _MODULE_ATTRIBUTES):
            content.append(variable.encode())
            content.append(self._encode_global(names, variable, names[variable]))

    def _without_ignored(self, names: Iterable[str]) -> list[str]:
        """Return the names that are not ignored."""
        if self._ignored:
            self._used_names |= self._ignored.intersection(names)
        return [name for name in names if name not in self._ignored]

    # -- names --------------------------------------------------------------------------------------------------------

    def _encode_reference(self, function: FunctionType, reference: NameReference) -> bytes:  # noqa: C901
        """Return the encoding of something that a function refers to by name."""
        environment, attributes, name = self._environment, reference.attributes, reference.name
        names, is_imported = function.__globals__, reference.level is not None
        module = absolute_module(reference, names) if is_imported else ""
        if is_imported and self._builder.is_packaged(module) and (attributes in _ITSELF or module not in sys.modules):
            return b"imported"
        found = look_up(reference, names, environment)
        while isinstance(found, ModuleType) and attributes and attributes != ("",):
            holder, (name, *further) = found, attributes
            attributes, names = tuple(further), vars(holder)
            if not self._builder.is_packaged(holder.__name__):
                # another function may import a module that this one reads from its package
                found = get_member(holder, name, is_imported=True, importer=environment)
                continue
            # a package that a function imports is not loaded in every process, nor everything that it loads later
            found = names.get(name, MISSING) if is_imported else get_member(holder, name, importer=environment)
            if isinstance(found, ModuleType) and attributes:
                continue
            if not is_project_object(found, self._builder.is_packaged):
                setting = b"" if is_imported else self._encoder.encode_setting(found, name)
                return f"{holder.__name__}.{name}".encode() + setting
        if found is MISSING:
            return b"nothing"
        if attributes == ("",):  # an import by itself
            return b"imported"
        if found is builtins.globals:
            return self._encoder.add_part("module", str(names.get("__name__")), names)
        content = self._encode_global(names, name, found)
        if isinstance(found, str):
            uses = self._context.normal_form(function.__code__).names
            if not STRING_EVALUATORS.isdisjoint(uses):
                inside = map(NameReference, names_in_text(found))
                content += b"".join(self._encode_reference(function, further) for further in inside)
            if not IMPORT_FUNCTIONS.isdisjoint(uses) and found in sys.modules:  # others are reached once imported
                content += self._encode_reference(function, NameReference(found, (), 0))
        return content

    def _encode_global(self, names: dict[str, Any], variable: str, value: Any) -> bytes:
        """Return the encoding of a global variable; a constant becomes a part."""
        name = _full_name(names, variable)
        if name in self._ignored or variable in self._ignored:
            self._used_names |= {name, variable}
            return b"ignored"
        if variable not in names and getattr(builtins, variable, MISSING) is value:
            if not is_project_object(value, self._builder.is_packaged):
                return f"builtin {variable}".encode()
        elif names.get(variable) is value:
            self._used_names.add(variable)
            self._builder.watch_variable(names, variable, f"the global {name}")
        if callable(value) or isinstance(value, (ModuleType, StageFactory)):
            return self._encoder.encode(value, f"the global {name}")
        if isinstance(value, _LOCKS):
            return b"a lock"  # it has no content
        if value is os.environ:
            self._builder.names.add("environ")
            return b"the environment"
        if id(value) not in self._constants:
            relative = relative_to_project(self._environment.project, value)
            self._constants[id(value)] = self._encoder.values.digest(relative, f"the global {name}"), value
        if variable != "__file__":
            self._builder.add_texts(value)
        digest = self._constants[id(value)][0]
        self._builder.add_stated_part("constant", name, digest, display_text(variable, value))
        return b"constant " + digest + self._builder.identify_object(value, f"the global {name}")

    # -- what only some code reads ---------------------------------------------------------------------------------

    def _add_metadata(self) -> None:
        builder, names = self._builder, frozenset(self._builder.names)
        variables = {variable: number for number, variable in enumerate(builder.stored)}
        for number, kind in builder.classes:
            builder.content(number).extend(introspection.introspect_class(kind, names))
        for number, function in builder.functions:
            content = builder.content(number)
            for reference in self._context.normal_form(function.__code__).references:
                which = variables.get((id(function.__globals__), reference.name))
                if reference.level is None and which is not None:
                    content.append(f"variable {which}".encode())
            content.extend(introspection.introspect_function(function, names))
        for file in introspection.introspected_files([function for _, function in builder.functions], names):
            builder.add_source(file)
        if introspection.reads_environment(names):
            builder.add_environment_variables()


def _full_name(names: dict[str, Any], variable: str) -> str:
    module = str(names.get("__name__"))
    return variable if module == "__main__" else f"{module}.{variable}"
