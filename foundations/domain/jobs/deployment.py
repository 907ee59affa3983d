"""Deployments: one job in one execution environment, from submission to archived result."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foundations import events
from foundations.domain.jobs import archive_layout as items
from foundations.domain.jobs.archive_layout import Archives
from foundations.domain.jobs.archived_job import Remains
from foundations.domain.jobs.remote_error import describe_failure
from foundations.domain.jobs.result import Result
from foundations.errors import (
    FoundationsError,
    ItemNotFoundError,
    OutputUnreadableError,
    RemoteException,
    StorageUnavailableError,
    WaitTimeoutError,
)
from foundations.ports.archive_listing import JobChange, PipelineListing
from foundations.ports.execution import ExecutionEnvironment, JobHandle
from foundations.ports.job import EndCause, JobEnd, JobState
from foundations.ports.serialisation import Serialiser

_LOOK_AGAIN = 0.05
_ON_ITS_WAY = 10.0
"""Seconds within which a job that the listing has may not be known to its environment yet."""


class Deployment:
    """One job in one execution environment.

    ``stage.run()`` returns one, and ``load_job(name)`` finds it again in any process.
    """

    def __init__(
        self,
        *,
        handle: JobHandle,
        environment: ExecutionEnvironment,
        archives: Archives,
        listing: PipelineListing,
        serialiser: Serialiser,
        clock: Callable[[], float],
        now: Callable[[], float],
        pause: Callable[[float], None],
        write_file: Callable[[Path, bytes], None],
    ) -> None:
        self._handle = handle
        self._environment = environment
        self._archives = archives
        self._listing = listing
        self._serialiser = serialiser
        self._clock = clock
        self._now = now
        self._pause = pause
        self._write_file = write_file

    def job_name(self) -> str:
        """Return the job's name."""
        return self._handle.job_name

    def get_job_status(self) -> str:
        """Return where the job is: ``Queued``, ``Running``, ``Completed``, ``Error`` or ``Cancelled``."""
        return self._look()[0].value

    def is_job_complete(self) -> bool:
        """Return whether the job has ended, whichever way."""
        return self._look()[0].is_final

    def wait_for_deployment_to_complete(self, wait_seconds: float = 5, timeout: float | None = None) -> None:
        """Return when the job has ended, whichever way. Ctrl-C detaches: the job goes on.

        Args:
            wait_seconds: The longest interval between two looks, where the environment cannot be told of an end.
            timeout: Give up after so many seconds; None waits for ever.

        Raises:
            WaitTimeoutError: The timeout is over; the job is untouched.
        """
        if not _is_number(wait_seconds) or not wait_seconds > 0:
            raise FoundationsError(
                f"wait_seconds is the longest interval between two looks, a number of seconds above 0, not"
                f" {wait_seconds!r:.100}"
            )
        if timeout is not None and (not _is_number(timeout) or not timeout >= 0):
            raise FoundationsError(f"timeout is a number of seconds, at least 0, or None, not {timeout!r:.100}")
        deadline = None if timeout is None else self._clock() + timeout
        while not self.is_job_complete():
            left = None if deadline is None else deadline - self._clock()
            if left is not None and left <= 0:
                raise WaitTimeoutError(
                    f"job {self.job_name()} is {self.get_job_status()} after {timeout} s; it goes on, wait again or"
                    " cancel() it",
                    job_name=self.job_name(),
                    timeout=timeout,
                )
            try:
                self._environment.wait([self._handle], timeout=left, interval=wait_seconds)
            except KeyboardInterrupt as interrupt:
                name = self.job_name()
                interrupt.add_note(f"job {name} goes on: load_job({name!r}) finds it again, to wait or to cancel()")
                raise

    def fetch_job_results(self, wait_seconds: float = 5, timeout: float | None = None) -> Result:
        """Wait for the job's end and return its result.

        Args:
            wait_seconds: The longest interval between two looks, where the environment cannot be told of an end.
            timeout: Give up waiting after so many seconds; None waits for ever.

        Raises:
            RemoteException: The job did not complete; its ``result`` holds what was archived all the same.
            WaitTimeoutError: The timeout is over; the job is untouched.
            StorageError: An archive cannot be read.
        """
        self.wait_for_deployment_to_complete(wait_seconds, timeout)
        end = self._look()[1]
        if end is None:
            raise StorageUnavailableError(f"job {self.job_name()} has ended, but its end record is gone")
        document = self._left.document()
        digests = {uuid: known.get("data_uuid") for uuid, known in document.details.items()}
        result = Result(end, document, lambda uuid: self._left.load_output(uuid, digests.get(uuid)), self.provenance)
        if end.state is not JobState.COMPLETED:
            raise self._failure(end, result)
        if document.uuids and result["global_stage_context"]["has_stage_output"]:
            try:
                result["global_stage_context"]["stage_output"]  # fetched now, while the archive is there
            except OutputUnreadableError as error:  # the rest of the result is good, and asking for the output says so
                events.warning("output_unreadable", job_name=self.job_name(), reason=str(error))
        return result

    def get_job_logs(self, stream: str | None = None) -> str:
        """Return what the job has written so far.

        Args:
            stream: ``stdout`` or ``stderr``; both, one after the other, by default.
        """
        if stream is not None:
            return self._log(stream)
        return self._log("stdout") + self._log("stderr")

    def cancel(self) -> None:
        """End the job, politely at first; nothing where it has ended already. Returns when it has ended."""
        if self._look()[0].is_final:
            return
        self._environment.cancel(self._handle)
        self._look()

    def provenance(self) -> dict[str, Any]:
        """Return how the job's result came to be.

        Raises:
            ItemNotFoundError: The job has not begun yet, or ended before it was archived.
        """
        with self._explaining("provenance"):
            return self._left.provenance()

    def fetch_job_source(self, target: Path | str) -> Path:
        """Write the project, as it was bundled, to the new file `target`, a .tgz, and return its path.

        Raises:
            ItemNotFoundError: The job has not begun yet, or ended before it was archived.
        """
        with self._explaining("source"):
            return self._left.fetch_file(self._archives.job_source, items.SOURCE, target)

    def artifacts(self) -> list[str]:
        """Return the names of the artifacts that the job has saved so far."""
        kept = self._archives.artifact.items(self.job_name(), items.ARTIFACTS)
        return [item.name.removeprefix(items.ARTIFACTS) for item in kept]

    def fetch_artifact(self, name: str, target: Path | str) -> Path:
        """Write the artifact `name` to the new file `target` and return its path.

        Raises:
            ItemNotFoundError: The job has saved none of that name.
        """
        saved = self.artifacts()
        if name not in saved:
            raise ItemNotFoundError(
                f"job {self.job_name()} has saved no artifact {name!r:.200}; it has saved:"
                f" {', '.join(saved) or 'none'}",
                job_name=self.job_name(),
                item=name,
            )
        return self._left.fetch_file(self._archives.artifact, items.ARTIFACTS + name, target)

    def __repr__(self) -> str:
        return f"<deployment of job {self.job_name()}>"

    # -- inside -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _explaining(self, what: str) -> Iterator[None]:
        """Say of an item that is not there whether it still may come."""
        state = self._look()[0]  # before it is read: it may come, and the job end, afterwards
        try:
            yield
        except ItemNotFoundError as error:
            why = (
                f"is {state.value}, and the archive has no {what} of it: it was not archived, or was removed since"
                if state.is_final
                else f"has not archived its {what} yet: it is {state.value}, and does so when it begins; ask again then"
            )
            raise ItemNotFoundError(f"job {error.job_name} {why}", job_name=error.job_name, item=error.item) from error

    @property
    def _left(self) -> Remains:
        return Remains(
            handle=self._handle,
            environment=self._environment,
            archives=self._archives,
            serialiser=self._serialiser,
            write_file=self._write_file,
        )

    def _look(self) -> tuple[JobState, JobEnd | None]:
        """Return the job's state, and its end record where it has ended; mend the listing where it knows less."""
        (status,) = self._environment.poll([self._handle])
        if status is not None:
            if status.end is not None:
                self._tell_listing(status.end)
            return status.state, status.end
        end = self._archived_end()
        if end is not None:
            self._tell_listing(end)
            return end.state, end
        record = self._listing.get(self.job_name())
        if record.state is JobState.QUEUED and self._now() - record.submitted_at < _ON_ITS_WAY:
            self._pause(_LOOK_AGAIN)  # nobody can be told when it gets there, and it will in a moment
            return record.state, None
        if not record.state.is_final:
            end = JobEnd(
                job_name=self.job_name(),
                state=JobState.ERROR,
                cause=EndCause.LOST,
                message="the execution environment does not know this job, and no archive has its end:"
                " its submission did not get there, or its directory was removed",
                ended_at=record.submitted_at,
            )
            self._tell_listing(end)
            return end.state, end
        return record.state, JobEnd(
            job_name=self.job_name(),
            state=record.state,
            cause=EndCause(record.cause) if record.cause else None,
            message="only the listing still knows this job",
            started_at=record.started_at,
            ended_at=record.ended_at or record.submitted_at,
        )

    def _archived_end(self) -> JobEnd | None:
        try:
            return JobEnd.from_json(json.loads(bytes(self._archives.miscellaneous.read(self.job_name(), items.END))))
        except ItemNotFoundError:
            return None

    def _tell_listing(self, end: JobEnd) -> None:
        """Mend the listing, and the archive's copy of the end, where their writer died before it told them.

        They only repeat the end record, so their failure is told and stands in nobody's way.
        """
        try:
            if self._listing.get(self.job_name()).state is end.state:
                return
            try:
                if end.cause is EndCause.LOST:
                    self._keep_streams()
                self._archives.tell_end(end)
            except Exception as error:  # of whatever adapter
                events.warning("end_not_archived", job_name=self.job_name(), reason=str(error))
            self._listing.update(self.job_name(), JobChange.of(end))  # last: who finds it told looks no further
        except Exception as error:  # likewise
            events.warning("listing_not_mended", job_name=self.job_name(), reason=str(error))

    def _keep_streams(self) -> None:
        """Archive what a job wrote whose supervisor died before it could."""
        for stream in ("stdout", "stderr"):
            said = self._environment.logs(self._handle, stream)
            if said:
                self._archives.stage_log.write(self.job_name(), items.stream_item(stream), [said])

    def _log(self, stream: str) -> str:
        (status,) = self._environment.poll([self._handle])
        if status is not None:
            return self._environment.logs(self._handle, stream).decode(errors="replace")
        try:
            return bytes(self._archives.stage_log.read(self.job_name(), items.stream_item(stream))).decode(
                errors="replace"
            )
        except ItemNotFoundError:
            return ""

    def _failure(self, end: JobEnd, result: Result) -> RemoteException:
        failure = describe_failure(end, result, self.get_job_logs("stderr"))
        failure.__cause__ = self._left.original_exception()
        return failure


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
