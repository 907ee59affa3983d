"""``foundations jobs wait``."""

from __future__ import annotations

from typing import Annotated

import typer

from foundations.cli.configuration import read_settings
from foundations.cli.following import detach, write_end
from foundations.cli.options import AsJson, ConfigFiles, EnvironmentName, JobName, parser
from foundations.cli.quantities import parse_duration

EXAMPLES = """\b
Examples:
  foundations jobs wait train-20261125-090452-ym4yn
  foundations jobs wait train-20261125-090452-ym4yn --timeout 30m && echo done"""


def wait(
    job: JobName,
    timeout: Annotated[
        float | None,
        typer.Option(
            parser=parser(parse_duration),
            metavar="DURATION",
            help="Give up after so long, as in 30m, 2h or 45s; the job goes on.",
        ),
    ] = None,
    as_json: AsJson = False,
    environment: EnvironmentName = None,
    config: ConfigFiles = None,
) -> None:
    """Wait until a job has ended.

    The exit code is 0 where it completed, and 1 where it did not, or where the time was over. Ctrl-C leaves it running.
    """
    from foundations.app.use_cases.load_job import load_job

    deployment = load_job(job, read_settings(environment, config))
    try:
        deployment.wait_for_deployment_to_complete(timeout=timeout)
    except KeyboardInterrupt:
        detach(deployment)
    write_end(deployment, as_json=as_json)
