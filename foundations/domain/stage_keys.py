"""Content keys of a pipeline's stages: digests over code and arguments, where a stage stands for its key."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FunctionType, MethodType
from typing import Any

from foundations.domain.arguments import Reference, Template, replace
from foundations.domain.cache_recipe import Argument, Recipe
from foundations.domain.code_closure import Closures
from foundations.domain.hyperparameter import Hyperparameter
from foundations.domain.pipeline import Node
from foundations.domain.secrets import looks_secret
from foundations.domain.stage import exactly
from foundations.domain.value_digests import UndigestibleError

_LONGEST_SHOWN = 60
_SHORT = (int, float, complex, bool, str, bytes, type(None))


class UndeterminedKeyError(Exception):
    """An argument is the output of a stage that has no key, and that output is not known yet."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class KeyedOutput:
    """Stands, inside a container, for the output of a stage that has a key."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __reduce__(self) -> tuple[Any, ...]:
        return KeyedOutput, (self.key,)


class StageKeys:
    """Makes the recipes, and so the keys, of stages.

    Args:
        closures: Follows the code.
        parameters: The hyperparameters' values.
    """

    def __init__(self, closures: Closures, parameters: Mapping[str, Any]) -> None:
        self._closures = closures
        self._parameters = parameters

    def recipe(
        self, name: str, node: Node, keys: Mapping[int, str], outputs: Mapping[int, Any], names: Callable[[int], str]
    ) -> Recipe:
        """Return what the key of a stage is made of.

        Args:
            name: The stage's name.
            node: The stage.
            keys: The keys of stages that it depends on and that have one, by position.
            outputs: The outputs of those that have none.
            names: Returns what a stage is called.

        Raises:
            UndigestibleError: There is none; the message says what stands in the way.
            UndeterminedKeyError: It depends on an output that `outputs` lacks.
        """
        closure = self._closures.of(node.function, node.hints)
        ignored = node.hints.ignore
        arguments = [
            self._argument(label, value, keys, outputs, names)
            for label, value in _labelled(node)
            if label not in ignored
        ]
        given = {value.index for value in _references(node)}
        arguments += [
            Argument(f"after {names(other)}", keys[other])
            for other in node.upstream
            if other in keys and other not in given
        ]
        return Recipe(name, closure, tuple(arguments), self._closures.python)

    def follow(self, node: Node) -> None:
        """Follow the code of a stage now; what comes of it is remembered, whatever changes afterwards."""
        with suppress(UndigestibleError):  # told again where the key is asked for
            self._closures.of(node.function, node.hints)

    def digest(self, value: object, where: str) -> bytes:
        """Return the content digest of a value.

        Raises:
            UndigestibleError: It has none.
        """
        return self._closures.values.digest(value, where)

    def _argument(
        self, label: str, value: Any, keys: Mapping[int, str], outputs: Mapping[int, Any], names: Callable[[int], str]
    ) -> Argument:
        shown = ""
        if isinstance(value, Reference):
            if value.index in keys:
                return Argument(label, f"stage {keys[value.index]}", f"output of {names(value.index)}")
            value, shown = _known(outputs, value.index), f"output of {names(value.index)}"
        elif isinstance(value, Hyperparameter):
            value = self._parameters[value.name]
        elif isinstance(value, Template):
            value = replace(value.value, lambda item: self._stand_in(item, keys, outputs), (Reference, Hyperparameter))
        digest = self._closures.values.digest(value, f"argument {label}")
        return Argument(label, digest.hex(), shown or _shown(label, value))

    def _stand_in(self, item: Any, keys: Mapping[int, str], outputs: Mapping[int, Any]) -> Any:
        if isinstance(item, Hyperparameter):
            return self._parameters[item.name]
        return KeyedOutput(keys[item.index]) if item.index in keys else _known(outputs, item.index)


def is_selection(node: Node) -> bool:
    """Tell whether a stage only takes an item of another's output, which is cheaper than keeping it."""
    return node.function is operator.getitem or node.function is exactly


def _known(outputs: Mapping[int, Any], index: int) -> Any:
    if index not in outputs:
        raise UndeterminedKeyError(index)
    return outputs[index]


def _labelled(node: Node) -> list[tuple[str, Any]]:
    """Return the arguments of a stage by their parameters' names, where these can be told."""
    function = node.function
    names: tuple[str, ...] = ()
    if isinstance(function, MethodType):
        names = function.__func__.__code__.co_varnames[1 : function.__func__.__code__.co_argcount]
    elif isinstance(function, FunctionType):
        names = function.__code__.co_varnames[: function.__code__.co_argcount]
    labelled = [
        (names[number] if number < len(names) else f"{number + 1}", value)
        for number, value in enumerate(node.arguments)
    ]
    return [*labelled, *sorted(node.keyword_arguments.items())] if node.keyword_arguments else labelled


def _references(node: Node) -> list[Reference]:
    return [value for value in (*node.arguments, *node.keyword_arguments.values()) if isinstance(value, Reference)]


def _shown(name: str, value: object) -> str:
    if looks_secret(name) or not isinstance(value, _SHORT):
        return ""
    if isinstance(value, (str, bytes)) and len(value) > _LONGEST_SHOWN:
        return ""
    shown = repr(value)
    return shown if len(shown) <= _LONGEST_SHOWN else ""
