"""The names by which a stage's arguments are recognised as secrets: of parameters, and of hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any

from foundations.domain.pipeline.hyperparameter import Hyperparameter
from foundations.domain.text.redaction import REDACTED, is_sensitive_name
from foundations.domain.text.representation import describe_call

if TYPE_CHECKING:
    from foundations.domain.pipeline.graph import Node, Pipeline

_MOST_WRAPPERS = 10
_VARARGS = 0x04  # CO_VARARGS of inspect, which takes too long to import in a job


def describe_stage_call(name: str, node: Node, arguments: Sequence[Any], keyword_arguments: Mapping[str, Any]) -> str:
    """Return a stage's call in Python's notation, abbreviated and without secrets.

    A secret is recognised by the name of its parameter, however it is given, and by that of its hyperparameter.

    Args:
        name: The stage's name.
        node: The stage.
        arguments: Its positional arguments.
        keyword_arguments: Its keyword arguments.
    """
    names = parameter_names(node.function, len(arguments))
    for index, given in enumerate(node.arguments[: len(arguments)]):
        if isinstance(given, Hyperparameter) and is_sensitive_name(given.name):
            names[index] = given.name
    named = dict(keyword_arguments)
    for key, given in node.keyword_arguments.items():
        if key in named and isinstance(given, Hyperparameter) and is_sensitive_name(given.name):
            named[key] = REDACTED
    return describe_call(name, arguments, named, names)


def secret_hyperparameters(pipeline: Pipeline) -> frozenset[str]:
    """Return the names of the hyperparameters that some stage passes on as a parameter which is named like a secret."""
    found = set()
    for node in pipeline.nodes:
        positional = [index for index, given in enumerate(node.arguments) if isinstance(given, Hyperparameter)]
        names = parameter_names(node.function, len(node.arguments)) if positional else []
        bound = [(names[index], node.arguments[index]) for index in positional]
        bound += [(key, given) for key, given in node.keyword_arguments.items() if isinstance(given, Hyperparameter)]
        found |= {given.name for name, given in bound if is_sensitive_name(name)}
    return frozenset(found)


def parameter_names(function: Any, count: int) -> list[str]:
    """Return the names of the parameters that `count` positional arguments are bound to; empty ones where unknown."""
    for _ in range(_MOST_WRAPPERS):
        function = getattr(function, "__wrapped__", function)
    is_class = isinstance(function, type)
    is_bound = is_class or getattr(function, "__self__", None) is not None
    code = getattr(getattr(function, "__init__", None) if is_class else function, "__code__", None)
    if not isinstance(code, CodeType):  # written in C, or an object that can be called
        return [""] * count
    names = list(code.co_varnames[int(is_bound) : code.co_argcount])
    rest = code.co_varnames[code.co_argcount + code.co_kwonlyargcount] if code.co_flags & _VARARGS else ""
    return (names + [rest] * count)[:count]
