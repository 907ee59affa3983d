"""``foundations cache ls``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, cast

import typer

from foundations.cli import output
from foundations.cli.configured import configured_cache
from foundations.cli.options import AsJson, ConfigFiles, EnvironmentName, parser
from foundations.cli.quantities import age_text, count_text, duration_text, parsed_count, size_text

if TYPE_CHECKING:
    from foundations.app.use_cases.manage_cache import ListedEntry, Order

EXAMPLES = """\b
Examples:
  foundations cache ls --order size --limit 10
  foundations cache ls | grep train
  foundations cache ls --json"""

_COLUMNS = [
    output.Column("size", right=True),
    output.Column("last used", right=True),
    output.Column("created", right=True),
    output.Column("took", right=True),
    output.Column("stage", shortest=24),
    output.Column("job"),
    output.Column("key", shortest=12),
]


_ORDERS = ("used", "created", "size")


def _parsed_order(text: str) -> str:
    if text not in _ORDERS:
        raise ValueError(f"{text!r} is no order: give used, created or size.")
    return text


def ls(
    order: Annotated[
        str,
        typer.Option(
            parser=parser(_parsed_order),
            metavar="ORDER",
            autocompletion=lambda: list(_ORDERS),
            help="What comes first: what was last used (used), last created (created), or the largest (size).",
        ),
    ] = "used",
    limit: Annotated[
        int | None,
        typer.Option(
            parser=parser(parsed_count), metavar="NUMBER", help="List so many entries at most; all by default."
        ),
    ] = None,
    as_json: AsJson = False,
    environment: EnvironmentName = None,
    config: ConfigFiles = None,
) -> None:
    """List the entries of the cache.

    Each with the stage and the job that computed it. Listing is no use of an entry. On a terminal, keys and names of
    stages are shortened where they do not fit; elsewhere they are whole.
    """
    from foundations.app.use_cases.manage_cache import listed

    configured = configured_cache(environment, config)
    found = listed(configured.cache, cast("Order", order), limit)
    if as_json:
        output.say_json({"cache": configured.name, **found._asdict()})
    elif not found.entries:
        output.say(configured.why_empty())
    else:
        now = time.time()
        output.say_table(_COLUMNS, [_row(entry, now) for entry in found.entries])
        if len(found.entries) < found.total_entries:
            total = f"{count_text(found.total_entries)}, {size_text(found.total_size)}"
            output.note(f"{len(found.entries):,} of {total}")


def _row(entry: ListedEntry, now: float) -> tuple[str, ...]:
    return (
        size_text(entry.size),
        age_text(now - entry.last_used_at),
        age_text(now - entry.created_at),
        "" if entry.seconds is None else duration_text(entry.seconds),
        entry.stage or "",
        entry.job or "",
        entry.key,
    )
