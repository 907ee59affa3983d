"""A job's result as a report for a person: how it ended, its stages, its output."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from foundations.domain.jobs.result_document import CONTEXT_DEFAULTS, ResultDocument
from foundations.domain.text.representation import short_repr
from foundations.errors import FoundationsError
from foundations.escaping import escape_lines, escape_unprintable
from foundations.ports.job import JobEnd, JobState

_LONGEST_OUTPUT = 4_000
_MOST_STAGES = 20
_MOST_DIFFERENCES = 5


def render_report(end: JobEnd, document: ResultDocument, load_output: Callable[[], Any]) -> str:
    """Return the report of a job's result, several lines without a last line break.

    Args:
        end: How it ended.
        document: What it archived of its stages.
        load_output: Returns the output of the stage that was run; called only where the job completed.
    """
    took = "" if end.started_at is None else f" in {format_duration(end.ended_at - end.started_at)}"
    lines = [f"Job {end.job_name}: {end.state.value}{took}"]
    if end.message:
        lines.append(f"  {escape_unprintable(end.message)}")
    lines += [f"  not archived: {escape_unprintable(what)}" for what in end.not_archived]
    lines += ["", *_stage_table(end, document)]
    for name, uuid in zip(document.names, document.uuids, strict=True):
        reason = document.details.get(uuid, {}).get("no_output_because")
        if reason:
            lines.append(f"  {escape_unprintable(name)} has no output: {escape_unprintable(reason)}")
    if document.differences:
        lines += ["", *_difference_lines(document)]
    if end.unsaved_files:
        lines += ["", *_unsaved_lines(end)]
    if end.state is JobState.COMPLETED and document.names:
        lines += ["", f"Output of {escape_unprintable(document.names[-1])}:", *_output_lines(load_output)]
    return escape_lines("\n".join(lines))


def _difference_lines(document: ResultDocument) -> list[str]:
    """Return what had another value in the job than where it was submitted."""
    lines = ["Differs from where run() was called, whose changes a job does not have unless its modules make them:"]
    for name, submitted, job in document.differences[:_MOST_DIFFERENCES]:
        lines.append(f"  {escape_unprintable(f'{name} was {job} in the job, {submitted} there')}")
    left_out = len(document.differences) - _MOST_DIFFERENCES
    if left_out > 0:
        lines.append(f"  ... and {left_out:,} more, which the provenance has")
    return lines


def _unsaved_lines(end: JobEnd) -> list[str]:
    """Return the files that the job wrote and did not save, and the line that would save the largest."""
    lines = ["Written into the job's copy of the project, and gone with it:"]
    lines += [f"  {escape_unprintable(path)} ({_format_size(size)})" for path, size in end.unsaved_files.items()]
    left_out = end.unsaved_count - len(end.unsaved_files)
    if left_out > 0:
        lines.append(f"  ... and {left_out:,} smaller files")
    largest = escape_unprintable(next(iter(end.unsaved_files)))
    lines.append(f'  To keep a file: save_artifact("{largest}") in the stage that writes it')
    directory = largest.rpartition("/")[0]
    if directory:
        lines.append(f"  To keep a directory, also when the job fails: artifact_path: {directory}/ in a *.config.yaml")
    return lines


def _format_size(size: int) -> str:
    """Return a number of bytes as a person reads it.

    >>> _format_size(999), _format_size(1_000), _format_size(1_234_567)
    ('999 B', '1.0 kB', '1.2 MB')
    """
    amount, units = float(size), iter(("B", "kB", "MB", "GB", "TB", "PB"))
    unit = next(units)
    while amount >= 999.95 and unit != "PB":
        amount, unit = amount / 1000, next(units)
    return f"{size} B" if unit == "B" else f"{amount:.1f} {unit}"


def _output_lines(load_output: Callable[[], Any]) -> list[str]:
    import pprint

    try:
        output = load_output()
    except FoundationsError as error:
        return [f"  {error}"]
    try:
        text = pprint.pformat(output, width=100, sort_dicts=False) if not isinstance(output, str) else output
    except Exception as error:
        text = f"<{type(output).__qualname__}, whose repr raises {type(error).__name__}>"
    if len(text) > _LONGEST_OUTPUT:
        text = f"{short_repr(output)}\n(abbreviated; result.output is the whole {type(output).__qualname__})"
    return ["  " + line for line in text.splitlines()]


def _stage_table(end: JobEnd, document: ResultDocument) -> list[str]:
    indices = list(range(len(document.uuids)))
    if len(indices) > _MOST_STAGES:
        slowest = sorted(indices, key=lambda index: _weight(document, index), reverse=True)
        indices = sorted(slowest[:_MOST_STAGES])
    rows = [("stage", "state", "time", "cache"), *(_stage_row(document, index) for index in indices)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    left_out = len(document.uuids) - len(indices)
    if left_out:
        lines.append(f"  ... and {left_out:,} more stages")
    if any(row[3] == "not cached" for row in rows):
        lines += ["", f"  Why a stage is not cached: foundations cache why {end.job_name}"]
    return [line.rstrip() for line in lines]


def _stage_row(document: ResultDocument, index: int) -> tuple[str, str, str, str]:
    """Return one stage's cells: name, state, time, cache."""
    name, started, ended = document.names[index], document.started_at[index], document.ended_at[index]
    context = {**CONTEXT_DEFAULTS, **document.details.get(document.uuids[index], {})}
    state = "done" if ended else "cut off" if started else "not run"
    state = "failed" if context["error_information"] else state
    cache = "hit" if context["used_cache"] else "miss" if context["cache_uuid"] else ""
    cache = "not cached" if context["not_cached_because"] else cache
    return (
        shorten_name(escape_unprintable(name)),
        state,
        format_duration(_seconds(document, index)) if ended else "",
        cache,
    )


def _weight(document: ResultDocument, index: int) -> float:
    """Return how much a stage matters to who reads the report: infinitely where it failed or was cut off."""
    is_cut_off = document.started_at[index] is not None and document.ended_at[index] is None
    has_failed = document.details.get(document.uuids[index], {}).get("error_information")
    return math.inf if is_cut_off or has_failed else _seconds(document, index)


def _seconds(document: ResultDocument, index: int) -> float:
    started, ended = document.started_at[index], document.ended_at[index]
    return 0.0 if started is None or ended is None else ended - started


def shorten_name(name: str) -> str:
    """Return a stage's name, cut to a column's width."""
    return name if len(name) <= 48 else name[:45] + "..."


def format_duration(seconds: float) -> str:
    """Return a duration as a person reads it.

    >>> format_duration(0.0123), format_duration(75), format_duration(7322)
    ('12.3 ms', '1 min 15 s', '2 h 2 min')
    """
    if seconds < 0.9995:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
