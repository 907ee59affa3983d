"""Deployments: one job in one execution environment, from submission to archived result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from foundations import events
from foundations.domain.jobs.archived_job import ArchivedJob
from foundations.domain.jobs.reconciliation import Reconciler
from foundations.domain.jobs.remote_error import describe_failure
from foundations.domain.jobs.result import Result
from foundations.domain.jobs.result_document import ResultDocument
from foundations.domain.records.annotating import WithAnnotations
from foundations.domain.records.artifacts import Artifacts, WithArtifacts
from foundations.errors import (
    FoundationsError,
    ItemNotFoundError,
    OutputUnreadableError,
    RemoteException,
    StorageUnavailableError,
    WaitTimeoutError,
)
from foundations.escaping import has_controls
from foundations.ports.execution import ExecutionEnvironment, JobHandle, JobStatus
from foundations.ports.job import JobEnd, JobState


class Deployment(WithArtifacts, WithAnnotations):
    """One job in one execution environment.

    ``stage.run()`` returns one, and ``load_job(name)`` finds it again in any process. It can be pickled.
    """

    def __init__(
        self,
        *,
        handle: JobHandle,
        environment: ExecutionEnvironment,
        reconciler: Reconciler,
        archived_job: ArchivedJob,
        artifacts: Artifacts,
        clock: Callable[[], float],
        attach: Callable[[], Deployment] | None = None,
    ) -> None:
        self._handle = handle
        self._environment = environment
        self._reconciler = reconciler
        self._stores = reconciler.stores
        self._archived_job = archived_job
        self._artifacts = artifacts
        self._clock = clock
        self._attach = attach

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Return how a pickle makes the deployment again: anew, since adapters hold what cannot be pickled."""
        return super().__reduce__() if self._attach is None else (_call, (self._attach,))

    def job_name(self) -> str:
        """Return the job's name."""
        return self._handle.job_name

    def get_job_status(self) -> str:
        """Return where the job is: ``Queued``, ``Running``, ``Completed``, ``Error`` or ``Cancelled``."""
        return self._status().state.value

    def is_job_complete(self) -> bool:
        """Return whether the job has ended, whichever way."""
        return self._status().state.is_final

    @property
    def end(self) -> JobEnd | None:
        """How the job ended: its end record, or None where it has not ended."""
        return self._status().end

    def wait_for_deployment_to_complete(self, wait_seconds: float = 5, timeout: float | None = None) -> None:
        """Return when the job has ended, whichever way. Ctrl-C detaches: the job goes on.

        Args:
            wait_seconds: The longest interval between two checks, where the environment is not notified of an end.
            timeout: Give up after so many seconds; None waits for ever.

        Raises:
            WaitTimeoutError: The timeout is over; the job is untouched.
        """
        if not _is_number(wait_seconds) or not wait_seconds > 0:
            raise FoundationsError(
                f"wait_seconds, the longest interval between two checks, must be a number of seconds above 0, not"
                f" {wait_seconds!r:.100}"
            )
        if timeout is not None and (not _is_number(timeout) or not timeout >= 0):
            raise FoundationsError(f"timeout must be a number of seconds, at least 0, or None, not {timeout!r:.100}")
        deadline = None if timeout is None else self._clock() + timeout
        while not self.is_job_complete():
            left = None if deadline is None else deadline - self._clock()
            if left is not None and left <= 0:
                raise WaitTimeoutError(
                    f"job {self.job_name()} is still {self.get_job_status()} after {timeout} s. It continues; wait"
                    " again, or call cancel().",
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
            wait_seconds: The longest interval between two checks, where the environment is not notified of an end.
            timeout: Give up waiting after so many seconds; None waits for ever.

        Raises:
            RemoteException: The job did not complete; its ``result`` holds what was archived all the same.
            WaitTimeoutError: The timeout is over; the job is untouched.
            StorageError: An archive cannot be read.
        """
        self.wait_for_deployment_to_complete(wait_seconds, timeout)
        end = self._status().end
        if end is None:
            raise StorageUnavailableError(f"job {self.job_name()} has ended, but its end record is gone")
        document = self._archived_job.document()
        result = Result(end, document, partial(self._load_output, document), self.provenance)
        if end.state is not JobState.COMPLETED:
            raise self._failure(end, result)
        if document.uuids and result["global_stage_context"]["has_stage_output"]:
            try:
                result["global_stage_context"]["stage_output"]  # fetched now, while the archive is there
            except OutputUnreadableError as error:  # raised again by `result.output`; the rest of the result is good
                events.warning("output_unreadable", job_name=self.job_name(), reason=str(error))
        return result

    def get_job_logs(self, stream: str | None = None) -> str:
        """Return what the job has written so far.

        Args:
            stream: ``stdout`` or ``stderr``; both, one after the other, by default.
        """
        if stream is not None:
            return self._read_log(stream)
        return self._read_log("stdout") + self._read_log("stderr")

    def cancel(self) -> None:
        """End the job, politely at first; nothing where it has ended already. Returns when it has ended."""
        if self.is_job_complete():
            return
        self._environment.cancel(self._handle)
        self._status()  # which brings archive and listing into line

    def provenance(self) -> dict[str, Any]:
        """Return how the job's result came to be; once it has ended, with what it took of memory and time.

        Raises:
            ItemNotFoundError: The job has not begun yet, or ended before it was archived.
        """
        with self._missing_item_explained("provenance"):
            document = self._archived_job.provenance()
        end = self._status().end
        return document if end is None else {**document, "usage": dict(end.resources)}

    def fetch_job_source(self, target: Path | str) -> Path:
        """Write the project, as it was bundled, to the new file `target`, a .tgz, and return its path.

        Raises:
            ItemNotFoundError: The job has not begun yet, or ended before it was archived.
        """
        with self._missing_item_explained("source"):
            return self._archived_job.fetch_source(target)

    def __repr__(self) -> str:
        return f"<deployment of job {self.job_name()}>"

    # -- inside -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _missing_item_explained(self, what: str) -> Iterator[None]:
        """Raise that an item is not there with whether it still may come."""
        state = self._status().state  # before the item is read: it may come, and the job end, afterwards
        try:
            yield
        except ItemNotFoundError as error:
            why = (
                f"is {state.value}, and the archive has no {what} of it: it was not archived, or was removed since"
                if state.is_final
                else f"has not archived its {what} yet: it is {state.value}, and does so when it begins; ask again then"
            )
            raise ItemNotFoundError(f"job {error.job_name} {why}", job_name=error.job_name, item=error.item) from error

    def _load_output(self, document: ResultDocument, uuid: str) -> Any:
        return self._archived_job.load_output(uuid, document.details.get(uuid, {}).get("data_uuid"))

    def _status(self) -> JobStatus:
        (status,) = self._reconciler.statuses([self._handle])
        return status

    def _read_log(self, stream: str) -> str:
        (status,) = self._environment.poll([self._handle])
        if status is None:
            return self._archived_job.read_stream(stream)
        return self._environment.logs(self._handle, stream).decode(errors="replace")

    def _failure(self, end: JobEnd, result: Result) -> RemoteException:
        failure = describe_failure(end, result, self.get_job_logs("stderr"))
        original = self._archived_job.original_exception()
        if original is not None and _controls_terminals(original):
            failure.add_note("The original exception is not attached: it has control characters, which Python prints.")
        else:
            failure.__cause__ = original
        return failure


def _controls_terminals(error: BaseException) -> bool:
    """Return whether a traceback of `error`, which Python prints as it is, would control a terminal."""
    import traceback  # only failed jobs need it

    text = "".join(traceback.format_exception(error))
    return has_controls(text.replace("\n", "").replace("\t", ""))


def _call(attach: Callable[[], Deployment]) -> Deployment:
    return attach()


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
