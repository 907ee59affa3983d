"""Reconciliation: where jobs are, and archive and listing brought into line with their end records.

The end record of the execution environment is the only truth about a job's end. The archive holds a copy of it, for
when the environment has forgotten the job, and the listing an index entry. Both are written by the job's supervisor,
and again by the next reader where the supervisor could not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from foundations import events
from foundations.domain.jobs.archive_layout import Archives, stream_item
from foundations.errors import StorageUnavailableError
from foundations.ports.archive_listing import JobChange, JobRecord, PipelineListing
from foundations.ports.job import EndCause, JobEnd, JobState
from foundations.ports.job_layout import STREAMS

if TYPE_CHECKING:  # slow to import, and a job's supervisor records its end alone
    from foundations.ports.execution import ExecutionEnvironment, JobHandle, JobStatus

_SUBMISSION_SECONDS = 10.0
"""How long after its submission a job may be unknown to its environment before it counts as lost."""
_PAUSE_SECONDS = 0.05


class JobStores(Protocol):
    """Where ends are copied to. Either may be made, and then fail, when it is first read."""

    @property
    def archives(self) -> Archives:
        """The six archives."""

    @property
    def listing(self) -> PipelineListing:
        """The archive listing."""


def record_end(end: JobEnd, stores: JobStores) -> None:
    """Copy an end into the archive and the listing.

    A failure of the archive goes to the log. The listing comes last: once it has the end, no reader checks the archive.

    Raises:
        StorageError: The listing cannot be updated.
    """
    try:
        stores.archives.write_end(end)
    except Exception as error:  # of whatever adapter
        events.warning("end_not_archived", job_name=end.job_name, reason=str(error))
    stores.listing.update(end.job_name, JobChange.of(end))


class Reconciler(NamedTuple):
    """Determines where jobs of one environment are, and brings archive and listing into line.

    Args:
        environment: Where the jobs run.
        stores: Their archives and listing.
        now: Returns the seconds since the epoch.
        pause: Waits for a number of seconds.
    """

    environment: ExecutionEnvironment
    stores: JobStores
    now: Callable[[], float]
    pause: Callable[[float], None]

    def statuses(self, handles: Sequence[JobHandle]) -> list[JobStatus]:
        """Return where each job is, in order, with its end where it has ended.

        Raises:
            JobNotFoundError: Neither environment, archive nor listing knows a job.
            StorageUnavailableError: It cannot be determined.
        """
        polled = self.environment.poll(handles)
        statuses = [
            self._status_without_environment(handle.job_name) if status is None else status
            for handle, status in zip(handles, polled, strict=True)
        ]
        for handle, status in zip(handles, statuses, strict=True):
            if status.end is not None:
                self._update_copies(handle, status.end)
        if any(before is None and not after.state.is_final for before, after in zip(polled, statuses, strict=True)):
            self.pause(_PAUSE_SECONDS)  # the environment cannot be waited on for a job that it does not know yet
        return statuses

    def _status_without_environment(self, job_name: str) -> JobStatus:
        """Return the status of a job that its environment does not know: forgotten, not submitted yet, or lost."""
        from foundations.ports.execution import JobStatus

        end = self.stores.archives.read_end(job_name)
        if end is None:
            record = self.stores.listing.get(job_name)
            if record.state is JobState.QUEUED and self.now() - record.submitted_at < _SUBMISSION_SECONDS:
                return JobStatus(job_name, record.state)
            end = _end_of(record)
        return JobStatus(job_name, end.state, end)

    def _update_copies(self, handle: JobHandle, end: JobEnd) -> None:
        """Write the copies of an end that the listing does not have; their failure goes to the log alone."""
        try:
            if self.stores.listing.get(end.job_name).state is end.state:
                return
            if end.cause is EndCause.LOST:
                self._archive_streams(handle)
            record_end(end, self.stores)
        except Exception as error:  # of whatever adapter
            events.warning("listing_not_updated", job_name=end.job_name, reason=str(error))

    def _archive_streams(self, handle: JobHandle) -> None:
        """Archive the output of a job whose supervisor died before it could."""
        try:
            for stream in STREAMS:
                output = self.environment.logs(handle, stream)
                if output:
                    self.stores.archives.stage_log.write(handle.job_name, stream_item(stream), [output])
        except Exception as error:  # of whatever adapter
            events.warning("streams_not_archived", job_name=handle.job_name, reason=str(error))


def _end_of(record: JobRecord) -> JobEnd:
    """Return the end of a job that only the listing knows."""
    if not isinstance(record.state, JobState):
        raise StorageUnavailableError(
            f"where job {record.job_name} is cannot be told: the listing says {record.state}, a state of a newer"
            " release of foundations. Use that release"
        )
    if record.state.is_final:
        return JobEnd(
            job_name=record.job_name,
            state=record.state,
            cause=EndCause(record.cause) if record.cause else None,
            message="only the listing still knows this job",
            started_at=record.started_at,
            ended_at=record.ended_at or record.submitted_at,
        )
    return JobEnd(
        job_name=record.job_name,
        state=JobState.ERROR,
        cause=EndCause.LOST,
        message="the execution environment does not know this job, and no archive has its end:"
        " its submission did not get there, or its directory was removed",
        ended_at=record.submitted_at,
    )
