"""``foundations jobs show``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from foundations.cli import output
from foundations.cli.configuration import read_settings
from foundations.cli.options import AsJson, ConfigFiles, EnvironmentName, JobName
from foundations.cli.quantities import age_text, duration_text
from foundations.escaping import escape_unprintable

if TYPE_CHECKING:
    from foundations.app.use_cases.jobs.describe import JobDescription

EXAMPLES = """\b
Examples:
  foundations jobs show train-20261125-090452-ym4yn
  foundations jobs show train-20261125-090452-ym4yn --json"""


def show(
    job: JobName, as_json: AsJson = False, environment: EnvironmentName = None, config: ConfigFiles = None
) -> None:
    """Show what is recorded about a job.

    How and when it ended, its hyperparameters, metrics and tags, and what it has saved.
    """
    from foundations.app.use_cases.jobs.describe import describe_job

    described = describe_job(job, read_settings(environment, config))
    if as_json:
        output.write_json(described)
        return
    facts = list(_facts(described, time.time()))
    width = max(len(escape_unprintable(label)) for label, _ in facts) + 2
    output.write("\n".join(f"{escape_unprintable(label):<{width}}{escape_unprintable(fact)}" for label, fact in facts))


def _facts(described: JobDescription, now: float) -> Iterator[tuple[str, str]]:
    yield "job", described.job
    yield "project", described.project
    yield "state", f"{described.state} ({described.cause})" if described.cause else described.state
    if described.message:
        yield "end", described.message
    if described.stage:
        yield "stage", described.stage
    yield "submitted", _moment(described.submitted_at, now)
    if described.started_at is not None:
        yield "started", _moment(described.started_at, now)
        if described.ended_at is not None:
            yield "took", duration_text(described.ended_at - described.started_at)
    for group, values in (
        ("params", described.parameters),
        ("metrics", described.metrics),
        ("tags", described.tags),
    ):
        for name, value in values.items():
            yield f"{group}.{name}", _text(value)
    if described.artifacts:
        yield "artifacts", ", ".join(described.artifacts)


def _moment(seconds: float, now: float) -> str:
    return f"{time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime(seconds))}, {age_text(now - seconds)} ago"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
