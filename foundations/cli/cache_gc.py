"""``foundations cache gc``."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from foundations.cli import output
from foundations.cli.configured import configured_cache
from foundations.cli.options import AsJson, ConfigFiles, EnvironmentName, parser
from foundations.cli.quantities import parsed_duration, parsed_size
from foundations.cli.removals import end, show_outlook, show_removal

EXAMPLES = """\b
Examples:
  foundations cache gc --max-size 20GB
  foundations cache gc --older-than 30d
  foundations cache gc --max-size 20GB --older-than 30d --dry-run"""


def gc(
    context: typer.Context,
    max_size: Annotated[
        int | None,
        typer.Option(
            parser=parser(parsed_size),
            metavar="SIZE",
            help="Remove the least recently used until the rest fits, as in 20GB, 500MB or 1.5GiB.",
        ),
    ] = None,
    older_than: Annotated[
        float | None,
        typer.Option(
            parser=parser(parsed_duration),
            metavar="DURATION",
            help="Remove what has not been used for so long, as in 30d, 12h, 90m, 45s or 2w.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing; list what would go.")] = False,
    as_json: AsJson = False,
    environment: EnvironmentName = None,
    config: ConfigFiles = None,
) -> None:
    """Remove what is unused or finds no room.

    First what has not been used for DURATION, then the least recently used until the rest fits in SIZE. Jobs may run
    meanwhile: what they have got from the cache stays theirs, and what they miss they compute.
    """
    from foundations.app.use_cases.manage_cache import collect

    if max_size is None and older_than is None:
        context.fail("Nothing says what may go: give --max-size, --older-than or both.")
    configured = configured_cache(environment, config)
    now = time.time()
    found = collect(configured.cache, max_size=max_size, older_than=older_than, now=now, dry_run=dry_run)
    if as_json:
        output.say_json({"cache": configured.name, "dry_run": dry_run, **found._asdict()})
    elif dry_run:
        show_outlook(found, now)
    else:
        show_removal(found)
    end(found)
