"""``foundations jobs cancel``."""

from __future__ import annotations

import typer

from foundations.cli import output
from foundations.cli.configuration import read_settings
from foundations.cli.options import AsJson, ConfigFiles, EnvironmentName, JobNames
from foundations.errors import FoundationsError

EXAMPLES = """\b
Examples:
  foundations jobs cancel train-20261125-090452-ym4yn"""


def cancel(
    jobs: JobNames, as_json: AsJson = False, environment: EnvironmentName = None, config: ConfigFiles = None
) -> None:
    """End jobs, politely at first.

    It returns when they have ended; a job that has ended already stays as it is. Where one of the names is not known,
    no job is ended.
    """
    from foundations.app.use_cases.load_job import load_job

    settings = read_settings(environment, config)
    deployments = [load_job(name, settings) for name in dict.fromkeys(jobs)]
    ends, failures = [], []
    for deployment in deployments:
        try:
            deployment.cancel()
        except FoundationsError as error:
            failures.append(f"{deployment.job_name()}: {error}")
        ends.append({"job": deployment.job_name(), "state": deployment.get_job_status()})
    if as_json:
        output.write_json({"jobs": ends})
    else:
        output.write("\n".join(f"{end['job']}: {end['state']}" for end in ends))
    if failures:
        output.write_error("\n".join(failures))
        raise typer.Exit(1)
