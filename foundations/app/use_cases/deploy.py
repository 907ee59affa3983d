"""The use case behind ``stage.run()``: prepare a job, bundle it, submit it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from foundations import events
from foundations.app.config.manager import ConfigManager
from foundations.app.gc_pause import gc_paused
from foundations.app.job.facts.machine import host_name, user_name
from foundations.app.job.facts.repository import RepositoryReader, reading_repository
from foundations.app.job.provenance import recorded_parameters
from foundations.app.job.stage_arguments import secret_hyperparameters
from foundations.app.job.stage_imports import imported_modules
from foundations.app.project.main_module import NO_MAIN, warn_of_outside_script
from foundations.app.project.module_state import warn_of_changed_literals
from foundations.app.project.modules import ProjectModule
from foundations.app.use_cases.freeze_job import (
    check_importable,
    freeze_job,
    resolve_extra_source_paths,
    resolve_run_script_environment,
)
from foundations.app.use_cases.load_job import make_deployment
from foundations.app.use_cases.prepare import PreparedJob, prepare_job
from foundations.app.wiring import Wiring
from foundations.domain.jobs.bundle import Bundle, bundle_contents
from foundations.domain.jobs.deployment import Deployment
from foundations.domain.jobs.job import Job
from foundations.domain.pipeline.graph import Pipeline
from foundations.domain.pipeline.stage import Stage
from foundations.domain.records.labels import NO_LABELS
from foundations.errors import BundleExistsError, FoundationsError, JobExistsError, JobNotFoundError
from foundations.ports.archive_listing import JobRecord
from foundations.ports.bundling import BUNDLE_JOB, BundleContents, BundleFile
from foundations.ports.execution import JobStatus
from foundations.ports.job import JobEnd

_RESOURCES = Path(__file__).parent.parent.parent / "resources"


def deploy(
    stage: Stage,
    params_dict: Mapping[str, Any] | None,
    job_name: str | None,
    params: Mapping[str, Any],
    configuration: ConfigManager,
) -> Deployment:
    """Run a stage as a job and return its deployment.

    Args:
        stage: The stage.
        params_dict: Hyperparameters by name.
        job_name: The job's name; a readable one is made where it is None.
        params: Further hyperparameters.
        configuration: Has the settings, which are read once the pipeline is checked, and the project's name.

    Raises:
        FoundationsError: Whatever can be found wrong beforehand, before anything is written; or the job cannot be
            bundled or submitted, and nothing is left behind.
    """
    steps = events.Stopwatch()
    prepared = prepare_job(stage, params_dict, job_name, params)
    project = Path.cwd()
    with reading_repository(project) as repository:
        wiring = Wiring(settings=configuration.settings(), run_bundle=_run_bundle)
        bundle, variables, parameters = _bundle(prepared, project, repository, wiring, steps)
    labels = stage._labels or NO_LABELS
    record = JobRecord(
        job_name=prepared.name,
        submitted_at=time.time(),
        project=labels.project or configuration.project_name or _default_project(project),
        parameters=parameters,
        tags=labels.tags,
        note=labels.note,
        user=user_name(),
        host=host_name(),
    )
    _submit(bundle, record, variables, wiring)
    events.debug("job_submitted", job_name=prepared.name, took=steps.lap(), in_all=steps.total())
    return make_deployment(wiring.environment.handle(prepared.name), wiring)


def _bundle(
    prepared: PreparedJob, project: Path, repository: RepositoryReader, wiring: Wiring, steps: events.Stopwatch
) -> tuple[Bundle, Mapping[str, str], Mapping[str, Any]]:
    """Check what can be found wrong beforehand, and make the bundle.

    Returns:
        The bundle, the variables for its run script, and the parameters to record.
    """
    name, pipeline, parameters = prepared
    events.debug("job_prepared", job_name=name, project=str(project), stages=len(pipeline.nodes), took=steps.lap())
    extra_source_paths = resolve_extra_source_paths(project, wiring.settings)
    check_importable(pipeline, project, extra_source_paths, wiring)
    wiring.check_places((project, *extra_source_paths))
    wiring.check()
    _check_environment(wiring, project, pipeline)
    variables = resolve_run_script_environment(wiring.settings)
    _check_unused(name, wiring)
    job = freeze_job(name, pipeline, parameters, project, extra_source_paths, repository)
    warn_of_outside_script(job.main or NO_MAIN, (node.function for node in pipeline.nodes), project)
    warn_of_changed_literals(map(ProjectModule._make, job.modules))
    modules = ", ".join(module for module, _, _ in job.modules)
    events.debug("job_checked", job_name=name, modules_to_import=modules, took=steps.lap())
    contents = _serialise(job, extra_source_paths, wiring)
    size = f"{len(contents.members[BUNDLE_JOB]):,} bytes"
    events.debug("job_serialised", job_name=name, size=size, took=steps.lap())
    recorded = recorded_parameters(parameters, secret_hyperparameters(pipeline))
    bundle = _make_bundle(contents, wiring)
    events.debug("job_bundled", job_name=name, size=f"{bundle.file.size:,} bytes", took=steps.lap())
    return bundle, variables, recorded


def _serialise(job: Job, extra_source_paths: tuple[Path, ...], wiring: Wiring) -> BundleContents:
    with gc_paused():
        return bundle_contents(
            job,
            wiring.settings.to_json(),
            project_member=wiring.settings.job_source_bundle.member,
            extra_source_paths=extra_source_paths,
            excluded=wiring.directories(),
            serialiser=wiring.serialiser,
            read_resource=read_resource,
        )


def _default_project(project: Path) -> str:
    """Return the name of the project directory as text."""
    return os.fsencode(project.name).decode(errors="replace") or "default"  # of the root directory


def read_resource(name: str) -> bytes:
    """Return the content of a file that every bundle carries beside the SDK, as in ``run.sh``."""
    return (_RESOURCES / name).read_bytes()


def _check_environment(wiring: Wiring, project: Path, pipeline: Pipeline) -> None:
    wiring.environment.check(project)
    wiring.environment.check_requirements(project, lambda: imported_modules(pipeline))


def _check_unused(name: str, wiring: Wiring) -> None:
    earlier: JobRecord | JobStatus | None
    try:
        earlier = wiring.listing.get(name)
    except JobNotFoundError:
        (earlier,) = wiring.environment.poll([wiring.environment.handle(name)])
    if earlier is not None:
        raise JobExistsError(
            f"job name {name!r} is taken by an earlier job ({earlier.state}). Choose another name;"
            f" load_job({name!r}) finds that job. Nothing was written.",
            job_name=name,
        )


def _make_bundle(contents: BundleContents, wiring: Wiring) -> Bundle:
    try:
        return Bundle.make(contents, wiring.bundler)
    except BundleExistsError:
        # Another caller of this name may have been faster, and its bundle be in use.
        _check_unused(contents.job_name, wiring)
        raise


def _submit(bundle: Bundle, record: JobRecord, variables: Mapping[str, str], wiring: Wiring) -> None:
    """Enter the job into the listing and submit its bundle, which is discarded whatever goes wrong."""
    environment, listing = wiring.environment, wiring.listing
    with ExitStack() as undo:
        undo.callback(bundle.discard)
        stored = {"configuration": wiring.store_settings()} if environment.capabilities.crosses_processes else {}
        listing.track(
            record._replace(
                environment={
                    **stored,
                    "deployment": wiring.settings.deployment.to_mapping(),
                    "reference": dict(environment.handle(bundle.job_name).reference),
                },
            )
        )
        undo.callback(listing.remove, bundle.job_name)
        bundle.submit(environment, variables)
        undo.pop_all()
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
