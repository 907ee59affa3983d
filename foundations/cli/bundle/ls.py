"""``foundations bundle ls``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foundations.cli import output
from foundations.cli.configuration import read_settings
from foundations.cli.options import AsJson, ConfigFiles, EnvironmentName
from foundations.cli.quantities import count_text, size_text

if TYPE_CHECKING:
    from foundations.ports.bundling import ListedFile

EXAMPLES = """\b
Examples:
  foundations bundle ls
  foundations bundle ls --excluded
  foundations bundle ls --json"""

_SIZE = output.Column("size", right=True)
_COLUMNS = [_SIZE, output.Column("file", shortest=24)]
_EXCLUDED_COLUMNS = [_SIZE, output.Column("file", shortest=24), output.Column("why", shortest=24)]


def ls(
    excluded: Annotated[
        bool, typer.Option("--excluded", help="List instead what is left out, and why each of it is.")
    ] = False,
    as_json: AsJson = False,
    environment: EnvironmentName = None,
    config: ConfigFiles = None,
) -> None:
    """List the files that a job would carry, the largest first.

    They are those of the working directory and of extra_source_paths, without what the ignore file names, what is never
    shipped, and what foundations stores. Nothing is packed. Of a directory that is left out, its content is not listed.
    """
    from foundations.app.use_cases.project.list_bundle import list_bundle

    listing = list_bundle(read_settings(environment, config), Path.cwd())
    if as_json:
        output.write_json(listing)
    elif excluded:
        _write(_EXCLUDED_COLUMNS, [(*_cells(file), file.reason or "") for file in listing.excluded])
        output.write_note(f"{count_text(len(listing.excluded), 'file or directory', 'files and directories')} left out")
    else:
        _write(_COLUMNS, [_cells(file) for file in listing.files])
        amount = f"{count_text(len(listing.files), 'file', 'files')}, {size_text(listing.size)}"
        output.write_note(f"{amount}, before compression; {len(listing.excluded):,} left out: see --excluded")


def _write(columns: list[output.Column], rows: list[tuple[str, ...]]) -> None:
    if rows:
        output.write_table(columns, rows)


def _cells(file: ListedFile) -> tuple[str, str]:
    return "" if file.size is None else size_text(file.size), file.path
