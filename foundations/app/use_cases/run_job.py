"""The use case of the job's process: load the job, run its pipeline, archive what comes of it."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from foundations import events
from foundations.app.config.settings import Settings
from foundations.app.gc_pause import gc_paused
from foundations.app.job.archiver import Archiver
from foundations.app.job.error_report import describe_failure, summarise
from foundations.app.job.facts.machine import seconds_since_start
from foundations.app.job.job_files import JobFiles
from foundations.app.job.outside_modules import describe_outside_modules
from foundations.app.job.pool_watch import watch_pools
from foundations.app.job.provenance import describe_provenance
from foundations.app.job.recorder import JobRecorder
from foundations.app.project.job_loading import LoadedJob, load_job, prepare_imports
from foundations.app.wiring import Wiring
from foundations.domain.jobs import archive_layout as items
from foundations.domain.jobs.job import Job
from foundations.domain.pipeline.executor import execute
from foundations.ports.bundling import BUNDLE_CONFIG, BUNDLE_JOB
from foundations.ports.frames import Buffer
from foundations.ports.job import EndCause, JobState, Outcome
from foundations.ports.job_layout import MANIFEST, JobDirectory, read_packed_project

if TYPE_CHECKING:
    from foundations.app.caching.stage_cache import StageCache


class Progress(Protocol):
    """Shows the supervisor how far a job is."""

    def set(self, index: int) -> None:
        """Show that the stage at `index` runs; -1 for none."""


class JobContext(NamedTuple):
    """What a job runs with.

    Attributes:
        job_name: The job.
        wiring: Its adapters.
        project: The extracted project directory; None where the job runs in the submitter's own.
        source: Archives the packed project by the archiver that it is given.
        store_locally: Stores an item whose archive failed in the job's directory.
        report: Receives at once what could not be archived, a line each.
        progress: Receives the position of a stage that runs: when one starts, and when one ends; -1 for none.
        report_saved: Receives each file that was archived as an artifact.
        report_times: Receives the position of each stage that starts, and when; likewise of each that has ended.
        scratch: The directory for files that are written on the way to an archive; None for the system's own.
    """

    job_name: str
    wiring: Wiring
    project: Path | None
    source: Callable[[Archiver], object]
    store_locally: Callable[[str, Sequence[Buffer]], None]
    report: Callable[[str], None]
    progress: Callable[[int], None]
    report_saved: Callable[[Path], None] = lambda path: None
    report_times: Callable[[int, float, float | None], None] = lambda index, started_at, ended_at: None
    scratch: Path | None = None


def work(job_directory: str, progress: Progress, configure: Callable[[Settings], None]) -> int:
    """Run the job of an extracted bundle in this process, which serves nothing else, and return its exit code.

    Args:
        job_directory: Where the bundle was extracted.
        progress: Receives the position of the stage that runs.
        configure: Gives the job's settings to whatever else in this process asks for the configuration.
    """
    directory = JobDirectory(Path(job_directory))
    files = JobFiles(directory)
    config = directory.bundle / BUNDLE_CONFIG
    settings = Settings.from_json(json.loads(config.read_bytes()), str(config))
    project = read_packed_project((directory.bundle / MANIFEST).read_bytes())
    source = directory.bundle / project.path
    configure(settings)
    wiring = Wiring(settings=settings)
    context = JobContext(
        job_name=directory.job_name,
        wiring=wiring,
        project=directory.project,
        source=lambda archiver: archiver.write_file(wiring.archives.job_source, items.SOURCE, source, project.digest),
        store_locally=files.store_fallback,
        report=files.append_not_archived,
        progress=progress.set,
        report_saved=files.append_saved,
        report_times=files.append_times,
        scratch=directory.bundle,  # which is removed when the job has ended
    )
    outcome = run_job((directory.bundle / BUNDLE_JOB).read_bytes(), context)
    files.write_outcome(outcome)
    files.remove_times()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return 0 if outcome.state is JobState.COMPLETED else 1


def run_job(data: Buffer, context: JobContext) -> Outcome:
    """Load the serialised job, run its pipeline and archive what comes of it; never raises for the user's code."""
    archiver = Archiver(context.job_name, context.store_locally, context.report)
    wiring = context.wiring
    started_at = time.time()
    startup_seconds = None if context.project is None else seconds_since_start(os.getppid())
    try:
        if context.project is not None:  # adapters may be the project's own, so this comes before any of them
            prepare_imports(data, context.project, wiring.serialiser)
        wiring.archives.distinct()
        context.source(archiver)
        with gc_paused():
            loaded = _load_job(data, context)
    except BaseException as error:
        _archive_setup_failure(archiver, context, error, started_at, data)
        return Outcome(
            state=JobState.ERROR,
            cause=EndCause.ENVIRONMENT_SETUP,
            message=f"the job could not be loaded: {summarise(error)}",
            not_archived=tuple(archiver.not_archived),
        )
    start = {"startup_seconds": startup_seconds, "import_seconds": time.time() - started_at}
    outside = () if context.project is None else describe_outside_modules(context.project)
    document = describe_provenance(loaded, wiring.settings, os.environ, outside, start)
    provenance = json.dumps(document).encode()
    archiver.write(wiring.archives.provenance, items.PROVENANCE, [provenance])
    recorder = _run_pipeline(loaded, context, archiver)
    return Outcome(
        state=JobState.COMPLETED if recorder.cause is None else JobState.ERROR,
        cause=recorder.cause,
        message=recorder.message,
        stage=recorder.failed_stage,
        not_archived=tuple(archiver.not_archived),
    )


def _run_pipeline(loaded: LoadedJob, context: JobContext, archiver: Archiver) -> JobRecorder:
    """Run the pipeline of a job and archive its result; return what was recorded."""
    job, wiring = loaded.job, context.wiring
    recorder = JobRecorder(
        job_name=job.name,
        pipeline=job.pipeline,
        archives=wiring.archives,
        archiver=archiver,
        listing=lambda: wiring.listing,
        serialiser=wiring.serialiser,
        clock=time.time,
        progress=context.progress,
        roots=_source_roots(job, context),
        find_hints=lambda error: _find_hints(error, context, job.project),
        report_saved=context.report_saved,
        report_times=context.report_times,
        scratch=context.scratch,
    )
    memo = None
    try:
        with recorder.running:
            if any(node.caching is not None for node in job.pipeline.nodes):
                memo = _stage_cache(job, context)
            execute(job.pipeline, job.parameters, memo, recorder)
    except BaseException:
        if recorder.cause is None:  # not a stage's: the machinery's own
            raise
        _print_error(recorder.traceback)
    recorder.archive_result(None if memo is None else memo.notes.to_json(), loaded.report_differences())
    return recorder


def _stage_cache(job: Job, context: JobContext) -> StageCache:
    """Return the memo of a job's stages; their code is followed now, before a stage changes what it refers to."""
    from foundations.app.caching.assembly import stage_cache  # few jobs have stages that may be cached

    project = job.project if context.project is None else str(context.project)
    return stage_cache(job, project, context.wiring)


def _load_job(data: Buffer, context: JobContext) -> LoadedJob:
    if context.project is None:
        return LoadedJob(Job.from_buffer(data, context.wiring.serialiser), [], [], {})
    watch_pools()
    return load_job(data, context.project, context.wiring.serialiser)


def _source_roots(job: Job, context: JobContext) -> list[str]:
    return [job.project] if context.project is None else [str(context.project), job.project]


def _find_hints(error: BaseException, context: JobContext, original: str | None) -> list[str]:
    from foundations.app.job.error_hints import JobPlace, find_hints  # only failing jobs need it

    project = context.project
    if project is None:
        return find_hints(error, JobPlace(None, original, lambda path: None))
    bundler = context.wiring.bundler
    return find_hints(error, JobPlace(str(project), original, lambda path: bundler.explain_exclusion(project, path)))


def _print_error(text: str) -> None:
    """Write a failure where a person who reads the job's log looks for it."""
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - into the job's own stream
    except Exception as error:  # the user's code has closed it, or put another there
        events.debug("not_written_to_stderr", reason=f"{type(error).__name__}: {error}")


def _archive_setup_failure(
    archiver: Archiver, context: JobContext, error: BaseException, started_at: float, data: Buffer
) -> None:
    def hints(error: BaseException) -> list[str]:
        return _find_hints(error, context, Job.header(data, context.wiring.serialiser)["project"])

    roots = [] if context.project is None else [str(context.project)]
    information = describe_failure(error, roots, "", None, "set-up", hints)
    _print_error(information["traceback"])
    document = {
        "format": 1,
        "uuids": ["set-up"],
        "names": ["set-up"],
        "started_at": [started_at],
        "ended_at": [time.time()],
        "details": {"set-up": {"error_information": information}},
    }
    content = [json.dumps(document).encode()]
    try:
        archive = context.wiring.archives.miscellaneous
    except Exception as error:  # it may be the very adapter that cannot be made here
        archiver.store_locally(items.RESULT, content, error)
    else:
        archiver.write(archive, items.RESULT, content)
