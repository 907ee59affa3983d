"""Show what a job writes, and end the command as the job ends."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import typer

from foundations.cli import output
from foundations.escaping import escape_unprintable

if TYPE_CHECKING:
    from foundations.domain.jobs.deployment import Deployment


def follow(deployment: Deployment, *, as_json: bool) -> None:
    """Show what a job writes until it has ended, and end the command with exit code 1 where it does not complete."""
    from foundations.app.use_cases.jobs.follow import follow

    try:
        for stream, text in follow(deployment):
            # One JSON document is all of stdout.
            typer.echo(text, nl=False, file=sys.stderr if as_json or stream == "stderr" else sys.stdout)
    except KeyboardInterrupt:
        detach(deployment)
    write_end(deployment, as_json=as_json)


def detach(deployment: Deployment) -> NoReturn:
    """End a command that was interrupted while it waited for a job."""
    name = deployment.job_name()
    output.write_note(f"\nJob {name} goes on without you. To follow it: foundations jobs logs {name} --follow")
    raise typer.Exit(130)


def write_end(deployment: Deployment, *, as_json: bool) -> None:
    """Write how a job ended, and end the command with exit code 1 where it did not complete."""
    end = deployment.end
    state, cause = deployment.get_job_status(), end and end.cause and end.cause.value
    if as_json:
        output.write_json({"job": deployment.job_name(), "state": state, "cause": cause})
    else:
        message = f": {escape_unprintable(end.message)}" if end is not None and end.message else ""
        output.write_note(f"Job {deployment.job_name()}: {state}{message}")
    if state != "Completed":
        raise typer.Exit(1)
