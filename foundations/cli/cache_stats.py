"""``foundations cache stats``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from foundations.cli import output
from foundations.cli.configured import configured_cache
from foundations.cli.options import AsJson, ConfigFiles, EnvironmentName
from foundations.cli.quantities import age_text, size_text
from foundations.domain.text.one_line import escape_unprintable

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
    from foundations.app.use_cases.manage_cache import statistics

    configured = configured_cache(environment, config)
    found = statistics(configured.cache)
    if as_json:
        output.say_json({"cache": configured.name, **found._asdict()})
    elif found.largest is None:
        output.say(configured.why_empty())
    else:
        now = time.time()
        facts = {
            "cache": configured.name,
            "entries": f"{found.entries:,}",
            "size": size_text(found.size),
            "largest": f"{size_text(found.largest.size)}, {found.largest.key}",
            "created": _span(found.oldest_creation, found.newest_creation, now),
            "last used": _span(found.oldest_use, found.newest_use, now),
        }
        output.say("\n".join(f"{label:<10} {escape_unprintable(fact)}" for label, fact in facts.items()) + "\n")
        _show_sizes(found)


def _show_sizes(found: CacheStatistics) -> None:
    columns = [output.Column("of"), output.Column("entries", right=True), output.Column("size", right=True)]
    rows = [(_bounds(part), f"{part.entries:,}", size_text(part.size)) for part in found.sizes if part.entries]
    output.say_table(columns, rows)


def _span(oldest: float | None, newest: float | None, now: float) -> str:
    ages = [age_text(now - moment) for moment in (oldest, newest) if moment is not None]
    return " to ".join(dict.fromkeys(ages)) + " ago"


def _bounds(part: SizeClass) -> str:
    if part.below is None:
        return f"{size_text(part.at_least)} or more"
    if part.at_least == 0:
        return f"less than {size_text(part.below)}"
    return f"{size_text(part.at_least)} to {size_text(part.below)}"
