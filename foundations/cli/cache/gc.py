"""``foundations cache gc``."""

from __future__ import annotations

import time
from typing import Annotated

import attrs
import typer

from foundations.cli import output
from foundations.cli.cache.removals import exit_on_failure, write_outlook, write_removal
from foundations.cli.configuration import read_cache
from foundations.cli.options import AsJson, ConfigFiles, EnvironmentName, parser
from foundations.cli.quantities import parse_duration, parse_size

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
            parser=parser(parse_size),
            metavar="SIZE",
            help="Remove the least recently used until the rest fits, as in 20GB, 500MB or 1.5GiB.",
        ),
    ] = None,
    older_than: Annotated[
        float | None,
        typer.Option(
            parser=parser(parse_duration),
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
    configured = read_cache(environment, config, imports_project=not dry_run)
    now = time.time()
    report = collect(configured.cache, max_size=max_size, older_than=older_than, now=now, dry_run=dry_run)
    if as_json:
        output.write_json({"cache": configured.name, "dry_run": dry_run, **attrs.asdict(report, recurse=False)})
    elif dry_run:
        write_outlook(report, now)
    else:
        write_removal(report)
    exit_on_failure(report)
