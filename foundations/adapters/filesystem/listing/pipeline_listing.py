"""The adapter of the archive listing's port."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from foundations.adapters._shared.fs import trusted
from foundations.adapters._shared.job_matching import check_field
from foundations.adapters.filesystem.listing import tables
from foundations.adapters.filesystem.listing.database import Database
from foundations.adapters.filesystem.listing.selection import condition_sql, selection
from foundations.adapters.filesystem.root import absolute_root
from foundations.errors import JobExistsError, JobNotFoundError
from foundations.ports.archive_listing import JobChange, JobRecord, PipelineListing
from foundations.ports.job import check_job_name
from foundations.ports.job_query import Condition, Field, JobQuery

if TYPE_CHECKING:
    import sqlite3

_AT_ONCE: Final = 500


class LocalFileSystemPipelineListing(PipelineListing):
    """Stores the index in ``<root>/listing.sqlite3``, in write-ahead mode.

    Every query walks an index. A change survives the death of its process at once. It survives a power failure as soon
    as SQLite flushes its log: the index can be rebuilt from the end records, so a change does not wait for the disk.

    Args:
        root: An absolute path, or one that begins with ``~``; created on the first write, private to the user. It is on
            a file system of this machine: the processes that use SQLite's log share memory.

    Raises:
        ConfigurationError: `root` is relative.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = absolute_root(root)
        self._database = Database.of(self.root / "listing.sqlite3")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.root)!r})"

    def check(self) -> None:
        """See :meth:`PipelineListing.check`; a listing that exists is opened."""
        trusted.check_private_directory(self.root)
        if self._database.exists():
            with self._database.transaction(writing=False):
                return

    def track(self, record: JobRecord) -> None:
        """See :meth:`PipelineListing.track`."""
        check_job_name(record.job_name)
        trusted.ensure_private_directory(self.root)
        with self._database.transaction(writing=True) as connection:
            if not tables.add_job(connection, record):
                raise JobExistsError(
                    f"job name {record.job_name!r} is taken by an earlier job in {self._database.path}. Choose "
                    "another name.",
                    job_name=record.job_name,
                )

    def update(self, job_name: str, change: JobChange) -> None:
        """See :meth:`PipelineListing.update`."""
        if not self._exists():
            raise self._not_found(job_name)
        with self._database.transaction(writing=True) as connection:
            job, before = self._row(connection, job_name)
            after = change.applied_to(before)
            columns = [name for name in tables.FIELDS if getattr(before, name) != getattr(after, name)]
            if not columns:
                return
            row = dict(zip(tables.FIELDS, tables.row_of(after), strict=True))
            settings = ", ".join(f"{name} = ?" for name in columns)
            connection.execute(
                f"UPDATE jobs SET {settings} WHERE id = ?",  # noqa: S608 - our own column names
                (*(row[name] for name in columns), job),
            )
            tables.replace_attributes(connection, job, tables.attributes_of(before), tables.attributes_of(after))

    def get(self, job_name: str) -> JobRecord:
        """See :meth:`PipelineListing.get`."""
        if not self._exists():
            raise self._not_found(job_name)
        with self._database.transaction(writing=False) as connection:
            return self._row(connection, job_name)[1]

    def find(self, query: JobQuery) -> Iterator[JobRecord]:
        """See :meth:`PipelineListing.find`: the jobs' ids are read at once, and their records a few at a time."""
        selected = selection(query, "jobs.id")
        if not self._exists():
            return
        with self._database.transaction(writing=False) as connection:
            ids = array("q", (job for (job,) in connection.execute(*selected)))
            records = self._records(connection, ids[:_AT_ONCE])
        yield from records
        for start in range(_AT_ONCE, len(ids), _AT_ONCE):
            with self._database.transaction(writing=False) as connection:
                records = self._records(connection, ids[start : start + _AT_ONCE])
            yield from records

    def count(self, condition: Condition | None = None) -> int:
        """See :meth:`PipelineListing.count`."""
        where = condition_sql(condition)
        if not self._exists():
            return 0
        with self._database.transaction(writing=False) as connection:
            text = f"SELECT count(*) FROM jobs WHERE {where.text}"  # noqa: S608 - no input
            (count,) = connection.execute(text, where.values).fetchone()
            return int(count)

    def names(self, group: str) -> list[str]:
        """See :meth:`PipelineListing.names`."""
        if group != "project":
            check_field(Field("", group))
        if not self._exists():
            return []
        with self._database.transaction(writing=False) as connection:
            if group == "project":
                found = connection.execute("SELECT DISTINCT project FROM jobs ORDER BY project")
            else:
                used = "EXISTS (SELECT 1 FROM attributes WHERE attributes.name = names.id)"
                query = f"SELECT name FROM names WHERE in_group = ? AND {used} ORDER BY name"  # noqa: S608 - no input
                found = connection.execute(query, (group,))
            return [name for (name,) in found]

    def remove(self, job_name: str) -> bool:
        """See :meth:`PipelineListing.remove`."""
        if not self._exists():
            return False
        with self._database.transaction(writing=True) as connection:
            try:
                job, record = self._row(connection, job_name)
            except JobNotFoundError:
                return False
            tables.replace_attributes(connection, job, tables.attributes_of(record), set())
            connection.execute("DELETE FROM jobs WHERE id = ?", (job,))
        return True

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._database.close()

    def _exists(self) -> bool:
        return trusted.is_private_directory(self.root) and self._database.exists()

    def _row(self, connection: sqlite3.Connection, job_name: str) -> tuple[int, JobRecord]:
        """Return a job's id and record."""
        query = f"SELECT id, {tables.NAMES} FROM jobs WHERE job_name = ?"  # noqa: S608 - our own column names
        row = connection.execute(query, (job_name,)).fetchone()
        if row is None:
            raise self._not_found(job_name)
        return row[0], tables.record_of(row[1:])

    def _records(self, connection: sqlite3.Connection, ids: Sequence[int]) -> list[JobRecord]:
        """Return the records of those ids that are there, in their order."""
        marks = ", ".join("?" * len(ids))
        query = f"SELECT id, {tables.NAMES} FROM jobs WHERE id IN ({marks})"  # noqa: S608 - our own column names
        rows = {row[0]: row[1:] for row in connection.execute(query, [*ids])}
        return [tables.record_of(rows[job]) for job in ids if job in rows]

    def _not_found(self, job_name: str) -> JobNotFoundError:
        path = self._database.path
        return JobNotFoundError(f"{path} has no job named {job_name!r}.", path=str(path), job_name=job_name)
