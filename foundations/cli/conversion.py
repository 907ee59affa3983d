"""From the text of arguments to values, without what Typer loads for that: it takes longer than most commands run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import typer

Reader = Callable[[str], Any]


def readers_of(function: Callable[..., Any]) -> dict[str, Reader]:
    """Return what reads the parameters of a command, by name: its parser, or what makes a text or a path."""
    found: dict[str, Reader] = {}
    for name, hint in get_type_hints(function, include_extras=True).items():
        if not hasattr(hint, "__metadata__"):
            continue
        kind, described = hint.__origin__, hint.__metadata__[0]
        kinds = [part for part in get_args(kind) if part is not type(None)] or [kind]
        plain = get_args(kinds[0])[0] if get_origin(kinds[0]) is list else kinds[0]
        if described.parser is not None:
            found[name] = described.parser
        elif plain in (str, Path):
            found[name] = plain
    return found


def convert_directly(parameters: list[Any], readers: Mapping[str, Reader]) -> list[Any]:
    """Have parameters of Typer's converted by `readers`, and return them.

    A parameter without a reader is left to Typer where it is given.
    """
    for parameter in parameters:
        if "process_value" not in vars(parameter):
            parameter.process_value = _conversion(parameter, readers.get(parameter.name))
    return parameters


def _conversion(parameter: Any, read: Reader | None) -> Callable[[Any, Any], Any]:
    by_typer = parameter.process_value
    is_several = parameter.multiple or parameter.nargs == -1
    expected = (list, tuple) if is_several else (str,)

    def process_value(context: Any, value: Any) -> Any:
        converted: Any
        if value is None or (is_several and value in ([], ())):
            if parameter.required:
                return by_typer(context, value)
            converted = () if is_several else None
        elif read is None or type(value) not in expected:
            return by_typer(context, value)
        else:
            try:
                converted = [read(item) for item in value] if is_several else read(value)
            except typer.BadParameter as error:
                raise typer.BadParameter(error.message, ctx=context, param=parameter) from error
        return converted if parameter.callback is None else parameter.callback(context, parameter, converted)

    return process_value
