"""How commands tell what they removed, or would remove."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from foundations.cli import output
from foundations.cli.quantities import age_text, count_text, size_text

if TYPE_CHECKING:
    from foundations.app.use_cases.manage_cache import Collected

_COLUMNS = [
    output.Column("size", right=True),
    output.Column("last used", right=True),
    output.Column("why"),
    output.Column("key", shortest=12),
]
_WHY = {"unused": "not used for long", "size": "no room", "all": "all go"}
_TOLD = 5


def show_outlook(found: Collected, now: float) -> None:
    """Print what would be removed at this time, in seconds since the epoch."""
    if found.removed:
        rows = [
            (size_text(entry.size), age_text(now - entry.last_used_at), _WHY[entry.why], entry.key)
            for entry in found.removed
        ]
        output.say_table(_COLUMNS, rows)
        output.say("")
    output.say(f"{_amount(found.removed, found.removed_size)} would go, {_left(found)} would be left.")


def show_removal(found: Collected) -> None:
    """Print how much was removed."""
    output.say(f"Removed {_amount(found.removed, found.removed_size)}; {_left(found)} left.")


def end(found: Collected) -> None:
    """End the command with exit code 1, and tell why, where an entry could not be removed."""
    if found.failed:
        told = [f"  {failure.key}: {failure.reason}" for failure in found.failed[:_TOLD]]
        if len(found.failed) > _TOLD:
            told.append(f"  and {len(found.failed) - _TOLD:,} more")
        output.complain("\n".join([f"{count_text(len(found.failed))} could not be removed:", *told]))
        raise typer.Exit(1)


def _amount(entries: tuple[object, ...], size: int) -> str:
    return f"{count_text(len(entries))} ({size_text(size)})"


def _left(found: Collected) -> str:
    return f"{count_text(found.left_entries)} ({size_text(found.left_size)})"
