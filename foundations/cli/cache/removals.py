"""Write what a command removed, or would remove."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from foundations.cli import output
from foundations.cli.quantities import age_text, count_text, size_text

if TYPE_CHECKING:
    from foundations.app.use_cases.manage_cache import RemovalReport

_COLUMNS = [
    output.Column("size", right=True),
    output.Column("last used", right=True),
    output.Column("why"),
    output.Column("key", shortest=12),
]
_WHY = {"unused": "not used for long", "size": "no room", "all": "all go"}
_MOST_FAILURES = 5


def write_outlook(report: RemovalReport, now: float) -> None:
    """Write what would be removed at the time `now`, in seconds since the epoch."""
    if report.removed:
        rows = [
            (size_text(entry.size), age_text(now - entry.last_used_at), _WHY[entry.why], entry.key)
            for entry in report.removed
        ]
        output.write_table(_COLUMNS, rows)
        output.write("")
    output.write(f"{_amount(report.removed, report.removed_size)} would go, {_left(report)} would be left.")


def write_removal(report: RemovalReport) -> None:
    """Write how much was removed."""
    output.write(f"Removed {_amount(report.removed, report.removed_size)}; {_left(report)} left.")


def exit_on_failure(report: RemovalReport) -> None:
    """Write which entries could not be removed, and end the command with exit code 1, where there are any."""
    if report.failed:
        lines = [f"  {failure.key}: {failure.reason}" for failure in report.failed[:_MOST_FAILURES]]
        if len(report.failed) > _MOST_FAILURES:
            lines.append(f"  and {len(report.failed) - _MOST_FAILURES:,} more")
        output.write_error("\n".join([f"{count_text(len(report.failed))} could not be removed:", *lines]))
        raise typer.Exit(1)


def _amount(entries: tuple[object, ...], size: int) -> str:
    return f"{count_text(len(entries))} ({size_text(size)})"


def _left(report: RemovalReport) -> str:
    return f"{count_text(report.left_entries)} ({size_text(report.left_size)})"
