"""Content keys of a pipeline's stages: digests over code and arguments, where a stage stands for its key."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import MethodType
from typing import Any

from foundations.domain.caching.argument_summary import Appearance, Shown
from foundations.domain.caching.code.closure import Closure, Closures
from foundations.domain.caching.recipe import AFTER, Argument, Recipe
from foundations.domain.caching.values.digests import UndigestibleError
from foundations.domain.pipeline.graph import Node
from foundations.domain.pipeline.hyperparameter import Hyperparameter
from foundations.domain.pipeline.placeholders import Reference, Template, replace
from foundations.domain.pipeline.stage import exactly
from foundations.domain.text.redaction import looks_secret

_HOLES = (Reference, Hyperparameter)
_VARARGS, _VARKEYWORDS = 0x04, 0x08  # flags of code, as `inspect` names them


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
        self._values = closures.values
        self.parameters = parameters
        self._baselines: dict[int, tuple[Closure, list[bytes | None]]] = {}
        self._joined: dict[tuple[int, ...], tuple[Closure, tuple[Closure, ...]]] = {}
        self._names: dict[int, tuple[object, tuple[str, ...]]] = {}

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
        if closure.unknown:
            _refuse_unknown(name, node.function, closure)
        self._closures.met.clear()
        self._closures.asked = closure.asks
        try:
            arguments = [
                self._argument(label, value, keys, outputs, names)
                for label, value in self._labelled(node)
                if label not in ignored
            ]
        finally:
            self._closures.asked = frozenset()
        if self._closures.met:
            closure = self._with_state(closure, tuple(self._closures.met.values()))
        if node.upstream:
            given = {value.index for value in _references(node)}
            arguments += [
                Argument(f"{AFTER}{names(other)}", keys[other], Appearance("", Shown("")))
                for other in node.upstream
                if other in keys and other not in given
            ]
        return Recipe(name, closure, tuple(arguments), self._closures.python)

    def follow(self, node: Node) -> None:
        """Follow the code of a stage now; what comes of it is remembered, whatever changes afterwards."""
        with suppress(Exception):  # it is told where the key is asked for
            self._baseline(self._closures.of(node.function, node.hints))

    def state(self) -> list[tuple[str, object]]:
        """Return what the code that was followed refers to and that can change, as it is now, each with its name."""
        return [(watched.name, watched.get()) for closure, _ in self._baselines.values() for watched in closure.state]

    def _with_state(self, closure: Closure, others: tuple[Closure, ...]) -> Closure:
        """Return the closure of a stage that watches also what the code in its arguments refers to."""
        identity = tuple(map(id, (closure, *others)))
        known = self._joined.get(identity)
        if known is not None:
            return known[0]
        state = [
            held._replace(value=self.digest(held.get(), held.name)) if held.is_mutable else held
            for other in others
            for held in other.state
        ]
        own = zip(closure.state, self._baseline(closure), strict=True)
        state += [held._replace(value=digest) if held.is_mutable else held for held, digest in own]
        texts = [*closure.texts, *(text for other in others for text in other.texts)]
        joined = closure._replace(state=tuple(state), texts=tuple(dict.fromkeys(texts)))
        if not any(held.is_mutable for held in joined.state):
            self._joined[identity] = joined, others  # which are held, so that no identity is used again
        return joined

    def _baseline(self, closure: Closure) -> list[bytes | None]:
        """Return the digests of what a call could change in place; None for what it could only exchange."""
        known = self._baselines.get(id(closure))
        if known is None:
            if any(held.is_mutable and held.value for held in closure.state):  # it was joined, for one call
                return [held.value if held.is_mutable else None for held in closure.state]  # type: ignore[misc]
            digests = [self.digest(held.get(), held.name) if held.is_mutable else None for held in closure.state]
            known = self._baselines[id(closure)] = (closure, digests)
        return known[1]

    def drifted(self, recipe: Recipe) -> str | None:
        """Return the name of what is not as it was when the code was followed, which the key goes by."""
        if not recipe.closure.state:
            return None
        for (name, get, value, _), digest in zip(recipe.closure.state, self._baseline(recipe.closure), strict=True):
            now = get()
            if digest is None and now is value:
                continue
            if self.digest(now, name) != (digest or self.digest(value, name)):
                return name
        return None

    def here(self, path: str) -> str:
        """Return where a file or directory lies that `depends_on` names."""
        return self._closures.surroundings.here(path)

    def digest(self, value: object, where: str) -> bytes:
        """Return the content digest of a value.

        Raises:
            UndigestibleError: It has none.
        """
        return self._values.digest(value, where)

    def _labelled(self, node: Node) -> Iterable[tuple[str, Any]]:
        """Return the arguments of a stage by their parameters' names, where these can be told."""
        known = self._names.get(id(node.function))
        if known is None:
            known = self._names[id(node.function)] = (node.function, _parameter_names(node.function))
        names, count = known[1], len(node.arguments)
        if count <= len(names) and not node.keyword_arguments:
            return zip(names, node.arguments, strict=False)
        labelled = list(zip(names, node.arguments, strict=False))
        if count > len(names):
            labelled += [(f"*{number + 1}", node.arguments[number]) for number in range(len(names), count)]
        if not node.keyword_arguments:
            return labelled
        # a keyword of the same name is another argument: the one before is positional only
        labelled = [(f"{label}/" if label in node.keyword_arguments else label, value) for label, value in labelled]
        return [*labelled, *node.keyword_arguments.items()]

    def _argument(
        self, label: str, value: Any, keys: Mapping[int, str], outputs: Mapping[int, Any], names: Callable[[int], str]
    ) -> Argument:
        held = value
        if type(value) is Template:
            held = replace(value.value, lambda item: self._appearing(item, keys, names), _HOLES)
            value = replace(value.value, lambda item: self._stand_in(item, keys, outputs), _HOLES)
        elif isinstance(value, _HOLES):
            held = self._appearing(value, keys, names)
            if type(value) is Reference and value.index in keys:
                return Argument(label, f"stage {keys[value.index]}", Appearance(label, held))
            value = self._stand_in(value, keys, outputs)
        return Argument(label, self._values.digest(value, f"argument {label}").hex(), Appearance(label, held))

    def _appearing(self, item: Any, keys: Mapping[int, str], names: Callable[[int], str]) -> object:
        """Return what is told of a hole's value."""
        if isinstance(item, Hyperparameter):
            return Shown("") if looks_secret(item.name) else self.parameters[item.name]
        return Shown(f"output of {names(item.index)}", keys.get(item.index, ""))

    def _stand_in(self, item: Any, keys: Mapping[int, str], outputs: Mapping[int, Any]) -> Any:
        if isinstance(item, Hyperparameter):
            return self.parameters[item.name]
        return KeyedOutput(keys[item.index]) if item.index in keys else _known(outputs, item.index)


def is_selection(node: Node) -> bool:
    """Tell whether a stage only takes an item of another's output, which is cheaper than keeping it."""
    return node.function is operator.getitem or node.function is exactly


def _known(outputs: Mapping[int, Any], index: int) -> Any:
    if index not in outputs:
        raise UndeterminedKeyError(index)
    return outputs[index]


def _parameter_names(function: Any) -> tuple[str, ...]:
    """Return the names of the parameters of a function, where these can be told."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None:
        return ()
    return tuple(code.co_varnames[isinstance(function, MethodType) : code.co_argcount])


def _refuse_unknown(stage: str, function: Any, closure: Closure) -> None:
    """Raise where `ignore` names what there is not: an author who has mistyped a name believes that it does not count.

    Raises:
        UndigestibleError: It does.
    """
    while isinstance(function, functools.partial):
        function = function.func
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None or code.co_flags & _VARKEYWORDS:  # it may take an argument of any name
        return
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & _VARARGS)]
    unknown = next((name for name in closure.unknown if name not in parameters), None)
    if unknown is not None:
        import difflib

        names = sorted({*parameters, *closure.variables})
        nearest = difflib.get_close_matches(unknown, names, n=1)
        known = f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(names[:20]) or 'none'}"
        raise UndigestibleError(
            f"ignore names {unknown!r}, which is neither an argument of {stage} nor a variable that its code meets;"
            f" {known}"
        )


def _references(node: Node) -> list[Reference]:
    return [value for value in (*node.arguments, *node.keyword_arguments.values()) if isinstance(value, Reference)]
