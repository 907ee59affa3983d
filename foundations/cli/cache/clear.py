"""``foundations cache clear``."""

from __future__ import annotations

import sys
from typing import Annotated

import attrs
import typer

from foundations.cli import output
from foundations.cli.cache.removals import exit_on_failure, write_removal
from foundations.cli.configuration import ConfiguredCache, read_cache
from foundations.cli.options import AsJson, ConfigFiles, EnvironmentName
from foundations.cli.quantities import count_text, size_text
from foundations.escaping import escape_unprintable

EXAMPLES = """\b
Examples:
  foundations cache clear
  foundations cache clear --yes"""


def clear(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; needed where there is no terminal.")] = False,
    as_json: AsJson = False,
    environment: EnvironmentName = None,
    config: ConfigFiles = None,
) -> None:
    """Remove all entries.

    It asks before it does. Jobs may run meanwhile: what they have got from the cache stays theirs, and what they miss
    they compute.
    """
    from foundations.app.use_cases.manage_cache import clear as clear_cache

    if not yes and not output.is_terminal(sys.stdin):
        context.fail("There is no terminal to ask on: give --yes if all entries of the cache are to go.")
    configured = read_cache(environment, config, imports_project=True)
    if not yes and not output.confirm(_question(configured)):
        output.write_note("Nothing was removed.")
        raise typer.Exit(1)
    report = clear_cache(configured.cache)
    if as_json:
        output.write_json({"cache": configured.name, **attrs.asdict(report, recurse=False)})
    else:
        write_removal(report)
    exit_on_failure(report)


def _question(configured: ConfiguredCache) -> str:
    from foundations.app.use_cases.manage_cache import compute_statistics

    statistics = compute_statistics(configured.cache)
    amount = f"{count_text(statistics.entries)}, {size_text(statistics.size)}"
    return f"Remove {amount}, of {escape_unprintable(configured.name)}?"
