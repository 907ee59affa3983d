"""Short representations of calls and values, whatever their size."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

from foundations.domain.text.redaction import is_hidden, redact, redact_text

_MAX_ARGUMENTS = 6


def _make_repr() -> reprlib.Repr:
    short = reprlib.Repr()
    short.maxstring = short.maxother = 60
    short.maxlevel = 3
    short.maxlist = short.maxtuple = short.maxdict = 5
    return short


_SHORT = _make_repr()


def short_repr(value: object) -> str:
    """Return a representation of any object in one line of about 60 characters at most.

    >>> short_repr(list(range(1000)))
    '[0, 1, 2, 3, 4, ...]'
    """
    try:
        return redact_text(" ".join(_SHORT.repr(redact(value, 4)).split()))
    except Exception as error:  # a huge number, or a class that is named like one of Python's
        return f"<{type(value).__qualname__}, whose repr raises {type(error).__name__}>"


def describe_call(
    name: str, arguments: Sequence[Any], keyword_arguments: Mapping[str, Any], parameters: Sequence[str] = ()
) -> str:
    """Return a call in Python's notation; its arguments are abbreviated, and redacted where named like secrets.

    Args:
        name: The name of what is called.
        arguments: The positional arguments.
        keyword_arguments: The keyword arguments.
        parameters: The names of the parameters that the positional arguments are bound to, as far as they are known.

    >>> describe_call("train", [3], {"rate": 0.1, "password": "hunter2"})
    'train(3, rate=0.1, password=...)'
    >>> describe_call("connect", ["bob", "hunter2"], {}, ["user", "password"])
    "connect('bob', ...)"
    """
    names = [*parameters, *[""] * len(arguments)]
    parts = [_describe(names[index], value) for index, value in enumerate(arguments[:_MAX_ARGUMENTS])]
    parts += [f"{key}={_describe(key, value)}" for key, value in list(keyword_arguments.items())[:_MAX_ARGUMENTS]]
    left_out = len(arguments) + len(keyword_arguments) - len(parts)
    if left_out:
        parts.append(f"... {left_out} more")
    return f"{name}({', '.join(parts)})"


def _describe(name: str, value: Any) -> str:
    return "..." if is_hidden(name, value) else short_repr(value)
