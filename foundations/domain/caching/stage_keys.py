"""Content keys of a pipeline's stages: digests of code and arguments, in which a key represents a stage's output."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from foundations.domain.caching.argument_summary import ArgumentSummary, DisplayText
from foundations.domain.caching.code.closure import Closure, Closures
from foundations.domain.caching.parameters import Parameters, parameters_of
from foundations.domain.caching.recipe import AFTER_PREFIX, ORDER_PREFIX, Argument, Recipe
from foundations.domain.caching.values.digests import UndigestibleError
from foundations.domain.pipeline.graph import Node
from foundations.domain.pipeline.hyperparameter import Hyperparameter
from foundations.domain.pipeline.placeholders import Reference, Template, replace
from foundations.domain.pipeline.stage import exactly
from foundations.domain.text.redaction import is_hidden

_PLACEHOLDERS = (Reference, Hyperparameter)
_VARARGS, _VARKEYWORDS = 0x04, 0x08  # flags of code objects, as in `inspect`


class UndeterminedKeyError(Exception):
    """An argument is the output of a stage without a key, and that output is not computed yet."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class KeyedOutput:
    """Represents the output of a stage that has a key, inside a container; its name is part of content keys."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __reduce__(self) -> tuple[Any, ...]:
        return KeyedOutput, (self.key,)


class StageKeys:
    """Makes the recipes of stages, and so their keys.

    Args:
        closures: Computes the code closures.
        parameters: The hyperparameters' values.
    """

    def __init__(self, closures: Closures, parameters: Mapping[str, Any]) -> None:
        self._closures = closures
        self._values = closures.values
        self.parameters = parameters
        self._baselines: dict[int, tuple[Closure, list[bytes | None]]] = {}
        self._extended: dict[tuple[int, ...], tuple[Closure, tuple[Closure, ...]]] = {}
        self._parameters: dict[int, tuple[object, Parameters]] = {}

    def recipe(
        self,
        name: str,
        node: Node,
        keys: Mapping[int, str],
        outputs: Mapping[int, Any],
        stage_name: Callable[[int], str],
    ) -> Recipe:
        """Return the recipe of a stage.

        Args:
            name: The stage's name.
            node: The stage.
            keys: The keys of the stages that it depends on and that have one, by position.
            outputs: The outputs of those that have none, by position.
            stage_name: Returns the name of the stage at a position.

        Raises:
            UndigestibleError: The stage has no key; the message gives the reason.
            UndeterminedKeyError: The key depends on an output that `outputs` lacks.
        """
        closure = self._closures.closure_of(node.function, node.hints)
        ignored = node.hints.ignore
        if closure.unknown_ignores:
            _check_ignored_names(name, node.function, closure)
        parameters = self._parameters_of(node.function)
        self._closures.argument_closures.clear()
        self._closures.introspective_names = closure.introspective_names
        try:
            arguments = [
                self._make_argument(label, value, keys, outputs, stage_name)
                for label, value in _label_arguments(node, parameters.positional)
                if label not in ignored
            ]
            if parameters.defaults or node.keyword_arguments:
                arguments += self._implied_arguments(node, parameters)
        finally:
            self._closures.introspective_names = frozenset()
        if self._closures.argument_closures:
            closure = self._extend_with_state(closure, tuple(self._closures.argument_closures.values()))
        if node.upstream:
            given = {value.index for value in _references(node)}
            arguments += [
                Argument(f"{AFTER_PREFIX}{stage_name(other)}", keys[other], ArgumentSummary("", DisplayText("")))
                for other in node.upstream
                if other in keys and other not in given
            ]
        return Recipe(name, closure, tuple(arguments), self._closures.python)

    def follow(self, node: Node) -> None:
        """Compute the code closure of a stage now; later changes of the code do not affect it."""
        with suppress(Exception):  # the error is raised again by `recipe`
            self._baseline(self._closures.closure_of(node.function, node.hints))

    def state(self) -> list[tuple[str, object]]:
        """Return the present state that the followed code refers to and that can change, each item with its name."""
        return [(watched.name, watched.get()) for closure, _ in self._baselines.values() for watched in closure.state]

    def _extend_with_state(self, closure: Closure, others: tuple[Closure, ...]) -> Closure:
        """Return the closure of a stage extended by the state that the code in its arguments refers to."""
        identity = tuple(map(id, (closure, *others)))
        known = self._extended.get(identity)
        if known is not None:
            return known[0]
        state = [
            item._replace(value=self.digest(item.get(), item.name)) if item.is_mutable else item
            for other in others
            for item in other.state
        ]
        own = zip(closure.state, self._baseline(closure), strict=True)
        state += [item._replace(value=digest) if item.is_mutable else item for item, digest in own]
        texts = [*closure.texts, *(text for other in others for text in other.texts)]
        extended = closure._replace(state=tuple(state), texts=tuple(dict.fromkeys(texts)))
        if not any(item.is_mutable for item in extended.state):
            self._extended[identity] = extended, others  # they are held, so that no identity is used again
        return extended

    def _baseline(self, closure: Closure) -> list[bytes | None]:
        """Return the digests of state that a call could change in place; None for state that it could only replace."""
        known = self._baselines.get(id(closure))
        if known is None:
            if any(item.is_mutable and item.value for item in closure.state):  # it was extended for one call
                return [item.value if item.is_mutable else None for item in closure.state]  # type: ignore[misc]
            digests = [self.digest(item.get(), item.name) if item.is_mutable else None for item in closure.state]
            known = self._baselines[id(closure)] = (closure, digests)
        return known[1]

    def find_changed_state(self, recipe: Recipe) -> str | None:
        """Return the name of a state that has changed since the code was followed; None where none has."""
        if not recipe.closure.state:
            return None
        for (name, get, value, _), digest in zip(recipe.closure.state, self._baseline(recipe.closure), strict=True):
            now = get()
            if digest is None and now is value:
                continue
            if self.digest(now, name) != (digest or self.digest(value, name)):
                return name
        return None

    def resolve_path(self, path: str) -> str:
        """Return the absolute path of a file or directory that `depends_on` names."""
        return self._closures.environment.resolve_path(path)

    def digest(self, value: object, where: str) -> bytes:
        """Return the content digest of a value.

        Raises:
            UndigestibleError: The value has none.
        """
        return self._values.digest(value, where)

    def _parameters_of(self, function: Any) -> Parameters:
        known = self._parameters.get(id(function))
        if known is None:
            known = self._parameters[id(function)] = (function, parameters_of(function))
        return known[1]

    def _implied_arguments(self, node: Node, parameters: Parameters) -> Iterator[Argument]:
        """Yield what counts beside the arguments: defaults that are in force, the order of ``**kwargs``."""
        ignored = node.hints.ignore
        for label, value in parameters.missing_defaults(len(node.arguments), node.keyword_arguments).items():
            if label not in ignored:
                with suppress(UndigestibleError):  # then no argument is equal to it
                    digest = self._values.digest(value, f"the default of {label}").hex()
                    yield Argument(label, digest, ArgumentSummary(label, value))
        others = [name for name in parameters.other_keywords(node.keyword_arguments) if name not in ignored]
        if len(others) > 1:
            label = ORDER_PREFIX + parameters.others
            digest = self._values.digest(others, label).hex()
            yield Argument(label, digest, ArgumentSummary(label, DisplayText(", ".join(others))))

    def _make_argument(
        self,
        label: str,
        value: Any,
        keys: Mapping[int, str],
        outputs: Mapping[int, Any],
        stage_name: Callable[[int], str],
    ) -> Argument:
        display = value
        if type(value) is Template:
            display = replace(
                value.value, lambda item: self._display_placeholder(item, keys, stage_name), _PLACEHOLDERS
            )
            value = replace(value.value, lambda item: self._fill_placeholder(item, keys, outputs), _PLACEHOLDERS)
        elif isinstance(value, _PLACEHOLDERS):
            display = self._display_placeholder(value, keys, stage_name)
            if type(value) is Reference and value.index in keys:
                return Argument(label, f"stage {keys[value.index]}", ArgumentSummary(label, display))
            value = self._fill_placeholder(value, keys, outputs)
        return Argument(label, self._values.digest(value, f"argument {label}").hex(), ArgumentSummary(label, display))

    def _display_placeholder(self, item: Any, keys: Mapping[int, str], stage_name: Callable[[int], str]) -> object:
        """Return what a summary shows for a placeholder."""
        if isinstance(item, Hyperparameter):
            return DisplayText("") if is_hidden(item.name, self.parameters[item.name]) else self.parameters[item.name]
        return DisplayText(f"output of {stage_name(item.index)}", keys.get(item.index, ""))

    def _fill_placeholder(self, item: Any, keys: Mapping[int, str], outputs: Mapping[int, Any]) -> Any:
        if isinstance(item, Hyperparameter):
            return self.parameters[item.name]
        return KeyedOutput(keys[item.index]) if item.index in keys else _read_output(outputs, item.index)


def is_selection(node: Node) -> bool:
    """Return whether a stage only takes an item of another's output, which is cheaper than storing the item."""
    return node.function is operator.getitem or node.function is exactly


def _label_arguments(node: Node, names: Sequence[str]) -> Iterable[tuple[str, Any]]:
    """Return the arguments of a stage by the names of their parameters, where these are available."""
    count = len(node.arguments)
    if count <= len(names) and not node.keyword_arguments:
        return zip(names, node.arguments, strict=False)
    labelled = list(zip(names, node.arguments, strict=False))
    if count > len(names):
        labelled += [(f"*{number + 1}", node.arguments[number]) for number in range(len(names), count)]
    if not node.keyword_arguments:
        return labelled
    # a keyword of the same name is another argument; the labelled parameter is positional only
    labelled = [(f"{label}/" if label in node.keyword_arguments else label, value) for label, value in labelled]
    return [*labelled, *node.keyword_arguments.items()]


def _read_output(outputs: Mapping[int, Any], index: int) -> Any:
    if index not in outputs:
        raise UndeterminedKeyError(index)
    return outputs[index]


def _check_ignored_names(stage: str, function: Any, closure: Closure) -> None:
    """Raise for a name in `ignore` that the code does not use: a mistyped name would count against the author's intent.

    Raises:
        UndigestibleError: There is such a name.
    """
    while isinstance(function, functools.partial):
        function = function.func
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None or code.co_flags & _VARKEYWORDS:  # it may take an argument of any name
        return
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & _VARARGS)]
    unknown = next((name for name in closure.unknown_ignores if name not in parameters), None)
    if unknown is not None:
        import difflib

        names = sorted({*parameters, *closure.variables})
        nearest = difflib.get_close_matches(unknown, names, n=1)
        known = f"did you mean {nearest[0]!r}?" if nearest else f"valid names: {', '.join(names[:20]) or 'none'}"
        raise UndigestibleError(
            f"ignore has {unknown!r}, which is neither an argument of {stage} nor a variable in its code; {known}"
        )


def _references(node: Node) -> list[Reference]:
    return [value for value in (*node.arguments, *node.keyword_arguments.values()) if isinstance(value, Reference)]
