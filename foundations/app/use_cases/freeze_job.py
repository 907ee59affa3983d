"""Freezing a job: its pipeline, with what its process has to know of the submitter's and of the configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundations.app.config.settings import Origin, Settings, resolve_variables
from foundations.app.job.facts.machine import host_name, user_name
from foundations.app.job.provenance import current_commit
from foundations.app.project.import_paths import check_modules, import_paths
from foundations.app.project.library_settings import describe_settings
from foundations.app.project.main_module import describe_main
from foundations.app.project.module_state import describe_state
from foundations.app.project.modules import list_project_modules
from foundations.app.wiring import Wiring
from foundations.domain.jobs.job import Job
from foundations.domain.pipeline.graph import Pipeline
from foundations.errors import ConfigurationError

if TYPE_CHECKING:
    from foundations.app.job.facts.repository import RepositoryReader


def freeze_job(
    name: str,
    pipeline: Pipeline,
    parameters: dict[str, Any],
    project: Path,
    extra_source_paths: tuple[Path, ...],
    repository: RepositoryReader | None = None,
) -> Job:
    """Return a job of a pipeline, as its process will see this one.

    Args:
        name: The job's name.
        pipeline: The pipeline.
        parameters: A value for each of its hyperparameters.
        project: The project directory.
        extra_source_paths: Further source directories, absolute paths.
        repository: Reads the state of the project's repository; None where nobody needs it.
    """
    needed = {str(getattr(node.function, "__module__", "")) for node in pipeline.nodes}
    modules = list_project_modules(project, extra_source_paths, needed)
    return Job(
        name=name,
        pipeline=pipeline,
        parameters=parameters,
        project=str(project),
        import_paths=import_paths(project, extra_source_paths),
        commit=current_commit(project),
        repository=None if repository is None else repository.read(),
        submitter={"user": user_name(), "host": host_name()},
        main=describe_main(project),
        modules=modules,
        state=describe_state(modules, str(project)),
        settings=describe_settings(),
    )


def check_importable(pipeline: Pipeline, project: Path, extra_source_paths: tuple[Path, ...], wiring: Wiring) -> None:
    """Raise unless a job will be able to import the modules of the functions of a pipeline.

    Args:
        pipeline: The pipeline.
        project: The project directory.
        extra_source_paths: Further source directories, absolute paths.
        wiring: The adapters.

    Raises:
        PipelineError: A module would be missing.
    """

    def locate(names: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        return wiring.environment.locate_modules(names, resolve_run_script_environment(wiring.settings))

    if wiring.environment.capabilities.crosses_processes:
        check_modules(pipeline, project, extra_source_paths, locate)


def resolve_extra_source_paths(project: Path, settings: Settings) -> tuple[Path, ...]:
    """Return the extra source directories of the configuration as absolute paths.

    Raises:
        ConfigurationError: One of them is not there.
    """
    configured = settings.job_source_bundle.extra_source_paths
    paths = tuple((project / os.path.expanduser(path)).resolve() for path in configured)
    for found, path in zip(configured, paths, strict=True):
        if not path.is_dir():
            origin = settings.origins.get("job_source_bundle", Origin())
            raise ConfigurationError(
                f"{found!r} is not a directory: {path} does not exist",
                **origin._asdict(),
                key="job_source_bundle.extra_source_paths",
                found=found,
                expected="a directory, relative to the working directory or absolute",
            )
    return paths


def resolve_run_script_environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables of the configuration for the run script.

    Raises:
        ConfigurationError: A variable that one of them refers to is not set.
    """
    origin = settings.origins.get("run_script_environment", Origin())
    return {
        name: resolve_variables(value, os.environ, f"run_script_environment.{name}", origin)
        for name, value in settings.run_script_environment.items()
    }
