"""What commands print: tables for people, one JSON document for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import typer

from foundations.domain.text.one_line import escape_unprintable

_GAP = 2


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        heading: What it holds.
        right: Whether its cells end at its right edge, as numbers do.
        shortest: To how many characters a narrow terminal may shorten its cells; not at all by default.
    """

    heading: str
    right: bool = False
    shortest: int | None = None


def say(text: str) -> None:
    """Print a text and a line's end on stdout.

    Raises:
        OSError: It cannot be written, or nobody reads it any more.
    """
    typer.echo(text)


def abandon(stream: Any) -> None:
    """Have what is still to be written to a stream of the process go nowhere."""
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def complain(text: str) -> None:
    """Print lines on stderr, as an error."""
    typer.echo("\n".join(map(escape_unprintable, f"Error: {text}".split("\n"))), err=True)


def note(text: str) -> None:
    """Print a text and a line's end on stderr: what goes beside a result."""
    typer.echo(text, err=True)


def agreed(question: str) -> bool:
    """Ask on stderr and return whether the answer on stdin is yes; an end of the input is none."""
    typer.echo(f"{question} [y/N] ", err=True, nl=False)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        note("")
    return answer.strip().lower() in ("y", "yes")


def say_json(value: Any) -> None:
    """Print a value as one JSON document in ASCII; named tuples become objects."""
    say(json.dumps(_document(value), indent=2))


def say_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of text as a table, a line each, whatever the terminal's width.

    On a terminal, columns that allow it are shortened until the table fits, the last first. Elsewhere every cell is
    whole, so that it can be searched for and copied.
    """
    cells = [[escape_unprintable(cell) for cell in row] for row in rows]
    say(_for_terminal(columns, cells) if is_terminal(sys.stdout) else _for_files(columns, cells))


def is_terminal(stream: Any) -> bool:
    """Tell whether a standard stream is there and leads to a terminal."""
    return stream is not None and not stream.closed and bool(stream.isatty())


def _document(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        return {name: _document(part) for name, part in value._asdict().items()}
    if isinstance(value, dict):
        return {name: _document(part) for name, part in value.items()}
    return [_document(part) for part in value] if isinstance(value, (list, tuple)) else value


def _for_files(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    lines = [[column.heading for column in columns], *rows]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return "\n".join(
        (" " * _GAP)
        .join(
            cell.rjust(width) if column.right else cell.ljust(width)
            for cell, width, column in zip(line, widths, columns, strict=True)
        )
        .rstrip()
        for line in lines
    )


def _for_terminal(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    headings = [column.heading for column in columns]
    widths = [max(map(cell_len, cells)) for cells in zip(headings, *rows, strict=True)]
    room = Console().width
    for number, column in reversed(list(enumerate(columns))):
        if column.shortest is not None:
            excess = _width(widths) - room
            widths[number] = min(widths[number], max(column.shortest, widths[number] - excess))
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    for column, width in zip(columns, widths, strict=True):
        table.add_column(column.heading, justify="right" if column.right else "left", no_wrap=True, min_width=width)
    for row in rows:
        cells = [Text(cell) for cell in row]
        for cell, width in zip(cells, widths, strict=True):
            cell.truncate(width, overflow="ellipsis")
        table.add_row(*cells)
    console = Console(width=max(room, _width(widths)))
    with console.capture() as captured:
        console.print(table)
    return captured.get().rstrip("\n")


def _width(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)
