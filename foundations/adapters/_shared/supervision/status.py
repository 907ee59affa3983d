"""Where a job is, read from its directory by any process of its host."""

from __future__ import annotations

from foundations import events
from foundations.adapters._shared.fs.removal import remove_tree
from foundations.adapters._shared.fs.trusted import is_private_directory
from foundations.adapters._shared.supervision.end_determination import determine_unrecorded_end
from foundations.adapters._shared.supervision.end_record import read_end, write_end
from foundations.adapters._shared.supervision.liveness import read_liveness
from foundations.errors import StorageUnavailableError
from foundations.ports.execution import JobStatus
from foundations.ports.job import JobEnd, JobState
from foundations.ports.job_layout import JobDirectory


def read_status(directory: JobDirectory) -> JobStatus | None:
    """Return where a job is; None where it has no directory.

    A job that nobody supervises and that has no end record has ended: its end is determined and recorded now.

    Raises:
        StorageUnavailableError: It cannot be determined, or the end record is damaged.
        UntrustedLocationError: Somebody else could have written the directory.
    """
    try:
        return _read_status(directory)
    except OSError as error:
        raise StorageUnavailableError(
            f"{error.filename or directory.path}: the job's state cannot be read: {error.strerror or error}",
            path=str(error.filename or directory.path),
        ) from error


def _read_status(directory: JobDirectory) -> JobStatus | None:
    if not directory.state.is_dir():
        return None
    is_private_directory(directory.state)  # and its parents, else it raises: what the files say is believed
    end = read_end(directory)
    if end is None:
        liveness = read_liveness(directory)
        if liveness.alive:
            state = JobState.RUNNING if liveness.started else JobState.QUEUED
            return JobStatus(job_name=directory.job_name, state=state)
        end = read_end(directory) or _record_unrecorded_end(directory)
    return JobStatus(job_name=directory.job_name, state=end.state, end=end)


def _record_unrecorded_end(directory: JobDirectory) -> JobEnd:
    """Record how a job without lock and end record ended, unless somebody else has recorded an end."""
    end = determine_unrecorded_end(directory)
    try:
        written = write_end(directory, end)
    except OSError as error:  # it has ended all the same; whoever looks next tries again
        events.warning("end_not_recorded", job_name=end.job_name, reason=str(error))
        return end
    if written:
        for path in (directory.bundle, directory.project):
            remove_tree(path)
    return read_end(directory) or end
