"""The use case behind ``stage.run()``: prepare a job, bundle it, submit it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from foundations import events
from foundations.app.config.settings import Origin, Settings, resolve_variables
from foundations.app.gc_pause import gc_paused
from foundations.app.job.provenance import current_commit, recorded_parameters
from foundations.app.job.stage_arguments import secret_hyperparameters
from foundations.app.project import check_modules, import_paths
from foundations.app.use_cases.load_job import make_deployment
from foundations.app.use_cases.prepare import prepare_job
from foundations.app.wiring import Wiring
from foundations.domain.jobs.bundle import Bundle, bundle_contents
from foundations.domain.jobs.deployment import Deployment
from foundations.domain.jobs.job import Job
from foundations.domain.pipeline.stage import Stage
from foundations.errors import (
    BundleExistsError,
    ConfigurationError,
    FoundationsError,
    JobExistsError,
    JobNotFoundError,
)
from foundations.ports.archive_listing import JobRecord
from foundations.ports.bundling import BundleContents, BundleFile
from foundations.ports.job import JobEnd

_RESOURCES = Path(__file__).parent.parent.parent / "resources"


def deploy(
    stage: Stage,
    params_dict: Mapping[str, Any] | None,
    job_name: str | None,
    params: Mapping[str, Any],
    settings: Callable[[], Settings],
) -> Deployment:
    """Run a stage as a job and return its deployment.

    Args:
        stage: The stage.
        params_dict: Hyperparameters by name.
        job_name: The job's name; a readable one is made where it is None.
        params: Further hyperparameters.
        settings: Returns the configuration; called once the pipeline is checked.

    Raises:
        FoundationsError: Whatever can be found wrong beforehand, before anything is written; or the job cannot be
            bundled or submitted, and nothing is left behind.
    """
    name, pipeline, parameters = prepare_job(stage, params_dict, job_name, params)
    wiring = Wiring(settings=settings(), run_bundle=_run_bundle)
    project = Path.cwd()
    extra_source_paths = _resolve_extra_source_paths(project, wiring.settings)
    if wiring.environment.capabilities.crosses_processes:
        check_modules(pipeline, project, extra_source_paths)
    wiring.check()
    wiring.environment.check(project)
    variables = _resolve_run_script_environment(wiring.settings)
    _check_unused(name, wiring)
    job = Job(
        name=name,
        pipeline=pipeline,
        parameters=parameters,
        project=str(project),
        import_paths=import_paths(project, extra_source_paths),
        commit=current_commit(project),
    )
    with gc_paused():
        contents = bundle_contents(
            job,
            wiring.settings.to_json(),
            project_member=wiring.settings.job_source_bundle.member,
            extra_source_paths=extra_source_paths,
            serialiser=wiring.serialiser,
            read_resource=read_resource,
        )
    recorded = recorded_parameters(parameters, secret_hyperparameters(pipeline))
    _submit(_make_bundle(contents, wiring), recorded, variables, wiring)
    return make_deployment(wiring.environment.handle(name), wiring)


def read_resource(name: str) -> bytes:
    """Return the content of a file that every bundle carries beside the SDK, as in ``run.sh``."""
    return (_RESOURCES / name).read_bytes()


def _resolve_extra_source_paths(project: Path, settings: Settings) -> tuple[Path, ...]:
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
                f"{found!r} is no directory: {path} is not there",
                file=origin.file,
                line=origin.line,
                key="job_source_bundle.extra_source_paths",
                found=found,
                expected="a directory, relative to the working directory or absolute",
            )
    return paths


def _resolve_run_script_environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables of the configuration for the run script.

    Raises:
        ConfigurationError: A variable that one of them refers to is not set.
    """
    origin = settings.origins.get("run_script_environment", Origin())
    return {
        name: resolve_variables(value, os.environ, f"run_script_environment.{name}", origin)
        for name, value in settings.run_script_environment.items()
    }


def _check_unused(name: str, wiring: Wiring) -> None:
    try:
        record = wiring.listing.get(name)
    except JobNotFoundError:
        (status,) = wiring.environment.poll([wiring.environment.handle(name)])
        if status is None:
            return
        state = status.state
    else:
        state = record.state
    raise JobExistsError(
        f"job name {name!r} is taken by an earlier job ({state.value}). Choose another name; load_job({name!r}) finds"
        " that job. Nothing was written.",
        job_name=name,
    )


def _make_bundle(contents: BundleContents, wiring: Wiring) -> Bundle:
    try:
        return Bundle.make(contents, wiring.bundler)
    except BundleExistsError:
        # Another caller of this name may have been faster, and its bundle be in use.
        _check_unused(contents.job_name, wiring)
        raise


def _submit(bundle: Bundle, parameters: Mapping[str, Any], variables: Mapping[str, str], wiring: Wiring) -> None:
    """Enter the job into the listing and submit its bundle, which is discarded whatever goes wrong."""
    environment, listing = wiring.environment, wiring.listing
    try:
        listing.track(
            JobRecord(
                job_name=bundle.job_name,
                submitted_at=time.time(),
                parameters=parameters,
                environment={
                    "deployment": wiring.settings.deployment.to_mapping(),
                    "reference": dict(environment.handle(bundle.job_name).reference),
                },
            )
        )
        try:
            bundle.submit(environment, variables)
        except BaseException:
            listing.remove(bundle.job_name)
            raise
    except BaseException:
        bundle.discard()
        raise
    if environment.capabilities.crosses_processes:  # otherwise run_bundle() discards it
        try:
            bundle.discard()
        except (OSError, FoundationsError) as error:  # the job runs, and that is what the caller must know
            events.warning(
                "bundle_not_removed", job_name=bundle.job_name, path=str(bundle.file.path), reason=str(error)
            )


def _run_bundle(bundle: BundleFile, wiring: Wiring) -> JobEnd:
    from foundations.app.use_cases.run_bundle import run_bundle  # only environments for tests need it

    return run_bundle(Bundle(bundle, wiring.bundler), wiring)
