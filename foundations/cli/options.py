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


def complete_job_names(incomplete: str) -> list[str]:
    """Return the latest names of jobs that begin so; none where they cannot be read, since a shell shows no error."""
    from foundations.app.use_cases.jobs.names import list_names
    from foundations.cli.configuration import read_settings
    from foundations.errors import FoundationsError

    try:
        return list_names(read_settings(None, None), incomplete)
    except (FoundationsError, OSError):
        return []


JobName = Annotated[
    str, typer.Argument(metavar="JOB", help="The job's name.", autocompletion=complete_job_names, show_default=False)
]
JobNames = Annotated[
    list[str],
    typer.Argument(metavar="JOB", help="Names of jobs.", autocompletion=complete_job_names, show_default=False),
]
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
