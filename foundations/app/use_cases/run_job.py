"""The use case of the job's process: load the job, run its pipeline, archive what comes of it."""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from foundations import events
from foundations.app import running_stage
from foundations.app.config.settings import Settings
from foundations.app.gc_pause import collection_paused
from foundations.app.job.archiver import Keeper
from foundations.app.job.error_report import describe_failure, summary
from foundations.app.job.job_files import JobFiles
from foundations.app.job.provenance import describe_provenance
from foundations.app.job.recorder import JobJournal
from foundations.app.project import use_import_paths
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
    """Where a running job notes how far it is."""

    def set(self, index: int) -> None:
        """Note that the stage at `index` runs."""


class Workplace(NamedTuple):
    """Where a job runs.

    Attributes:
        job_name: The job.
        wiring: Its adapters.
        project: The extracted project directory; None where the job runs in the submitter's own.
        source: The packed project.
        source_digest: Its SHA-256 in hexadecimal, where it is known.
        keep_here: Keeps an item whose archive failed.
        note: Told at once what could not be archived, a line each.
        progress: Told the position of the stage that runs.
    """

    job_name: str
    wiring: Wiring
    project: Path | None
    source: Callable[[Keeper], object]
    keep_here: Callable[[str, Sequence[Buffer]], None]
    note: Callable[[str], None]
    progress: Callable[[int], None]


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
    workplace = Workplace(
        job_name=directory.job_name,
        wiring=wiring,
        project=directory.project,
        source=lambda keeper: keeper.write_file(wiring.archives.job_source, items.SOURCE, source, project.digest),
        keep_here=files.store_fallback,
        note=files.append_not_archived,
        progress=progress.set,
    )
    outcome = run_job((directory.bundle / BUNDLE_JOB).read_bytes(), workplace)
    files.write_outcome(outcome)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return 0 if outcome.state is JobState.COMPLETED else 1


def run_job(data: Buffer, workplace: Workplace) -> Outcome:
    """Load the serialised job, run its pipeline and archive what comes of it; never raises for the user's code."""
    keeper = Keeper(workplace.job_name, workplace.keep_here, workplace.note)
    wiring = workplace.wiring
    started_at = time.time()
    try:
        if workplace.project is not None:  # adapters may be the project's own, so this comes before any of them
            use_import_paths(workplace.project, Job.header(data, wiring.serialiser)["import_paths"])
        wiring.archives.distinct()
        workplace.source(keeper)
        with collection_paused():
            job = _loaded(data, workplace)
    except BaseException as error:
        _keep_setup_failure(keeper, workplace, error, started_at)
        return Outcome(
            state=JobState.ERROR,
            cause=EndCause.ENVIRONMENT_SETUP,
            message=f"the job could not be loaded: {summary(error)}",
            not_archived=tuple(keeper.not_archived),
        )
    archives = wiring.archives
    provenance = json.dumps(describe_provenance(job, wiring.settings, os.environ)).encode()
    keeper.write(archives.provenance, items.PROVENANCE, [provenance])
    journal = JobJournal(
        job_name=job.name,
        pipeline=job.pipeline,
        archives=archives,
        keeper=keeper,
        listing=lambda: wiring.listing,
        serialiser=wiring.serialiser,
        cache=lambda: _stage_cache(job, workplace),
        clock=time.time,
        progress=workplace.progress,
        roots=_roots(job, workplace),
    )
    try:
        with running_stage.running_stages(journal):
            if any(node.caching is not None for node in job.pipeline.nodes):
                journal.follow_code()
            execute(job.pipeline, job.parameters, journal)
    except BaseException as error:
        if journal.cause is None:  # not a stage's: the machinery's own
            raise
        _show(error, journal)
    journal.keep_result()
    return Outcome(
        state=JobState.COMPLETED if journal.cause is None else JobState.ERROR,
        cause=journal.cause,
        message=journal.message,
        stage=journal.failed_stage,
        not_archived=tuple(keeper.not_archived),
    )


def _stage_cache(job: Job, workplace: Workplace) -> StageCache:
    """Return what answers for the stages of a job; their code is followed now, before it runs."""
    from foundations.app.caching.assembly import stage_cache  # few jobs have stages that may be cached

    project = job.project if workplace.project is None else str(workplace.project)
    return stage_cache(job, project, workplace.wiring)


def _loaded(data: Buffer, workplace: Workplace) -> Job:
    if workplace.project is None:
        return Job.from_buffer(data, workplace.wiring.serialiser)
    sys.argv = [""]
    sys.modules["__main__"] = ModuleType("__main__")
    job = Job.from_buffer(data, workplace.wiring.serialiser)
    _install_main(job, workplace.project)
    return job


def _install_main(job: Job, project: Path) -> None:
    """Have multiprocessing, and whoever else looks a function of ``__main__`` up by name, find it."""
    main = vars(sys.modules["__main__"])
    for node in job.pipeline.nodes:
        function = node.function
        while isinstance(function, functools.partial):
            function = function.func
        function = getattr(function, "__func__", function)
        names = getattr(function, "__globals__", None)
        if names is None or function.__module__ != "__main__" or names is main:
            continue
        file = names.get("__file__")
        if isinstance(file, str) and file.startswith(job.project + os.sep):
            names["__file__"] = str(project / file[len(job.project) + 1 :])
        main.update({name: value for name, value in names.items() if not name.startswith("__") or name == "__file__"})
        main.setdefault(function.__name__, function)


def _roots(job: Job, workplace: Workplace) -> list[str]:
    return [job.project] if workplace.project is None else [str(workplace.project), job.project]


def _show(error: BaseException, journal: JobJournal) -> None:
    """Write the failure where a person who reads the log looks for it."""
    information = next(
        known["error_information"] for known in journal.details.values() if known.get("error_information")
    )
    _say(information["traceback"])


def _say(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - into the job's own stream
    except Exception as error:  # the user's code has closed it, or put another there
        events.debug("not_written_to_stderr", reason=f"{type(error).__name__}: {error}")


def _keep_setup_failure(keeper: Keeper, workplace: Workplace, error: BaseException, started_at: float) -> None:
    roots = [] if workplace.project is None else [str(workplace.project)]
    information = describe_failure(error, roots, "", None, "set-up")
    _say(information["traceback"])
    document = {
        "format": 1,
        "uuids": ["set-up"],
        "names": ["set-up"],
        "started_at": [started_at],
        "ended_at": [time.time()],
        "details": {"set-up": {"error_information": information}},
    }
    data = [json.dumps(document).encode()]
    try:
        archive = workplace.wiring.archives.miscellaneous
    except Exception as error:  # it may be the very adapter that cannot be made here
        keeper.keep_beside(items.RESULT, data, error)
    else:
        keeper.write(archive, items.RESULT, data)
