"""``foundations jobs logs``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from foundations.cli import output
from foundations.cli.configuration import read_settings
from foundations.cli.following import follow
from foundations.cli.options import AsJson, ConfigFiles, EnvironmentName, JobName

EXAMPLES = """\b
Examples:
  foundations jobs logs train-20261125-090452-ym4yn
  foundations jobs logs train-20261125-090452-ym4yn --follow"""


def logs(
    job: JobName,
    follows: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Go on until the job ends; Ctrl-C leaves it running."),
    ] = False,
    as_json: AsJson = False,
    environment: EnvironmentName = None,
    config: ConfigFiles = None,
) -> None:
    """Show what a job has written.

    Its stdout goes to stdout, its stderr to stderr. With --follow, the exit code is 0 where the job completes, and 1
    where it does not; with --json too, all that it writes goes to stderr, and its end to stdout.
    """
    from foundations.app.use_cases.load_job import load_job

    deployment = load_job(job, read_settings(environment, config))
    if follows:
        follow(deployment, as_json=as_json)
        return
    written = {stream: deployment.get_job_logs(stream) for stream in ("stdout", "stderr")}
    if as_json:
        output.write_json({"job": deployment.job_name(), **written})
    else:
        typer.echo(written["stdout"], nl=False)
        typer.echo(written["stderr"], nl=False, file=sys.stderr)
