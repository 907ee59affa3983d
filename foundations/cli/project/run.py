"""``foundations run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foundations.cli import output
from foundations.cli.following import follow
from foundations.cli.options import AsJson, ConfigFiles, EnvironmentName

if TYPE_CHECKING:
    from foundations.domain.pipeline.stage import Stage

EXAMPLES = """\b
Examples:
  foundations run train.py
  foundations run train.py -p rate=0.1 -p kind=forest --follow
  foundations run train.py --job-name first-try --tag kind=forest --environment staging"""


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
    tags: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="NAME[=VALUE]", help="A tag of the job; a value is optional."),
    ] = None,
    project: Annotated[
        str | None,
        typer.Option("--project", metavar="NAME", help="Group the job under this name, instead of the directory's."),
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
    given = _parse(context, parameters or [])
    labels = _parse_tags(context, tags or [])
    pipe = _load(script, environment, config or []).with_job(project=project, tags=labels)
    deployment = pipe.run(given, job_name=job_name)
    name = deployment.job_name()
    if not as_json:
        output.write(name)
    if follows:
        follow(deployment, as_json=as_json)
    elif as_json:
        output.write_json({"job": name, "state": deployment.get_job_status(), "cause": None})
    else:
        output.write_note(f"To follow it: foundations jobs logs {name} --follow")


def _load(script: Path, environment: str | None, files: list[Path]) -> Stage:
    """Return the pipeline of a script, which runs with the configuration of the command line."""
    from foundations.app.sdk import config_manager
    from foundations.app.use_cases.project.run_script import load_pipeline

    for file in files:
        config_manager.add_config_path(file)
    config_manager.set_environment(environment)
    pipe = load_pipeline(script)
    if environment is not None:
        config_manager.set_environment(environment)  # whatever the script has chosen
    return pipe


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


def _parse_tags(context: typer.Context, tags: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in tags:
        name, _, value = text.partition("=")
        if not name:
            context.fail(f"{text!r} is not a tag: give its name, and a value if it has one, as in kind=forest.")
        if found.get(name, value) != value:
            context.fail(f"Tag {name} is given twice: {found[name]!r} and {value!r}. Give it once.")
        found[name] = value
    return found
