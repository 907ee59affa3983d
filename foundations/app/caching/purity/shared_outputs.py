"""Finding stages that change what other stages see: a hit would not do that, so they cannot be cached."""

from __future__ import annotations

import functools
import gc
import sys
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Any

from foundations.app.caching.purity.process_state import Settings
from foundations.app.code_origin import is_standard_module
from foundations.domain.pipeline.call import Call
from foundations.domain.pipeline.graph import Deferred, Node, Pipeline
from foundations.domain.pipeline.hyperparameter import Hyperparameter
from foundations.domain.pipeline.placeholders import Reference

_FIXED = frozenset({int, float, complex, bool, str, bytes, type(None)})
_UNCHANGEABLE = _FIXED | {Reference}
_CONTAINERS = (tuple, list, set, frozenset, dict, deque, functools.partial)
_LEAVES = (type, ModuleType, CodeType, Reference)
_FUNCTIONS = (FunctionType, BuiltinFunctionType)
_PASSED_THROUGH = (tuple, frozenset, CellType, Hyperparameter, *_FUNCTIONS)


class SharedOutputs:
    """The values of a pipeline that more than one stage takes, by itself or far inside, and what all stages see.

    Args:
        pipeline: The pipeline.
        parameters: Its hyperparameters' values.
        digest: Returns the content digest of a value, given what errors call it.
        state: Returns what the code of stages refers to that can change, each with its name.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        parameters: Mapping[str, Any],
        digest: Callable[[object, str], bytes],
        state: Callable[[], Iterable[tuple[str, object]]] = tuple,
    ) -> None:
        self._pipeline = pipeline
        self._digest = digest
        self._state = state
        self._consumers = Counter(other for node in pipeline.nodes for other in node.upstream)
        self._common = _common(pipeline.nodes, parameters)
        self._shared: list[bool] = []
        for index, node in enumerate(pipeline.nodes):  # what is made of something shared may be a part of it
            takes_shared = node.uuid in self._common or any(self._shared[other] for other in node.upstream)
            self._shared.append(takes_shared or self._consumers[index] > 1)
        self._digests: dict[int, bytes] = {}
        self._settings = Settings.now()
        self._change: str | None = None

    @property
    def changed(self) -> str | None:
        """What a stage has changed that others see, in words: no output computed afterwards is that of its key."""
        if self._change is None:
            changed = self._settings.changed()
            self._change = changed and f"{changed} was changed after the job began"
        return self._change

    def remember(self, index: int, output: Any) -> None:
        """Note what the output of a stage is, before others take it."""
        if self._shared[index] and type(output) is not Deferred and type(output) not in _FIXED:
            try:
                self._digests[index] = self._digest(output, "the output")
            except Exception:  # found again, and reported, where a stage takes it
                self._digests.pop(index, None)

    def check(self, call: Call) -> None:
        """Note whether what a call takes is no more what it was when it was made; what was not read yet is."""
        for other in call.node.upstream:
            output = call.outputs[other]
            if other in self._digests and (type(output) is not Deferred or output.was_read):
                digest = self._digest(call.value(other), f"the output of {self._pipeline.name(other)}")
                if digest != self._digests[other]:
                    self.note(f"the output of {self._pipeline.name(other)} was changed by a stage that takes it")

    def before(self, call: Call) -> list[tuple[object, bytes]]:
        """Return the arguments of a call that other stages see too, each with its digest.

        They take them as well, or refer to them as a global variable, of which an earlier stage returned a part.

        Raises:
            UndigestibleError: One has none.
        """
        found: list[tuple[object, bytes]] = []
        for other in call.node.upstream:
            value = call.value(other)
            if type(value) in _FIXED:
                continue
            if self._shared[other]:
                digest = self._digest(value, f"the output of {self._pipeline.name(other)}, which other stages see too,")
                if self._digests.setdefault(other, digest) != digest:
                    self.note(f"the output of {self._pipeline.name(other)} was changed by a stage that takes it")
                found.append((value, digest))
            else:
                found += self._digested(self._parts_of_the_code_in(value))
        return found + self._digested(self._common.get(call.node.uuid, {}).values())

    def after(self, name: str, before: list[tuple[object, bytes]]) -> None:
        """Note whether a call has changed what :meth:`before` returned."""
        for value, digest in before:
            if self._digest(value, "an argument") != digest:
                self.note(f"{name} changed an argument that other stages see too")

    def returned(self, output: object, before: Sequence[tuple[object, bytes]]) -> str | None:
        """Return what of it other stages see, where an output is that, has it as an item or is a part of it.

        A hit would return a copy, which a stage that takes it could change without changing the original.

        Args:
            output: What a call returned.
            before: What :meth:`before` returned for that call.
        """
        parts = self._parts_of_the_code
        if type(output) in _FIXED or not (parts or before):
            return None
        arguments = {
            id(value) for value, _ in before if _has_state(value) or any(map(_has_state, _reachable((value,))))
        }
        items = _inside(output) if isinstance(output, (*_CONTAINERS, *_special())) else ()
        for value in (output, *items):
            if id(value) in arguments:
                return "an argument that other stages see too"
            if id(value) in parts:
                return f"{parts[id(value)][0]} or a part of it"
        return None

    def _digested(self, values: Iterable[object]) -> list[tuple[object, bytes]]:
        found = []
        for value in values:
            with suppress(Exception):  # what has no digest is no part of what has one, and of any key
                found.append((value, self._digest(value, "an argument that other stages see too")))
        return found

    def _parts_of_the_code_in(self, value: object) -> list[object]:
        """Return what there is in `value` of what the code of stages refers to, not what is inside of that."""
        parts = self._parts_of_the_code
        return [found for found in _reachable((value,), parts) if id(found) in parts] if parts else []

    @functools.cached_property
    def _parts_of_the_code(self) -> dict[int, tuple[str, object]]:
        parts: dict[int, tuple[str, object]] = {}
        for name, value in self._state():
            for found in filter(_has_state, _reachable((value,))):
                parts.setdefault(id(found), (name, found))  # held, so that no identity is used again
        return parts

    def note(self, change: str) -> None:
        """Note what was changed; the first change is the reason for all stages that follow."""
        self._change = self._change or change


def _common(nodes: Iterable[Node], parameters: Mapping[str, Any]) -> dict[str, dict[int, object]]:
    """Return by stage the objects that it can reach from its arguments, and that another stage can, too.

    They are compared by identity. What is inside such an object counts as a part of it. Some may be of kinds
    that never change.
    """
    reached: dict[str, list[Any]] = {}
    functions: dict[int, list[Any]] = {}
    for node in nodes:
        if id(node.function) not in functions:
            functions[id(node.function)] = _changeable((node.function,))
        held = functions[id(node.function)]
        arguments = (*node.arguments, *node.keyword_arguments.values())
        if held or not _UNCHANGEABLE.issuperset(map(type, arguments)):
            reached[node.uuid] = held + _changeable(arguments)
    return _reached_twice({uuid: values for uuid, values in reached.items() if values}, parameters)


def _reached_twice(reached: dict[str, list[Any]], parameters: Mapping[str, Any]) -> dict[str, dict[int, object]]:
    if len(reached) < 2:
        return {}
    common: dict[str, dict[int, object]] = {}
    owners: dict[int, str] = {}
    held = []  # so that no identity is used again
    for uuid, waiting in reached.items():
        seen: set[int] = set()
        while waiting:
            value = waiting.pop()
            if id(value) in seen:
                continue
            seen.add(id(value))
            owner = uuid if isinstance(value, _PASSED_THROUGH) else owners.setdefault(id(value), uuid)
            if owner != uuid:
                for other in (owner, uuid):
                    common.setdefault(other, {})[id(value)] = value
                continue
            inside = [parameters.get(value.name)] if isinstance(value, Hyperparameter) else _inside(value)
            held.append(inside)
            waiting += _changeable(inside)
    return common


def _reachable(values: Iterable[Any], ends: Container[int] = ()) -> Iterator[object]:
    """Iterate over the objects in `values`, at any depth, that a call could change; each comes once.

    Args:
        values: Where to begin.
        ends: The identities of objects that are not looked into.
    """
    seen: set[int] = set()
    held = []  # so that no identity is used again
    level = _changeable(values)
    while level:
        new = [value for identity, value in {id(value): value for value in level}.items() if identity not in seen]
        seen.update(map(id, new))
        yield from (value for value in new if not isinstance(value, _PASSED_THROUGH))
        into = [value for value in new if id(value) not in ends] if ends else new
        special = _special()
        inside = [_inside(value) for value in into if isinstance(value, special)]
        inside.append(gc.get_referents(*(value for value in into if not isinstance(value, special))))
        held.append(inside)
        level = [value for values in inside for value in _changeable(values)]


def _has_state(value: object) -> bool:
    """Return whether an object can change: by convention, it is not hashed by value, or its attributes can be set."""
    kind = type(value)
    hashed = kind.__hash__
    if hashed in (None, object.__hash__):
        return True
    return (
        type(hashed) is FunctionType
        and kind.__setattr__ is object.__setattr__  # frozen classes have one of their own
        and not is_standard_module(hashed.__module__)  # whose values never change
    )


def _changeable(values: Iterable[Any]) -> list[Any]:
    """Return those of the values that a call could change, or change something inside of."""
    return [
        value
        for value in values
        if type(value) not in _FIXED
        and not isinstance(value, _LEAVES)
        and not (isinstance(value, _FUNCTIONS) and not _changeable(_inside(value)))
    ]


def _special() -> tuple[type, ...]:
    """Return the types whose referents the garbage collector does not list as needed here."""
    numpy = sys.modules.get("numpy")
    return _FUNCTIONS if numpy is None else (*_FUNCTIONS, numpy.ndarray)


def _inside(value: Any) -> Iterable[Any]:
    """Return what an object refers to, as the garbage collector lists it."""
    if isinstance(value, FunctionType):  # but not the module that it is of
        return value.__closure__, value.__defaults__, value.__kwdefaults__
    if isinstance(value, BuiltinFunctionType):
        return (value.__self__,)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):  # which takes no part in it
        return (value.base, *(value.ravel().tolist() if value.dtype.hasobject else ()))
    return gc.get_referents(value)
