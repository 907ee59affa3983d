"""``foundations cache stats``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import attrs

from foundations.cli import output
from foundations.cli.configuration import read_cache
from foundations.cli.options import AsJson, ConfigFiles, EnvironmentName
from foundations.cli.quantities import age_text, size_text
from foundations.escaping import escape_unprintable

if TYPE_CHECKING:
    from foundations.app.use_cases.manage_cache import CacheStatistics, SizeClass

EXAMPLES = """\b
Examples:
  foundations cache stats
  foundations cache stats --json"""


def stats(as_json: AsJson = False, environment: EnvironmentName = None, config: ConfigFiles = None) -> None:
    """Show the cache in numbers.

    How many entries it has, how large they are, when they were created and used.
    """
    from foundations.app.use_cases.manage_cache import compute_statistics

    configured = read_cache(environment, config)
    statistics = compute_statistics(configured.cache)
    if as_json:
        output.write_json({"cache": configured.name, **attrs.asdict(statistics, recurse=False)})
    elif statistics.largest is None:
        output.write(configured.describe_empty())
    else:
        now = time.time()
        facts = {
            "cache": configured.name,
            "entries": f"{statistics.entries:,}",
            "size": size_text(statistics.size),
            "largest": f"{size_text(statistics.largest.size)}, {statistics.largest.key}",
            "created": _span(statistics.oldest_creation, statistics.newest_creation, now),
            "last used": _span(statistics.oldest_use, statistics.newest_use, now),
        }
        output.write("\n".join(f"{label:<10} {escape_unprintable(fact)}" for label, fact in facts.items()) + "\n")
        _show_sizes(statistics)


def _show_sizes(statistics: CacheStatistics) -> None:
    columns = [output.Column("of"), output.Column("entries", right=True), output.Column("size", right=True)]
    rows = [(_bounds(part), f"{part.entries:,}", size_text(part.size)) for part in statistics.sizes if part.entries]
    output.write_table(columns, rows)


def _span(oldest: float | None, newest: float | None, now: float) -> str:
    ages = [age_text(now - moment) for moment in (oldest, newest) if moment is not None]
    return " to ".join(dict.fromkeys(ages)) + " ago"


def _bounds(part: SizeClass) -> str:
    if part.below is None:
        return f"{size_text(part.at_least)} or more"
    if part.at_least == 0:
        return f"less than {size_text(part.below)}"
    return f"{size_text(part.at_least)} to {size_text(part.below)}"
