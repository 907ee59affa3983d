"""The options that all commands have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

Parsed = TypeVar("Parsed", int, float, str)


def parser(parse: Callable[[str], Parsed]) -> Callable[[str], Parsed]:
    """Return `parse` as the parser of an option: its ValueError becomes an error in the usage, with the same text."""

    def checked(text: str) -> Parsed:
        try:
            return parse(text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error

    return checked


AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document: sizes in bytes, times in seconds since the epoch.")
]
EnvironmentName = Annotated[
    str | None,
    typer.Option("--environment", metavar="NAME", help="Use config/NAME.config.yaml, as set_environment(NAME) does."),
]
ConfigFiles = Annotated[
    list[Path] | None,
    typer.Option("--config", metavar="FILE", help="Add a configuration file, as add_config_path(FILE) does."),
]
