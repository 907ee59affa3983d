"""The use case behind ``stage.run()``: check, serialise, bundle, submit, clean up."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from foundations import events
from foundations.app import running_stage
from foundations.app.config.settings import AdapterSettings, Origin, Settings, resolve_variables
from foundations.app.gc_pause import gc_paused
from foundations.app.job.provenance import current_commit, recorded_parameters
from foundations.app.project import check_modules, import_paths
from foundations.app.use_cases.call_check import check_calls
from foundations.app.wiring import Wiring
from foundations.domain.jobs.archived_job import ArchivedJob
from foundations.domain.jobs.deployment import Deployment
from foundations.domain.jobs.job import Job
from foundations.domain.jobs.reconciliation import Reconciler
from foundations.domain.pipeline.graph import Pipeline
from foundations.domain.pipeline.hyperparameter import check_parameters, merge_parameters
from foundations.domain.pipeline.stage import Stage
from foundations.errors import (
    BundleExistsError,
    ConfigurationError,
    FoundationsError,
    InsideJobError,
    JobExistsError,
    JobNotFoundError,
    UnsupportedPlatformError,
)
from foundations.ports.archive_listing import JobRecord
from foundations.ports.bundling import (
    BUNDLE_CONFIG,
    BUNDLE_JOB,
    BUNDLE_RUN_SCRIPT,
    BUNDLE_RUNNER,
    Bundle,
    BundleContents,
)
from foundations.ports.execution import JobHandle, Submission
from foundations.ports.job import JobEnd, check_job_name
from foundations.ports.serialisation import Serialiser

RUNTIME_PACKAGES = ("foundations", "attr", "attrs", "cloudpickle", "structlog", "yaml")
_RESOURCES = Path(__file__).parent.parent.parent / "resources"


def deploy(
    stage: Stage,
    params_dict: Mapping[str, Any] | None,
    job_name: str | None,
    params: Mapping[str, Any],
    settings: Callable[[], Settings],
) -> Deployment:
    """Run a stage as a job and return its deployment.

    Every error that can be found beforehand is raised before anything is written.
    """
    if not sys.platform.startswith(("linux", "darwin")):
        raise UnsupportedPlatformError(f"foundations runs jobs on Linux, not on {sys.platform}; use WSL or a container")
    if running_stage.is_inside():
        raise InsideJobError(
            "run() was called inside a job. In a stage, pass the other stage on as an argument, or call its plain"
            " function; in a module that stages are imported from, put what runs jobs below"
            ' `if __name__ == "__main__":`, since the job imports the module too'
        )
    if _is_imported_by_multiprocessing():
        raise InsideJobError(
            "run() was called while multiprocessing imports this script again in a child process, which would run the"
            ' job over and over: put what runs jobs below `if __name__ == "__main__":`, or have multiprocessing fork'
        )
    name = None if job_name is None else check_job_name(job_name)
    with gc_paused():
        pipeline = Pipeline.of(stage)
        check_calls(pipeline)
    name = name or _generated_name(pipeline)
    parameters = merge_parameters(params_dict, params)
    check_parameters(pipeline.hyperparameters, parameters)
    wiring = Wiring(settings=settings())
    project = Path.cwd()
    source = wiring.settings.job_source_bundle
    extra = tuple((project / os.path.expanduser(path)).resolve() for path in source.extra_source_paths)
    for configured, place in zip(source.extra_source_paths, extra, strict=True):
        if not place.is_dir():
            origin = wiring.settings.origins.get("job_source_bundle", Origin())
            raise ConfigurationError(
                f"{configured!r} is no directory: {place} is not there",
                file=origin.file,
                line=origin.line,
                key="job_source_bundle.extra_source_paths",
                found=configured,
                expected="a directory, relative to the working directory or absolute",
            )
    if wiring.environment.capabilities.crosses_processes:
        check_modules(pipeline, project, extra)
    wiring.check()
    wiring.environment.check(project)
    origin = wiring.settings.origins.get("run_script_environment", Origin())
    variables = {
        name: resolve_variables(value, os.environ, f"run_script_environment.{name}", origin)
        for name, value in wiring.settings.run_script_environment.items()
    }
    _check_unused(name, wiring)
    job = Job(
        name=name,
        pipeline=pipeline,
        parameters=parameters,
        project=str(project),
        import_paths=import_paths(project, extra),
        commit=current_commit(project),
    )
    with gc_paused():
        members = bundle_members(job, wiring.settings, wiring.serialiser)
    contents = BundleContents(
        job_name=name,
        members=members,
        project=project,
        project_member=source.member,
        extra_source_paths=extra,
        runtime_packages=RUNTIME_PACKAGES,
        directory=project.parent,
    )
    try:
        bundle = wiring.bundler.make(contents)
    except BundleExistsError:
        _check_unused(name, wiring)  # another caller of this name may have been faster, and its bundle be in use
        raise
    discarded_by_run = not wiring.environment.capabilities.crosses_processes
    try:
        _submit(bundle, wiring, parameters, variables)
    except BaseException:
        wiring.bundler.discard(bundle)
        raise
    if not discarded_by_run:
        try:
            wiring.bundler.discard(bundle)
        except (OSError, FoundationsError) as error:  # the job runs, and that is what the caller must know
            events.warning("bundle_not_removed", job_name=name, path=str(bundle.path), reason=str(error))
    return _deployment(wiring.environment.handle(name), wiring)


def find_deployment(job_name: str, settings: Settings) -> Deployment:
    """Return the deployment of a job that was submitted before, by whichever process.

    The listing tells in which execution environment it runs: that of its own configuration, not of the present one.

    Raises:
        JobNotFoundError: The listing has no job of that name.
    """
    record = Wiring(settings=settings).listing.get(check_job_name(job_name))
    entry = settings.deployment
    known = record.environment.get("deployment")
    if known:
        entry = AdapterSettings.from_mapping(entry.key, known, Origin(f"the listing's record of job {job_name}"))
    wiring = Wiring(settings=settings._replace(deployment=entry))
    return _deployment(JobHandle(job_name=job_name, reference=record.environment.get("reference", {})), wiring)


def _deployment(handle: JobHandle, wiring: Wiring) -> Deployment:
    environment = wiring.environment
    return Deployment(
        handle=handle,
        environment=environment,
        reconciler=Reconciler(environment=environment, stores=wiring, now=time.time, pause=time.sleep),
        archived_job=ArchivedJob(handle, environment, wiring.archives, wiring.serialiser, _write_new_file),
        clock=time.monotonic,
    )


def _write_new_file(path: Path, data: bytes) -> None:
    with path.open("xb") as stream:
        stream.write(data)


def _is_imported_by_multiprocessing() -> bool:
    """Return whether this process is a child of multiprocessing's that is still being set up.

    This is how ``multiprocessing.spawn`` itself keeps a script from starting processes without end.
    """
    process = sys.modules.get("multiprocessing.process")
    return process is not None and getattr(process.current_process(), "_inheriting", False)


def _generated_name(pipeline: Pipeline) -> str:
    """Return a name that tells what ran and when, and that no other job has: ``train-20261123-221530-4kq7``."""
    function = re.sub(r"[^A-Za-z0-9_]+", "-", pipeline.name(len(pipeline.nodes) - 1)).strip("-_") or "job"
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    apart = "".join(alphabet[byte % len(alphabet)] for byte in os.urandom(5))
    return f"{function[:60]}-{time.strftime('%Y%m%d-%H%M%S')}-{apart}"


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


def bundle_members(job: Job, settings: Settings, serialiser: Serialiser) -> dict[str, bytes]:
    """Return the small files at the root of a job's bundle.

    Raises:
        NotSerialisableError: Something in the job cannot be pickled.
    """
    import json

    return {
        BUNDLE_JOB: b"".join(job.to_buffers(serialiser)),
        BUNDLE_CONFIG: json.dumps(settings.to_json(), indent=1).encode(),
        BUNDLE_RUN_SCRIPT: (_RESOURCES / BUNDLE_RUN_SCRIPT).read_bytes(),
        BUNDLE_RUNNER: (_RESOURCES / BUNDLE_RUNNER).read_bytes(),
    }


def _submit(bundle: Bundle, wiring: Wiring, parameters: Mapping[str, Any], variables: Mapping[str, str]) -> None:
    name = bundle.job_name
    handle = wiring.environment.handle(name)
    wiring.listing.track(
        JobRecord(
            job_name=name,
            submitted_at=time.time(),
            parameters=recorded_parameters(parameters),
            environment={"deployment": wiring.settings.deployment.to_mapping(), "reference": dict(handle.reference)},
        )
    )

    def here() -> JobEnd:
        from foundations.app.use_cases.run_bundle import run_bundle  # environments for tests alone do this

        return run_bundle(bundle, wiring)

    submission = Submission(job_name=name, bundle=bundle, variables=variables, run_here=here)
    try:
        wiring.environment.submit(submission)
    except BaseException:
        wiring.listing.remove(name)
        raise
