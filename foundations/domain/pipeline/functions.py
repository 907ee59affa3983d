"""Functions that stages call: their short names, and those of which no stage can be made."""

from __future__ import annotations

import functools
from typing import Any

from foundations.errors import PipelineError

_COROUTINE = 0x80  # inspect.CO_COROUTINE; inspect takes long to import
_ANY_GENERATOR = 0x20 | 0x200  # inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


def short_name(function: Any) -> str:
    """Return a short name for anything that can be called.

    >>> import functools
    >>> short_name(functools.partial(sorted, reverse=True))
    'sorted'
    """
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None) or type(function).__qualname__
    return str(name).rpartition("<locals>.")[2]


def refuse_suspended(function: Any) -> None:
    """Raise :class:`PipelineError` where a call of `function` returns before its code has run."""
    plain = function
    while isinstance(plain, functools.partial):
        plain = plain.func
    if not hasattr(plain, "__code__"):  # a method has its function's
        plain = vars(type(plain)).get("__call__", plain)
    flags = getattr(getattr(plain, "__code__", None), "co_flags", 0)
    name = short_name(function)
    if flags & _COROUTINE:
        raise PipelineError(
            f"{name} cannot be a stage: it is an async function, whose call returns a coroutine that nothing awaits."
            f" Make a stage of a plain function that returns asyncio.run({name}(...))"
        )
    if flags & _ANY_GENERATOR:
        raise PipelineError(
            f"{name} cannot be a stage: it is a generator function, and a generator cannot be stored, or used by two"
            f" stages. Return a list: make a stage of a plain function that returns list({name}(...))"
        )
