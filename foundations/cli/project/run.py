"""``foundations run``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foundations.cli import output
from foundations.cli.options import AsJson, ConfigFiles, EnvironmentName
from foundations.escaping import escape_unprintable

if TYPE_CHECKING:
    from foundations.domain.jobs.deployment import Deployment

EXAMPLES = """\b
Examples:
  foundations run train.py
  foundations run train.py -p rate=0.1 -p kind=forest --follow
  foundations run train.py --job-name first-try --environment staging"""


def run(
    context: typer.Context,
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="The script; its pipeline is called pipe.")],
    parameters: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="A hyperparameter; the value is read as YAML."),
    ] = None,
    job_name: Annotated[
        str | None, typer.Option("--job-name", metavar="NAME", help="The job's name; one is made by default.")
    ] = None,
    follows: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Show what the job writes until it ends; Ctrl-C leaves it running."),
    ] = False,
    as_json: AsJson = False,
    environment: EnvironmentName = None,
    config: ConfigFiles = None,
) -> None:
    """Run the pipeline of a script as a job.

    The script is executed as by python SCRIPT, but for what is below if __name__ == "__main__":. The pipeline is the
    stage that it calls pipe. The job's name goes to stdout. With --follow, the exit code is 0 where the job completes,
    and 1 where it does not.
    """
    from foundations.app.sdk import config_manager
    from foundations.app.use_cases.project.run_script import load_pipeline

    given = _parse(context, parameters or [])
    for file in config or ():
        config_manager.add_config_path(file)
    config_manager.set_environment(environment)
    pipe = load_pipeline(script)
    if environment is not None:
        config_manager.set_environment(environment)  # whatever the script has chosen
    deployment = pipe.run(given, job_name=job_name)
    name = deployment.job_name()
    if not as_json:
        output.write(name)
    if follows:
        _follow(deployment, as_json)
    elif as_json:
        output.write_json({"job": name, "state": deployment.get_job_status(), "cause": None})
    else:
        output.write_note(f"It runs. To look at it from Python: load_job({name!r}).get_job_logs()")


def _parse(context: typer.Context, parameters: list[str]) -> dict[str, Any]:
    from foundations.app.use_cases.project.run_script import parse_parameter

    found: dict[str, Any] = {}
    for text in parameters:
        try:
            name, value = parse_parameter(text)
        except ValueError as error:
            context.fail(str(error))
        if name in found:
            context.fail(f"Hyperparameter {name} is given twice: {found[name]!r} and {value!r}. Give it once.")
        found[name] = value
    return found


def _follow(deployment: Deployment, as_json: bool) -> None:
    """Show what a job writes until it has ended, and end the command with exit code 1 where it does not complete."""
    from foundations.app.use_cases.project.run_script import follow

    name = deployment.job_name()
    try:
        for stream, text in follow(deployment):
            # One JSON document is all of stdout.
            typer.echo(text, nl=False, file=sys.stderr if as_json or stream == "stderr" else sys.stdout)
    except KeyboardInterrupt:
        output.write_note(f"\nJob {name} goes on without you. To find it from Python: load_job({name!r})")
        raise typer.Exit(130) from None
    end = deployment.end
    state, cause = deployment.get_job_status(), end and end.cause and end.cause.value
    if as_json:
        output.write_json({"job": name, "state": state, "cause": cause})
    else:
        message = f": {escape_unprintable(end.message)}" if end is not None and end.message else ""
        output.write_note(f"Job {name}: {state}{message}")
    if state != "Completed":
        raise typer.Exit(1)
