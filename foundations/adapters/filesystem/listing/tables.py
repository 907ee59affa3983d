"""The tables of the listing's database: their schema and their rows.

``jobs`` has a row for each job. ``attributes`` has one for each parameter, metric and tag of a job, by whose index jobs
are found. ``names`` has the groups and names that it refers to.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from foundations.adapters._shared.job_matching import NUMBER, TEXT, Comparable, comparable, encodable
from foundations.ports.archive_listing import JobRecord
from foundations.ports.job import JobState

if TYPE_CHECKING:
    import sqlite3

VERSION: Final = 2
FIELDS: Final = JobRecord._fields
NAMES: Final = ", ".join(FIELDS)
GROUPS: Final = ("parameters", "metrics", "tags")
_MAPPINGS = (*GROUPS, "environment")
_STATES = {state.value: state for state in JobState}

TRUTHS: Final = (b"\0", b"\1")
"""What stands for false and true: SQLite orders numbers before text, and text before bytes."""
INCOMPARABLE: Final = b"\2"
"""What stands for a value that is there and compares with none: NaN, a list, an object."""

SCHEMA: Final = """
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY, job_name TEXT NOT NULL UNIQUE, project TEXT NOT NULL, state TEXT NOT NULL, cause TEXT,
  submitted_at REAL NOT NULL, started_at REAL, ended_at REAL,
  parameters TEXT NOT NULL, metrics TEXT NOT NULL, tags TEXT NOT NULL, environment TEXT NOT NULL,
  user TEXT, host TEXT, note TEXT, kind TEXT NOT NULL, study TEXT, parent TEXT, attempt INTEGER NOT NULL, detail TEXT
);
CREATE INDEX jobs_by_time ON jobs (submitted_at, job_name);
CREATE INDEX jobs_by_project ON jobs (project, submitted_at, job_name);
CREATE INDEX jobs_by_state ON jobs (state, submitted_at, job_name);
CREATE INDEX jobs_by_project_and_state ON jobs (project, state, submitted_at, job_name);
CREATE INDEX jobs_by_study ON jobs (study, submitted_at, job_name) WHERE study IS NOT NULL;
CREATE TABLE names (id INTEGER PRIMARY KEY, in_group TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (in_group, name));
CREATE TABLE attributes (job INTEGER, name INTEGER, value NOT NULL, PRIMARY KEY (job, name)) WITHOUT ROWID;
CREATE INDEX attributes_by_value ON attributes (name, value, job)
"""

Attribute = tuple[str, str, "float | str | bytes"]
"""A group, a name in it, and the value as it is indexed."""


def row_of(record: JobRecord) -> tuple[Any, ...]:
    """Return the row of ``jobs`` that holds `record`, without its id."""
    encoded = {name: json.dumps(dict(getattr(record, name))) for name in _MAPPINGS}
    encoded["state"] = str(record.state)
    return tuple(encoded.get(name) or getattr(record, name) for name in FIELDS)


def record_of(row: tuple[Any, ...]) -> JobRecord:
    """Return the record that a row of ``jobs``, without its id, holds."""
    fields = dict(zip(FIELDS, row, strict=True))
    fields["state"] = _STATES.get(fields["state"], fields["state"])
    for name in _MAPPINGS:
        fields[name] = json.loads(fields[name])
    return JobRecord(**fields)


def attributes_of(record: JobRecord) -> set[Attribute]:
    """Return the parameters, metrics and tags of a job; null is no value."""
    return {
        (group, encodable(name), INCOMPARABLE if (found := comparable(value)) is None else encoded(found))
        for group in GROUPS
        for name, value in getattr(record, group).items()
        if value is not None
    }


def encoded(value: Comparable) -> float | str | bytes:
    """Return a value as the index has it."""
    rank, plain = value
    if rank == NUMBER:
        return plain
    return str(plain) if rank == TEXT else TRUTHS[int(plain)]


def add_job(connection: sqlite3.Connection, record: JobRecord) -> bool:
    """Add a job with its attributes; return whether its name was free."""
    marks = ", ".join("?" * len(FIELDS))
    insert = f"INSERT OR IGNORE INTO jobs ({NAMES}) VALUES ({marks})"  # noqa: S608 - our own column names
    added = connection.execute(insert, row_of(record))
    if added.rowcount == 0:
        return False
    replace_attributes(connection, added.lastrowid or 0, set(), attributes_of(record))
    return True


def replace_attributes(connection: sqlite3.Connection, job: int, old: set[Attribute], new: set[Attribute]) -> None:
    """Remove the attributes of a job that are in `old` alone, and add those that are in `new` alone."""
    for statement, attributes in (
        ("DELETE FROM attributes WHERE job = ? AND name = ? AND value = ?", old - new),
        ("INSERT OR REPLACE INTO attributes VALUES (?, ?, ?)", new - old),
    ):
        rows = [(job, _name_id(connection, group, name), value) for group, name, value in attributes]
        connection.executemany(statement, rows)


def _name_id(connection: sqlite3.Connection, group: str, name: str) -> int:
    """Return the id of a name, which is added where it is not there yet."""
    row = connection.execute("SELECT id FROM names WHERE in_group = ? AND name = ?", (group, name)).fetchone()
    if row is None:
        row = (connection.execute("INSERT INTO names (in_group, name) VALUES (?, ?)", (group, name)).lastrowid,)
    return int(row[0])
