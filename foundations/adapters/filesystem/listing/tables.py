"""The tables of the listing's database: their schema, their rows, and the queries for jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from foundations.adapters._shared.rules import canonical_json
from foundations.ports.archive_listing import JobQuery, JobRecord
from foundations.ports.job import JobState

if TYPE_CHECKING:
    import sqlite3

VERSION: Final = 1
FIELDS: Final = JobRecord._fields
NAMES: Final = ", ".join(FIELDS)
COLUMNS: Final = ", ".join(f"jobs.{name}" for name in FIELDS)
_MAPPINGS = ("parameters", "metrics", "tags", "environment")
_INDEXED_MAPPINGS = ("tags", "parameters", "metrics")
_MAX_INDEXED = 120

# ``attributes`` has a row for each parameter, metric and tag. Its primary key ends with the order of the results, so
# that every query for an attribute walks an index, however few jobs have the attribute.
SCHEMA: Final = """
CREATE TABLE jobs (
  job_name TEXT PRIMARY KEY, project TEXT NOT NULL, state TEXT NOT NULL, cause TEXT,
  submitted_at REAL NOT NULL, started_at REAL, ended_at REAL,
  parameters TEXT NOT NULL, metrics TEXT NOT NULL, tags TEXT NOT NULL, environment TEXT NOT NULL
);
CREATE INDEX jobs_by_time ON jobs (submitted_at, job_name);
CREATE INDEX jobs_by_project ON jobs (project, submitted_at, job_name);
CREATE INDEX jobs_by_state ON jobs (state, submitted_at, job_name);
CREATE INDEX jobs_by_project_and_state ON jobs (project, state, submitted_at, job_name);
CREATE TABLE attributes (
  kind TEXT, name TEXT, value TEXT, submitted_at REAL, job_name TEXT,
  PRIMARY KEY (kind, name, value, submitted_at, job_name)
) WITHOUT ROWID
"""

Attribute = tuple[str, str, str, float, str]


def row_of(record: JobRecord) -> tuple[Any, ...]:
    """Return the row of ``jobs`` that holds `record`."""
    mappings = {name: json.dumps(dict(getattr(record, name))) for name in _MAPPINGS}
    plain = {"state": record.state.value}
    return tuple(mappings.get(name) or plain.get(name) or getattr(record, name) for name in FIELDS)


def record_of(row: tuple[Any, ...]) -> JobRecord:
    """Return the record that a row of ``jobs`` holds."""
    fields = dict(zip(FIELDS, row, strict=True))
    fields["state"] = JobState(fields["state"])
    for name in _MAPPINGS:
        fields[name] = json.loads(fields[name])
    return JobRecord(**fields)


def attributes_of(record: JobRecord) -> set[Attribute]:
    """Return the rows of ``attributes`` that belong to `record`."""
    return {
        (kind, name, _indexed_value(value), record.submitted_at, record.job_name)
        for kind in _INDEXED_MAPPINGS
        for name, value in getattr(record, kind).items()
    }


def replace_attributes(connection: sqlite3.Connection, old: set[Attribute], new: set[Attribute]) -> None:
    """Remove the attributes that are in `old` alone, and add those that are in `new` alone."""
    where = "kind = ? AND name = ? AND value = ? AND submitted_at = ? AND job_name = ?"
    connection.executemany(f"DELETE FROM attributes WHERE {where}", old - new)  # noqa: S608 - no input
    connection.executemany("INSERT INTO attributes VALUES (?, ?, ?, ?, ?)", new - old)


def selection(query: JobQuery, state: JobState | None) -> tuple[str, list[Any]]:
    """Return the SQL for the jobs of one state, or of any, and its values; the first attribute leads the search."""
    attributes = [
        (kind, name, _indexed_value(value))
        for kind in _INDEXED_MAPPINGS
        for name, value in getattr(query, kind).items()
    ]
    source, leader = "jobs", "jobs"
    match = "kind = ? AND name = ? AND value = ?"
    conditions: list[str] = []
    values: list[Any] = [field for attribute in attributes for field in attribute]
    if attributes:
        source, leader = "attributes AS leader CROSS JOIN jobs USING (job_name)", "leader"
        other = (
            f"EXISTS (SELECT 1 FROM attributes AS other WHERE {match} "  # noqa: S608 - no input
            "AND other.submitted_at = leader.submitted_at AND other.job_name = leader.job_name)"
        )
        conditions += [match, *[other] * (len(attributes) - 1)]
    for condition, value in (
        ("jobs.project = ?", query.project),
        ("jobs.state = ?", state.value if state else None),
        (f"{leader}.submitted_at >= ?", query.submitted_from),
        (f"{leader}.submitted_at < ?", query.submitted_until),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    direction = "ASC" if query.oldest_first else "DESC"
    order = f" ORDER BY {leader}.submitted_at {direction}, {leader}.job_name {direction}"
    limit = "" if query.limit is None else f" LIMIT {int(query.limit)}"
    return f"SELECT {COLUMNS} FROM {source}{where}{order}{limit}", values  # noqa: S608 - our own names


def _indexed_value(value: Any) -> str:
    """Return the text that represents a value in the index: its canonical JSON, or the digest of a long one."""
    text = canonical_json(value)
    if len(text) <= _MAX_INDEXED:
        return text
    from hashlib import sha256

    return "sha256:" + sha256(text.encode()).hexdigest()
