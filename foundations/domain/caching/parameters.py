"""The parameters of a stage's function, to which its arguments are bound when its key is made."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import FunctionType, MethodType
from typing import Any, NamedTuple

_VARARGS, _VARKEYWORDS = 0x04, 0x08  # flags of code objects, as in `inspect`


class Parameters(NamedTuple):
    """The parameters that a call may give.

    Attributes:
        positional: The names of those that may be given by position, in order.
        positional_only: How many of these cannot be given by name.
        defaults: The defaults by name.
        names: The names of all that can be given by name.
        others: The name of the parameter that takes keyword arguments of any name, with its asterisks; empty where none
            does.
    """

    positional: tuple[str, ...] = ()
    positional_only: int = 0
    defaults: Mapping[str, object] = {}
    names: frozenset[str] = frozenset()
    others: str = "keyword arguments"

    def missing_defaults(self, count: int, keywords: Mapping[str, object]) -> dict[str, object]:
        """Return the defaults that a call leaves in force, by the labels of their parameters.

        Args:
            count: The number of its positional arguments.
            keywords: Its keyword arguments.
        """
        by_position, hidden = self.positional[:count], self.positional[: self.positional_only]
        return {
            f"{name}/" if name in keywords else name: value
            for name, value in self.defaults.items()
            if name not in by_position and (name not in keywords or name in hidden)
        }

    def other_keywords(self, keywords: Mapping[str, object]) -> list[str]:
        """Return the names of the keyword arguments that no parameter has, in their order, which the function sees."""
        return [name for name in keywords if name not in self.names] if self.others else []


def parameters_of(function: Any) -> Parameters:
    """Return the parameters of a function, bound method, partial or class; no names where they cannot be determined.

    A wrapper counts by its own parameters, since it need not treat arguments as the function does that it wraps.
    """
    if isinstance(function, functools.partial):
        return _parameters_of_partial(function)
    if isinstance(function, functools._lru_cache_wrapper):
        return parameters_of(function.__wrapped__)
    if isinstance(function, MethodType):
        return _without_first(parameters_of(function.__func__))
    if isinstance(function, FunctionType):
        return _parameters_of_function(function)
    if type(function) is type and all("__new__" not in vars(base) for base in function.__mro__[:-1]):
        return _without_first(parameters_of(vars(function).get("__init__")))
    return Parameters()


def _parameters_of_function(function: FunctionType) -> Parameters:
    code, defaults = function.__code__, function.__defaults__ or ()
    named = code.co_argcount + code.co_kwonlyargcount
    positional = code.co_varnames[: code.co_argcount]
    position = named + bool(code.co_flags & _VARARGS)
    return Parameters(
        positional,
        code.co_posonlyargcount,
        dict(zip(positional[len(positional) - len(defaults) :], defaults, strict=True))
        | (function.__kwdefaults__ or {}),
        frozenset(code.co_varnames[code.co_posonlyargcount : named]),
        f"**{code.co_varnames[position]}" if code.co_flags & _VARKEYWORDS else "",
    )


def _parameters_of_partial(function: functools.partial[Any]) -> Parameters:
    inner, count = parameters_of(function.func), len(function.args)
    if any(type(argument).__name__ == "_PlaceholderType" for argument in function.args):  # since Python 3.14
        return Parameters()
    by_position = inner.positional[:count]
    given = {name: value for name, value in function.keywords.items() if name in inner.names}
    left = inner.positional[count:]
    first_given = next((index for index, name in enumerate(left) if name in given), len(left))
    return inner._replace(
        positional=left[:first_given],  # those after one that is given by name cannot be given by position
        positional_only=max(inner.positional_only - count, 0),
        defaults={**{name: value for name, value in inner.defaults.items() if name not in by_position}, **given},
    )


def _without_first(parameters: Parameters) -> Parameters:
    """Return the parameters without ``self``."""
    if not parameters.positional:
        return parameters
    first = parameters.positional[0]
    return parameters._replace(
        positional=parameters.positional[1:],
        positional_only=max(parameters.positional_only - 1, 0),
        defaults={name: value for name, value in parameters.defaults.items() if name != first},
        names=parameters.names - {first},
    )
