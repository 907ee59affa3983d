"""``foundations``, the command: how it begins, and how errors end it."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from foundations.cli import output
from foundations.cli.commands import COMMANDS
from foundations.cli.groups import STYLE, CommandGroup
from foundations.errors import FoundationsError
from foundations.version import __version__


class _Commands(CommandGroup):
    """Writes an error of ours as one message, without a traceback, and ends with exit code 1."""

    def __init__(self, **options: Any) -> None:
        super().__init__(COMMANDS, **options)

    def main(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().main(*arguments, **options)
        except FoundationsError as error:
            output.write_error(str(error))
        except OSError as error:
            # Stores raise our errors, so this is most likely stdout. The interpreter would flush it again at its end.
            output.discard(sys.stdout)
            output.write_error(str(error))
        sys.exit(1)


def _show_version(is_given: bool) -> None:
    if is_given:
        output.write(f"foundations {__version__}")
        raise typer.Exit


app = typer.Typer(name="foundations", cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False, **STYLE)


@app.callback()
def _foundations(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line of this process; it ends with the command's exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no reason to fail
    app()
