"""The archive listing as an SQLite file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from foundations.adapters._shared.fs.trusted import (
    check_private_directory,
    ensure_private_directory,
    is_private_directory,
)
from foundations.adapters._shared.rules import canonical_json
from foundations.adapters.filesystem.database import Database
from foundations.adapters.filesystem.root import absolute_root
from foundations.errors import JobExistsError, JobNotFoundError
from foundations.ports.archive_listing import JobChange, JobQuery, JobRecord, PipelineListing
from foundations.ports.job import JobState, check_job_name

if TYPE_CHECKING:
    import sqlite3

_VERSION = 1
_FIELDS = JobRecord._fields
_NAMES = ", ".join(_FIELDS)
_COLUMNS = ", ".join(f"jobs.{name}" for name in _FIELDS)
_MAPPINGS = ("parameters", "metrics", "tags", "environment")
_FOUND_BY = ("parameters", "metrics", "tags")
_LONGEST_INDEXED = 120

# ``attributes`` has a row for each parameter, metric and tag in the order in which jobs are found, so that looking for
# one walks an index however rare it is.
_SCHEMA = """
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


class LocalFileSystemPipelineListing(PipelineListing):
    """Keeps the index in ``<root>/listing.sqlite3``, in write-ahead mode.

    Finding walks an index whatever is asked for. A change survives the death of its process at once, and a power
    failure when SQLite next flushes its log: the index can be repaired from the end records, so it does not wait for
    the disk.

    Args:
        root: An absolute path, or one that begins with ``~``, on a file system of this machine: SQLite's log needs
            memory that its users share. Made on the first write, private to the user.

    Raises:
        ConfigurationError: `root` is relative.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = absolute_root(root)
        self._database = Database.at(self.root / "listing.sqlite3", _SCHEMA, _VERSION)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.root)!r})"

    def check(self) -> None:
        """See :meth:`PipelineListing.check`; also looks into a listing that is there."""
        check_private_directory(self.root)
        if self._database.exists():
            with self._database.transaction(writing=False):
                return

    def track(self, record: JobRecord) -> None:
        """See :meth:`PipelineListing.track`."""
        check_job_name(record.job_name)
        row = _row(record)
        ensure_private_directory(self.root)
        with self._database.transaction(writing=True) as connection:
            marks = ", ".join("?" * len(row))
            added = connection.execute(f"INSERT OR IGNORE INTO jobs ({_NAMES}) VALUES ({marks})", row)  # noqa: S608 - no input
            if added.rowcount == 0:
                raise JobExistsError(
                    f"job name {record.job_name!r} is taken by an earlier job in {self._database.path}. Choose "
                    "another name.",
                    job_name=record.job_name,
                )
            _add_attributes(connection, _attributes(record))

    def update(self, job_name: str, change: JobChange) -> None:
        """See :meth:`PipelineListing.update`."""
        if not self._is_there():
            raise self._not_found(job_name)
        with self._database.transaction(writing=True) as connection:
            before = self._record(connection, job_name)
            after = change.applied_to(before)
            columns = [name for name in _FIELDS if getattr(before, name) != getattr(after, name)]
            if not columns:
                return
            row = dict(zip(_FIELDS, _row(after), strict=True))
            settings = ", ".join(f"{name} = ?" for name in columns)
            connection.execute(
                f"UPDATE jobs SET {settings} WHERE job_name = ?",  # noqa: S608 - our own column names
                (*(row[name] for name in columns), job_name),
            )
            old, new = _attributes(before), _attributes(after)
            _remove_attributes(connection, old - new)
            _add_attributes(connection, new - old)

    def get(self, job_name: str) -> JobRecord:
        """See :meth:`PipelineListing.get`."""
        if not self._is_there():
            raise self._not_found(job_name)
        with self._database.transaction(writing=False) as connection:
            return self._record(connection, job_name)

    def find(self, query: JobQuery) -> list[JobRecord]:
        """See :meth:`PipelineListing.find`; newest first is the reverse of oldest first, ties included."""
        if not self._is_there() or (query.limit is not None and query.limit <= 0):
            return []
        import heapq  # here alone: every job tells its state, and hardly one lists others

        states: Iterable[JobState | None] = [None] if query.states is None else sorted(set(query.states))
        with self._database.transaction(writing=False) as connection:
            # One query a state: each walks an index in order, which one query for several states would not.
            found = [connection.execute(*_selection(query, state)).fetchall() for state in states]
        position = _FIELDS.index("submitted_at")
        rows = heapq.merge(*found, key=lambda row: (row[position], row[0]), reverse=not query.oldest_first)
        return [_from_row(row) for row in islice(rows, query.limit)]

    def remove(self, job_name: str) -> bool:
        """See :meth:`PipelineListing.remove`."""
        if not self._is_there():
            return False
        with self._database.transaction(writing=True) as connection:
            try:
                record = self._record(connection, job_name)
            except JobNotFoundError:
                return False
            _remove_attributes(connection, _attributes(record))
            connection.execute("DELETE FROM jobs WHERE job_name = ?", (job_name,))
        return True

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        self._database.close()

    def _is_there(self) -> bool:
        return is_private_directory(self.root) and self._database.exists()

    def _record(self, connection: sqlite3.Connection, job_name: str) -> JobRecord:
        selection = f"SELECT {_COLUMNS} FROM jobs WHERE job_name = ?"  # noqa: S608 - our own column names
        row = connection.execute(selection, (job_name,)).fetchone()
        if row is None:
            raise self._not_found(job_name)
        return _from_row(row)

    def _not_found(self, job_name: str) -> JobNotFoundError:
        path = self._database.path
        return JobNotFoundError(f"{path} has no job named {job_name!r}.", path=str(path), job_name=job_name)


Attribute = tuple[str, str, str, float, str]


def _row(record: JobRecord) -> tuple[Any, ...]:
    mappings = {name: json.dumps(dict(getattr(record, name))) for name in _MAPPINGS}
    plain = {"state": record.state.value}
    return tuple(mappings.get(name) or plain.get(name) or getattr(record, name) for name in _FIELDS)


def _from_row(row: tuple[Any, ...]) -> JobRecord:
    fields = dict(zip(_FIELDS, row, strict=True))
    fields["state"] = JobState(fields["state"])
    for name in _MAPPINGS:
        fields[name] = json.loads(fields[name])
    return JobRecord(**fields)


def _attributes(record: JobRecord) -> set[Attribute]:
    return {
        (kind, name, _indexed(value), record.submitted_at, record.job_name)
        for kind in _FOUND_BY
        for name, value in getattr(record, kind).items()
    }


def _indexed(value: Any) -> str:
    """Return what stands for a value in the index: its canonical text, or the digest of a long one."""
    text = canonical_json(value)
    if len(text) <= _LONGEST_INDEXED:
        return text
    from hashlib import sha256

    return "sha256:" + sha256(text.encode()).hexdigest()


def _add_attributes(connection: sqlite3.Connection, attributes: set[Attribute]) -> None:
    connection.executemany("INSERT INTO attributes VALUES (?, ?, ?, ?, ?)", attributes)


def _remove_attributes(connection: sqlite3.Connection, attributes: set[Attribute]) -> None:
    where = "kind = ? AND name = ? AND value = ? AND submitted_at = ? AND job_name = ?"
    connection.executemany(f"DELETE FROM attributes WHERE {where}", attributes)  # noqa: S608 - no input


def _selection(query: JobQuery, state: JobState | None) -> tuple[str, list[Any]]:
    """Return the SQL for the jobs of one state, or of any; the first attribute asked for leads the search."""
    wanted: list[tuple[str, str, Any]] = []
    asked: list[tuple[str, Mapping[str, Any]]] = [
        ("tags", query.tags),
        ("parameters", query.parameters),
        ("metrics", query.metrics),
    ]
    for kind, values in asked:
        wanted += [(kind, name, value) for name, value in values.items()]
    source, leader = "jobs", "jobs"
    conditions: list[str] = []
    values_bound: list[Any] = []
    for index, (kind, name, value) in enumerate(wanted):
        match = "kind = ? AND name = ? AND value = ?"
        if index == 0:
            source, leader = "attributes AS leader CROSS JOIN jobs USING (job_name)", "leader"
            conditions.append(match)
        else:
            conditions.append(
                f"EXISTS (SELECT 1 FROM attributes AS other WHERE {match} "  # noqa: S608 - no input
                "AND other.submitted_at = leader.submitted_at AND other.job_name = leader.job_name)"
            )
        values_bound += [kind, name, _indexed(value)]
    for condition, bound in (
        ("jobs.project = ?", query.project),
        ("jobs.state = ?", state.value if state else None),
        (f"{leader}.submitted_at >= ?", query.submitted_from),
        (f"{leader}.submitted_at < ?", query.submitted_until),
    ):
        if bound is not None:
            conditions.append(condition)
            values_bound.append(bound)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    direction = "ASC" if query.oldest_first else "DESC"
    order = f" ORDER BY {leader}.submitted_at {direction}, {leader}.job_name {direction}"
    limit = "" if query.limit is None else f" LIMIT {int(query.limit)}"
    return f"SELECT {_COLUMNS} FROM {source}{where}{order}{limit}", values_bound  # noqa: S608 - our own names
