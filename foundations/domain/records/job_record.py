"""The job record as a document in a job's archive: with it, a listing that was lost can be made again."""

from __future__ import annotations

from typing import Any

from foundations.ports.archive_listing import JobRecord
from foundations.ports.job import check_format

FORMAT = 1
_FIELDS = (
    *("job_name", "project", "submitted_at", "user", "host", "parameters", "environment"),
    *("kind", "study", "parent"),
)
"""What is fixed when a job is submitted; the rest of a record comes from other items."""


def record_to_json(record: JobRecord) -> dict[str, Any]:
    """Return what is fixed of a record as JSON's own types."""
    document = {name: getattr(record, name) for name in _FIELDS}
    return {"format": FORMAT, **document, **{name: dict(document[name]) for name in ("parameters", "environment")}}


def record_from_json(document: Any, job_name: str) -> JobRecord:
    """Read what :func:`record_to_json` wrote, for the job `job_name`; fields that are not known here are passed over.

    Raises:
        NewerFormatError: A newer version of foundations has written it.
        ValueError: It is no job record, or that of another job.
    """
    check_format(document, FORMAT)
    known = {name: document[name] for name in _FIELDS if name in document}
    if known.get("job_name") != job_name:
        raise ValueError(f"it is the record of job {str(known.get('job_name'))[:200]}")
    if isinstance(known.get("submitted_at"), bool) or not isinstance(known.get("submitted_at"), (int, float)):
        raise ValueError("it has no time of submission")
    if any(not isinstance(known.get(name, {}), dict) for name in ("parameters", "environment")):
        raise ValueError("its parameters or its environment are no mapping")
    if not isinstance(known.get("project", ""), str):
        raise ValueError("its project is no text")
    return JobRecord(**known)
