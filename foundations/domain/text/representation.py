"""Calls and values as a person reads them: short, whatever they hold."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

from foundations.domain.text.redaction import looks_secret, without_secrets

_LONGEST_ARGUMENTS = 6


def _short_repr() -> reprlib.Repr:
    short = reprlib.Repr()
    short.maxstring = short.maxother = 60
    short.maxlevel = 3
    short.maxlist = short.maxtuple = short.maxdict = 5
    return short


_SHORT = _short_repr()


def short(value: object) -> str:
    """Return a representation of at most about 60 characters and one line, of whatever kind of object.

    >>> short(list(range(1000)))
    '[0, 1, 2, 3, 4, ...]'
    """
    try:
        return " ".join(_SHORT.repr(value).split())
    except Exception as error:  # a number of thousands of digits, a class that is called like one of Python's
        return f"<{type(value).__qualname__}, whose repr raises {type(error).__name__}>"


def describe_call(name: str, arguments: Sequence[Any], keyword_arguments: Mapping[str, Any]) -> str:
    """Return a call as one would write it, its arguments abbreviated, those named like secrets left out.

    >>> describe_call("train", [3], {"rate": 0.1, "password": "hunter2"})
    'train(3, rate=0.1, password=...)'
    """
    parts = [short(without_secrets(value, 4)) for value in arguments[:_LONGEST_ARGUMENTS]]
    named = list(keyword_arguments.items())[:_LONGEST_ARGUMENTS]
    parts += [f"{key}={'...' if looks_secret(key) else short(without_secrets(value, 4))}" for key, value in named]
    left_out = len(arguments) + len(keyword_arguments) - len(parts)
    if left_out:
        parts.append(f"... {left_out} more")
    return f"{name}({', '.join(parts)})"
