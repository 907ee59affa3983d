"""Write what an examination found."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from foundations.cli import output
from foundations.escaping import escape_lines

if TYPE_CHECKING:
    from foundations.app.use_cases.project.findings import Finding

_COLOURS = {"ok": typer.colors.GREEN, "warning": typer.colors.YELLOW, "error": typer.colors.RED}
_STATUS_WIDTH = max(map(len, _COLOURS)) + 2


def write_findings(findings: Sequence[Finding], *, as_json: bool) -> None:
    """Write findings, and end the command with exit code 1 where one is an error."""
    count = sum(finding.status == "error" for finding in findings)
    if as_json:
        output.write_json({"findings": findings, "errors": count})
    else:
        output.write("\n".join(_line(finding) for finding in findings))
    if count:
        raise typer.Exit(1)


def _line(finding: Finding) -> str:
    status = finding.status.ljust(_STATUS_WIDTH)
    if output.has_colours(sys.stdout):
        status = typer.style(status, fg=_COLOURS[finding.status])
    message = escape_lines(finding.message).replace("\n", "\n" + " " * _STATUS_WIDTH)
    return f"{status}{finding.subject}: {message}"
