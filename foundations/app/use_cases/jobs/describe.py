"""The use case behind ``foundations jobs show``: what is recorded about a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from foundations.app.config.settings import Settings
from foundations.app.use_cases.load_job import load_job
from foundations.app.wiring import Wiring


@attrs.frozen
class JobDescription:
    """What is recorded about a job. Times are in seconds since the epoch.

    Attributes:
        job: Its name.
        project: The name under which it is grouped.
        state: Where it is.
        cause: Why it ended in ``Error``; None where it did not.
        message: How it ended, in one line; None where it has not ended.
        stage: The stage that was running, where it did not complete.
        submitted_at: When it was submitted.
        started_at: When its process began; None where it has not.
        ended_at: When it ended; None where it has not.
        parameters: Its hyperparameters.
        metrics: The last value of each logged metric.
        tags: Its tags.
        artifacts: The names of what it has saved so far.
    """

    job: str
    project: str
    state: str
    cause: str | None
    message: str | None
    stage: str | None
    submitted_at: float
    started_at: float | None
    ended_at: float | None
    parameters: Mapping[str, Any]
    metrics: Mapping[str, Any]
    tags: Mapping[str, str]
    artifacts: tuple[str, ...]


def describe_job(name: str, settings: Settings) -> JobDescription:
    """Return what is recorded about a job; nothing of it is unpickled.

    Args:
        name: The job.
        settings: Name the listing.

    Raises:
        JobNotFoundError: The listing has no job of that name.
        StorageError: The listing or an archive cannot be read.
    """
    deployment = load_job(name, settings)
    end = deployment.end  # which brings the listing into line
    record = Wiring(settings=settings).listing.get(deployment.job_name())
    return JobDescription(
        job=record.job_name,
        project=record.project,
        state=str(record.state),
        cause=record.cause,
        message=end.message if end is not None else None,
        stage=end.stage if end is not None else None,
        submitted_at=record.submitted_at,
        started_at=record.started_at,
        ended_at=record.ended_at,
        parameters=record.parameters,
        metrics=record.metrics,
        tags=record.tags,
        artifacts=tuple(deployment.artifacts()),
    )
