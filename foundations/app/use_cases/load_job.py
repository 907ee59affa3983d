"""The use case behind ``load_job()``: find a job that was submitted before, by whichever process."""

from __future__ import annotations

import functools
import time
from pathlib import Path

from foundations.app.config.settings import Origin, Settings
from foundations.app.job.artifacts.reading import ArtifactReader
from foundations.app.wiring import Wiring
from foundations.domain.jobs.archived_job import ArchivedJob
from foundations.domain.jobs.deployment import Deployment
from foundations.domain.jobs.reconciliation import Reconciler
from foundations.errors import JobNotFoundError
from foundations.ports.archive_listing import PipelineListing
from foundations.ports.execution import JobHandle
from foundations.ports.job import check_job_name
from foundations.ports.job_query import JobQuery

_MOST_COMPARED = 1_000


def load_job(job_name: str, settings: Settings) -> Deployment:
    """Return the deployment of a job that was submitted before, by whichever process.

    The job is looked up with the adapters that it was submitted with, where this user submitted it: their settings are
    stored privately, and the listing's record has their digest. Nothing else of the record is used, since others may
    have written it: no class that it names is imported, and no directory that it names is touched.

    Args:
        job_name: The job.
        settings: Name the listing and the archives.

    Raises:
        JobNameError: `job_name` cannot name a job.
        JobNotFoundError: The listing has no job of that name.
    """
    present = Wiring(settings=settings)
    try:
        record = present.listing.get(check_job_name(job_name))
    except JobNotFoundError as error:
        raise _explain_absence(error, job_name, present.listing, settings) from error
    wiring = present.restored(record.environment.get("configuration"))
    return make_deployment(wiring.environment.handle(job_name), wiring)


def _explain_absence(
    error: JobNotFoundError, job_name: str, listing: PipelineListing, settings: Settings
) -> JobNotFoundError:
    """Return the error with the names that a user may have meant, and with the configuration that was used."""
    import difflib

    names = [record.job_name for record in listing.find(JobQuery(limit=_MOST_COMPARED))]
    nearest = difflib.get_close_matches(job_name, names, n=3)
    if nearest:
        hint = f"Did you mean {' or '.join(map(repr, nearest))}?"
    elif names:
        hint = f"Its latest jobs are: {', '.join(names[:3])}."
    else:
        hint = "It has no job at all."
    origin = settings.origins.get(settings.archive_listing.key, Origin())
    configured = "the defaults" if origin.file is None else f"{origin.file}:{origin.line}"
    return JobNotFoundError(
        f"{error.message} {hint} The listing is that of {configured}; if the job was submitted with another"
        " configuration, run from its project directory, or choose it with set_environment().",
        job_name=job_name,
        path=getattr(error, "path", None),
    )


def make_deployment(handle: JobHandle, wiring: Wiring) -> Deployment:
    """Return the deployment of the job that `handle` finds in the execution environment of `wiring`."""
    environment = wiring.environment
    archived_job = ArchivedJob(handle, environment, wiring.archives, wiring.serialiser, _write_new_file)
    return Deployment(
        handle=handle,
        environment=environment,
        reconciler=Reconciler(environment=environment, stores=wiring, now=time.time, pause=time.sleep),
        archived_job=archived_job,
        artifacts=ArtifactReader(archived_job),
        clock=time.monotonic,
        attach=functools.partial(make_deployment, handle, wiring),
    )


def _write_new_file(path: Path, data: bytes) -> None:
    with path.open("xb") as stream:
        stream.write(data)
