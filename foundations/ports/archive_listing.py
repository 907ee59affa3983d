"""The archive listing: the index of all jobs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from foundations.ports.job import JobEnd, JobState
from foundations.ports.job_query import Condition, JobQuery
from foundations.ports.store import Store


class JobRecord(NamedTuple):
    """A job's record in the listing. Every value is of JSON's own types.

    Attributes:
        job_name: Unique among all jobs of the listing.
        submitted_at: Seconds since the epoch; likewise the two below.
        project: The name under which jobs are grouped.
        state: Where the job is, as last recorded here; the environment's end record is the truth. The text of a state
            that a later release has written and this one does not know.
        cause: Why, where the state is ``Error``.
        started_at: When its process began.
        ended_at: When it ended.
        parameters: Its hyperparameters, as JSON.
        metrics: The last value of each logged metric.
        tags: What the user tagged it with.
        environment: The handle by which any process finds the job again in its execution environment.
        user: Who submitted it: the name of the operating system's user.
        host: Where it was submitted: the name of the machine.
        note: What the user wrote about it.
        kind: ``job``, or what a later release makes besides.
        study: The study that it belongs to.
        parent: The job that it was made from.
        attempt: Which try of the execution environment runs, or ran last; the first is 1.
        detail: Further words of the execution environment on the state.
    """

    job_name: str
    submitted_at: float
    project: str = "default"
    state: JobState | str = JobState.QUEUED
    cause: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    parameters: Mapping[str, Any] = {}
    metrics: Mapping[str, Any] = {}
    tags: Mapping[str, str] = {}
    environment: Mapping[str, Any] = {}
    user: str | None = None
    host: str | None = None
    note: str | None = None
    kind: str = "job"
    study: str | None = None
    parent: str | None = None
    attempt: int = 1
    detail: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether the job has ended, as far as this release knows its state."""
        return isinstance(self.state, JobState) and self.state.is_final

    @property
    def duration(self) -> float | None:
        """How long its process ran, in seconds; None unless it has begun and ended."""
        return None if self.started_at is None or self.ended_at is None else self.ended_at - self.started_at


class JobChange(NamedTuple):
    """A change of a record: None leaves a field as it is, mappings are merged key by key; `removed_tags` go first."""

    state: JobState | None = None
    cause: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    parameters: Mapping[str, Any] = {}
    metrics: Mapping[str, Any] = {}
    tags: Mapping[str, str] = {}
    removed_tags: tuple[str, ...] = ()
    environment: Mapping[str, Any] = {}
    project: str | None = None
    host: str | None = None
    note: str | None = None
    attempt: int | None = None
    detail: str | None = None

    @classmethod
    def of(cls, end: JobEnd) -> JobChange:
        """Return the change that records how a job ended."""
        cause = None if end.cause is None else end.cause.value
        return cls(state=end.state, cause=cause, started_at=end.started_at, ended_at=end.ended_at)

    def applied_to(self, record: JobRecord) -> JobRecord:
        """Return `record` with this change; a final or unknown state is never replaced by one that is not final."""
        changed = {name: getattr(self, name) for name in _PLAIN_FIELDS if getattr(self, name) is not None}
        is_settled = record.is_final or not isinstance(record.state, JobState)
        if is_settled and self.state is not None and not self.state.is_final:
            del changed["state"]
        kept = {name: value for name, value in record.tags.items() if name not in self.removed_tags}
        return record._replace(
            **changed,
            parameters={**record.parameters, **self.parameters},
            metrics={**record.metrics, **self.metrics},
            tags={**kept, **self.tags},
            environment={**record.environment, **self.environment},
        )


_PLAIN_FIELDS = ("state", "cause", "started_at", "ended_at", "project", "host", "note", "attempt", "detail")


class PipelineListing(Store):
    """The index of all jobs.

    Promises, each tested by :class:`foundations.testing.PipelineListingContract`:

    - Of several callers that track one name at once, exactly one succeeds.
    - No update is lost under many concurrent writers.
    - A final state is never replaced by one that is not.
    - A job that is not there raises :class:`~foundations.errors.JobNotFoundError`; a listing that cannot be read
      raises :class:`~foundations.errors.StorageUnavailableError`.
    - Conditions mean what :mod:`foundations.ports.job_query` says; :class:`foundations.testing.ListingQueriesContract`
      compares what an adapter finds with a reference.
    - Finding among 100,000 jobs stays interactive.
    """

    __slots__ = ()

    @abstractmethod
    def track(self, record: JobRecord) -> None:
        """Add a job.

        Raises:
            JobExistsError: The listing already has one of that name.
        """

    @abstractmethod
    def update(self, job_name: str, change: JobChange) -> None:
        """Change a job's record, atomically.

        Raises:
            JobNotFoundError: There is none.
        """

    @abstractmethod
    def get(self, job_name: str) -> JobRecord:
        """Return a job's record.

        Raises:
            JobNotFoundError: There is none.
        """

    @abstractmethod
    def find(self, query: JobQuery) -> Iterator[JobRecord]:
        """Iterate over the jobs that match `query`, in its order, in bounded memory.

        The listing may be written to meanwhile: which jobs are found, and their order, is decided at the first one, and
        each comes as it is when it is read; one that was removed before that is left out.
        """

    @abstractmethod
    def count(self, condition: Condition | None = None) -> int:
        """Return how many jobs meet `condition`; None is met by all."""

    @abstractmethod
    def names(self, group: str) -> list[str]:
        """Return the names that any job has in a group, sorted.

        Args:
            group: ``parameters``, ``metrics`` or ``tags``; ``project`` returns the names of the projects.
        """

    @abstractmethod
    def remove(self, job_name: str) -> bool:
        """Remove a job's record; return whether it was there."""
