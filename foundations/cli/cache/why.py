"""``foundations cache why``."""

from __future__ import annotations

from typing import Annotated

import typer

from foundations.cli import output
from foundations.cli.configuration import read_settings
from foundations.cli.options import AsJson, ConfigFiles, EnvironmentName

EXAMPLES = """\b
Examples:
  foundations cache why train-20261125-090452-ym4yn
  foundations cache why train-20261125-090452-ym4yn load
  foundations cache why train-20261125-090452-ym4yn --json"""


def why(
    job: Annotated[str, typer.Argument(metavar="JOB", help="The job's name.")],
    stage: Annotated[
        str | None, typer.Argument(metavar="STAGE", help="Only stages of this name or uuid; all by default.")
    ] = None,
    as_json: AsJson = False,
    environment: EnvironmentName = None,
    config: ConfigFiles = None,
) -> None:
    """Explain what the cache did for a job's stages.

    The job has to have ended. For a miss: the nearest entry that was there before, and what differs from it.
    """
    from foundations.app.use_cases.explain_cache import why

    explanation = why(job, stage, read_settings(environment, config))
    if as_json:
        output.write_json({"job": job, "stages": [stage.to_json() for stage in explanation.stages]})
    else:
        output.write(str(explanation))
