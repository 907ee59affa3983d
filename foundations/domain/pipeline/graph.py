"""Flat pipelines: the graph behind a stage as a list of nodes, each after the ones it depends on.

The flat form is what is serialised and what is executed, so that neither needs recursion: a chain of a hundred
thousand stages is a list like any other.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from foundations.domain.pipeline.cache_policy import NO_HINTS, CacheHints, Caching
from foundations.domain.pipeline.functions import short_name
from foundations.domain.pipeline.hyperparameter import Hyperparameter
from foundations.domain.pipeline.placeholders import Reference, Template, find, replace
from foundations.domain.pipeline.stage import Stage, exactly
from foundations.errors import PipelineError

_PLAIN = frozenset({int, float, bool, str, bytes, type(None), complex})
_KINDS = (Stage, Hyperparameter)
_HOLES = (Reference, Hyperparameter)


class Node(NamedTuple):
    """One stage of a flat pipeline.

    Attributes:
        function: What is called.
        arguments: Its arguments; a stage among them is a :class:`Reference`, a container with one a
            :class:`Template`.
        keyword_arguments: Likewise, by name.
        upstream: The positions of the stages that run before it.
        uuid: The stage's identifier.
        persisted: Whether its output is archived.
        caching: How its output may come from the cache; None where it may not.
        hints: What the function's author states about it for the cache.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keyword_arguments: dict[str, Any]
    upstream: tuple[int, ...]
    uuid: str
    persisted: bool
    caching: Caching | None = None
    hints: CacheHints = NO_HINTS


class Pipeline(NamedTuple):
    """A flat pipeline. The last node is the stage that it was made of.

    Attributes:
        nodes: The stages, each after the ones it depends on.
        hyperparameters: The names of the holes to fill.
    """

    nodes: tuple[Node, ...]
    hyperparameters: frozenset[str]

    @classmethod
    def of(cls, target: Stage) -> Pipeline:
        """Flatten the graph behind `target`.

        Raises:
            PipelineError: A stage depends on itself, or is in a place where it could not be replaced by its value.
        """
        positions: dict[Stage, int] = {}
        ordered: list[tuple[Stage, tuple[int, ...]]] = []
        hyperparameters: set[str] = set()
        for stage, upstream in _in_order(target, positions, hyperparameters):
            positions[stage] = len(ordered)
            ordered.append((stage, tuple([positions[other] for other in upstream])))
        caching = _caching(ordered)
        nodes = [_node(stage, upstream, positions, caching[index]) for index, (stage, upstream) in enumerate(ordered)]
        return cls(tuple(nodes), frozenset(hyperparameters))

    def name(self, index: int) -> str:
        """Return a short name for the node at `index`: its function's, with the item that it takes."""
        node = self.nodes[index]
        suffix = ""
        while (
            (node.function is operator.getitem or node.function is exactly)
            and len(node.arguments) == 2
            and type(node.arguments[0]) is Reference
        ):
            if node.function is operator.getitem:
                suffix = f"[{node.arguments[1]!r:.20}]{suffix}"
            elif not suffix:
                suffix = f".split({node.arguments[1]})"
            if len(suffix) > 40:
                break
            node = self.nodes[node.arguments[0].index]
        return short_name(node.function) + suffix


def _in_order(
    target: Stage, positions: dict[Stage, int], hyperparameters: set[str]
) -> Iterator[tuple[Stage, list[Stage]]]:
    """Iterate over the graph behind `target`, upstream first; the caller enters each into `positions`."""
    direct = _direct_upstream(target, hyperparameters)
    stack: list[tuple[Stage, list[Stage], Iterator[Stage]]] = [(target, direct, iter(direct))]
    entered = {target}
    while stack:
        stage, direct, remaining = stack[-1]
        for other in remaining:
            if other in positions:
                continue
            if other in entered:
                raise PipelineError(f"{stage!r} and {other!r} depend on each other; one of them has to come first")
            entered.add(other)
            further = _direct_upstream(other, hyperparameters)
            stack.append((other, further, iter(further)))
            break
        else:
            stack.pop()
            yield stage, direct


def _direct_upstream(stage: Stage, hyperparameters: set[str]) -> list[Stage]:
    """Return the stages that `stage` depends on, each once; add its hyperparameters to the set."""
    found: list[Stage] = []
    for value in (*stage._arguments, *stage._keyword_arguments.values()):
        kind = type(value)
        if kind is Stage:
            found.append(value)
        elif kind not in _PLAIN:
            for item in find(value, _KINDS):
                if isinstance(item, Stage):
                    found.append(item)
                else:
                    hyperparameters.add(item.name)
    function = stage._function
    if getattr(function, "__closure__", None) or isinstance(function, functools.partial):
        for item in _in_function(function):
            raise PipelineError(
                f"{item!r} is in the closure or the partial arguments of {short_name(function)}, where it cannot be"
                " replaced by its output; pass it as an argument"
            )
    found.extend(stage._required)
    return list(dict.fromkeys(found)) if len(found) > 1 else found


def _in_function(function: Any) -> list[Any]:
    found = find(function, _KINDS) if getattr(function, "__closure__", None) else []
    for held in (getattr(function, "args", ()), getattr(function, "keywords", None) or {}):
        found.extend(find(held, _KINDS) if isinstance(held, (tuple, dict)) else [])
    return found


def _caching(ordered: list[tuple[Stage, tuple[int, ...]]]) -> list[Caching | None]:
    """Return each stage's caching policy: its own, or else that of the stages that depend on it."""
    caching: list[Caching | None] = [None] * len(ordered)
    for index in range(len(ordered) - 1, -1, -1):
        stage, upstream = ordered[index]
        if stage._caching is not None:
            caching[index] = stage._caching if stage._caching.enabled else None
        here = caching[index]
        if here is not None:
            for other in upstream:
                caching[other] = here.combine(caching[other])
    return caching


def _node(stage: Stage, upstream: tuple[int, ...], positions: dict[Stage, int], caching: Caching | None) -> Node:
    def reference(item: Any) -> Any:
        return Reference(positions[item]) if isinstance(item, Stage) else item

    def flat(value: Any) -> Any:
        kind = type(value)
        if kind is Stage:
            return Reference(positions[value])
        if kind in _PLAIN or isinstance(value, Hyperparameter) or not find(value, _KINDS):
            return value
        return Template(replace(value, reference, _KINDS))

    return Node(
        function=stage._function,
        arguments=tuple([flat(value) for value in stage._arguments]),
        keyword_arguments={name: flat(value) for name, value in stage._keyword_arguments.items()},
        upstream=upstream,
        uuid=stage.uuid(),
        persisted=stage._persisted,
        caching=caching,
        hints=stage._hints,
    )


class Deferred:
    """An output that is not read before a stage needs it.

    Attributes:
        was_read: Whether it has been read.
    """

    __slots__ = ("_get", "was_read")

    def __init__(self, get: Callable[[], Any]) -> None:
        self._get = get
        self.was_read = False

    def get(self) -> Any:
        """Return the output; the first call reads it."""
        value = self._get()
        self._get = lambda: value
        self.was_read = True
        return value


def resolve(value: Any, outputs: Sequence[Any] | Mapping[int, Any], parameters: Mapping[str, Any]) -> Any:
    """Return one argument of a node with references and hyperparameters replaced by their values."""
    kind = type(value)
    if kind is Reference:
        output = outputs[value.index]
        return output.get() if type(output) is Deferred else output
    if kind is Template:
        return replace(value.value, lambda item: resolve(item, outputs, parameters), _HOLES)
    if isinstance(value, Hyperparameter):
        return parameters[value.name]
    return value
