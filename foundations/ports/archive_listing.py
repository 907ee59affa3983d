"""The archive listing: the index of all jobs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

from foundations.ports.job import JobEnd, JobState
from foundations.ports.store import Store


class JobRecord(NamedTuple):
    """A job's record in the listing. Every value is of JSON's own types.

    Attributes:
        job_name: Unique among all jobs of the listing.
        submitted_at: Seconds since the epoch; likewise the two below.
        project: The name under which jobs are grouped.
        state: Where the job is, as last recorded here; the environment's end record is the truth.
        cause: Why, where the state is ``Error``.
        started_at: When its process began.
        ended_at: When it ended.
        parameters: Its hyperparameters, as JSON.
        metrics: The last value of each logged metric.
        tags: What the user tagged it with.
        environment: The handle by which any process finds the job again in its execution environment.
    """

    job_name: str
    submitted_at: float
    project: str = "default"
    state: JobState = JobState.QUEUED
    cause: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    parameters: Mapping[str, Any] = {}
    metrics: Mapping[str, Any] = {}
    tags: Mapping[str, str] = {}
    environment: Mapping[str, Any] = {}


class JobChange(NamedTuple):
    """A change of a record: None leaves a field as it is, mappings are merged key by key."""

    state: JobState | None = None
    cause: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    metrics: Mapping[str, Any] = {}
    tags: Mapping[str, str] = {}
    environment: Mapping[str, Any] = {}

    @classmethod
    def of(cls, end: JobEnd) -> JobChange:
        """Return the change that records how a job ended."""
        cause = None if end.cause is None else end.cause.value
        return cls(state=end.state, cause=cause, started_at=end.started_at, ended_at=end.ended_at)

    def applied_to(self, record: JobRecord) -> JobRecord:
        """Return `record` with this change; a final state is never replaced by one that is not."""
        state = record.state if self.state is None else self.state
        if record.state.is_final and not state.is_final:
            state = record.state
        return record._replace(
            state=state,
            cause=record.cause if self.cause is None else self.cause,
            started_at=record.started_at if self.started_at is None else self.started_at,
            ended_at=record.ended_at if self.ended_at is None else self.ended_at,
            metrics={**record.metrics, **self.metrics},
            tags={**record.tags, **self.tags},
            environment={**record.environment, **self.environment},
        )


class JobQuery(NamedTuple):
    """Which jobs to find; None or an empty mapping is no condition.

    Attributes:
        project: Exactly this project.
        states: One of these states.
        tags: All of these tags, with these values.
        parameters: All of these hyperparameters, with these values (compared as JSON).
        metrics: All of these metrics, with these values (compared as JSON).
        submitted_from: Submitted at or after, seconds since the epoch.
        submitted_until: Submitted before, seconds since the epoch.
        oldest_first: The order by submission, ties by name; newest first otherwise.
        limit: At most so many.
    """

    project: str | None = None
    states: tuple[JobState, ...] | None = None
    tags: Mapping[str, str] = {}
    parameters: Mapping[str, Any] = {}
    metrics: Mapping[str, Any] = {}
    submitted_from: float | None = None
    submitted_until: float | None = None
    oldest_first: bool = False
    limit: int | None = None


class PipelineListing(Store):
    """The index of all jobs.

    Promises, each tested by :class:`foundations.testing.PipelineListingContract`:

    - Of several callers that track one name at once, exactly one succeeds.
    - No update is lost under many concurrent writers.
    - A final state is never replaced by one that is not.
    - A job that is not there raises :class:`~foundations.errors.JobNotFoundError`; a listing that cannot be read
      raises :class:`~foundations.errors.StorageUnavailableError`.
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
    def find(self, query: JobQuery) -> list[JobRecord]:
        """Return the jobs that match `query`, in its order."""

    @abstractmethod
    def remove(self, job_name: str) -> bool:
        """Remove a job's record; return whether it was there."""
