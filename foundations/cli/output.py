"""What commands write: tables for people, one JSON document for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import typer

from foundations.escaping import escape_unprintable

_GAP = 2


@attrs.frozen
class Column:
    """A column of a table.

    Attributes:
        heading: Its first cell.
        right: Whether its cells are aligned at the right, as numbers are.
        shortest: To how many characters its cells may be shortened on a narrow terminal; None forbids it.
    """

    heading: str
    right: bool = False
    shortest: int | None = None


def write(text: str) -> None:
    """Write a text and a line's end to stdout.

    Raises:
        OSError: It cannot be written, or its reader has gone.
    """
    typer.echo(text)


def discard(stream: Any) -> None:
    """Discard what a standard stream still has to write."""
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError):
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


def write_error(text: str) -> None:
    """Write an error of one or more lines to stderr."""
    typer.echo("\n".join(map(escape_unprintable, f"Error: {text}".split("\n"))), err=True)


def write_note(text: str) -> None:
    """Write a text and a line's end to stderr: a remark beside the result."""
    typer.echo(text, err=True)


def confirm(question: str) -> bool:
    """Write a question to stderr and return whether the answer on stdin is yes; the end of the input is a no."""
    typer.echo(f"{question} [y/N] ", err=True, nl=False)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        write_note("")
    return answer.strip().lower() in ("y", "yes")


def write_json(value: Any) -> None:
    """Write a value as one JSON document in ASCII; attrs objects and named tuples become JSON objects."""
    write(json.dumps(_document(value), indent=2))


def write_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Write rows of text as a table, one line a row, whatever the terminal's width.

    On a terminal, the columns that may be shortened are, the last one first, until the table fits. In files and pipes
    every cell is whole, so that it can be searched for and copied.
    """
    cells = [[escape_unprintable(cell) for cell in row] for row in rows]
    write(_for_terminal(columns, cells) if is_terminal(sys.stdout) else _for_files(columns, cells))


def is_terminal(stream: Any) -> bool:
    """Return whether a standard stream exists and is a terminal."""
    return stream is not None and not stream.closed and bool(stream.isatty())


def has_colours(stream: Any) -> bool:
    """Return whether a standard stream is a terminal that shows colours, and nobody has said that it shall not."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _document(value: Any) -> Any:
    if attrs.has(type(value)):
        value = attrs.asdict(value, recurse=False)
    elif hasattr(value, "_asdict"):  # an entry of the cache, which jobs load too
        value = value._asdict()
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
