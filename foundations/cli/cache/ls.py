"""``foundations cache ls``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, cast

import attrs
import typer

from foundations.cli import output
from foundations.cli.configuration import read_cache
from foundations.cli.options import AsJson, ConfigFiles, EnvironmentName, parser
from foundations.cli.quantities import age_text, count_text, duration_text, parse_count, size_text

if TYPE_CHECKING:
    from foundations.app.use_cases.manage_cache import EntryDescription, Order

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


def _parse_order(text: str) -> str:
    if text not in _ORDERS:
        raise ValueError(f"{text!r} is not an order: give used, created or size.")
    return text


def ls(
    order: Annotated[
        str,
        typer.Option(
            parser=parser(_parse_order),
            metavar="ORDER",
            autocompletion=lambda: list(_ORDERS),
            help="What comes first: what was last used (used), last created (created), or the largest (size).",
        ),
    ] = "used",
    limit: Annotated[
        int | None,
        typer.Option(
            parser=parser(parse_count), metavar="NUMBER", help="List so many entries at most; all by default."
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
    from foundations.app.use_cases.manage_cache import list_entries

    configured = read_cache(environment, config)
    listing = list_entries(configured.cache, cast("Order", order), limit)
    if as_json:
        output.write_json({"cache": configured.name, **attrs.asdict(listing, recurse=False)})
    elif not listing.entries:
        output.write(configured.describe_empty())
    else:
        now = time.time()
        output.write_table(_COLUMNS, [_row(entry, now) for entry in listing.entries])
        if len(listing.entries) < listing.total_entries:
            total = f"{count_text(listing.total_entries)}, {size_text(listing.total_size)}"
            output.write_note(f"{len(listing.entries):,} of {total}")


def _row(entry: EntryDescription, now: float) -> tuple[str, ...]:
    return (
        size_text(entry.size),
        age_text(now - entry.last_used_at),
        age_text(now - entry.created_at),
        "" if entry.seconds is None else duration_text(entry.seconds),
        entry.stage or "",
        entry.job or "",
        entry.key,
    )
