"""``foundations``, the command: its subcommands, and how errors end it."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from foundations.cli import cache_clear, cache_gc, cache_ls, cache_stats, cache_why, config_trust, output
from foundations.errors import FoundationsError
from foundations.version import __version__


class _Commands(TyperGroup):
    """Writes an error of ours as one message, without a traceback, and ends with exit code 1."""

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


def _app(help_text: str, **options: Any) -> typer.Typer:
    # Plain help: half the time to show, nothing cut, and the same in a file as on a terminal.
    return typer.Typer(
        help=help_text,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        **options,
    )


app = _app(
    "Look after what jobs leave: so far, the cache of stages' outputs.",
    name="foundations",
    cls=_Commands,
    epilog=(
        "\b\nExamples:\n  foundations cache stats\n  foundations cache gc --max-size 20GB --older-than 30d --dry-run"
    ),
)
cache = _app(
    "Look at the cache, and make room in it.\n\nIt is the one that the configuration of this directory names.",
    epilog=(
        "\b\nExamples:\n"
        "  foundations cache ls --order size --limit 10\n"
        "  foundations cache why train-20261125-090452-ym4yn\n"
        "  foundations cache gc --max-size 20GB\n"
        "  foundations cache stats --environment staging --json"
    ),
)
app.add_typer(cache, name="cache")
cache.command("stats", epilog=cache_stats.EXAMPLES)(cache_stats.stats)
cache.command("ls", epilog=cache_ls.EXAMPLES)(cache_ls.ls)
cache.command("why", epilog=cache_why.EXAMPLES)(cache_why.why)
cache.command("gc", epilog=cache_gc.EXAMPLES)(cache_gc.gc)
cache.command("clear", epilog=cache_clear.EXAMPLES)(cache_clear.clear)

config = _app("Decide about configuration files.", epilog=config_trust.EXAMPLES)
app.add_typer(config, name="config")
config.command("trust", epilog=config_trust.EXAMPLES)(config_trust.trust)


@config.callback()
def _config() -> None:
    pass  # keeps `trust` a subcommand, though there is only one


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
