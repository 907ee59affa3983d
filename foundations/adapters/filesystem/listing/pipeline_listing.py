"""The adapter of the archive listing's port."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from foundations.adapters._shared.fs import trusted
from foundations.adapters.filesystem.listing import tables
from foundations.adapters.filesystem.listing.database import Database
from foundations.adapters.filesystem.root import absolute_root
from foundations.errors import JobExistsError, JobNotFoundError
from foundations.ports.archive_listing import JobChange, JobQuery, JobRecord, PipelineListing
from foundations.ports.job import JobState, check_job_name

if TYPE_CHECKING:
    import sqlite3


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
        row = tables.row_of(record)
        trusted.ensure_private_directory(self.root)
        with self._database.transaction(writing=True) as connection:
            marks = ", ".join("?" * len(row))
            added = connection.execute(f"INSERT OR IGNORE INTO jobs ({tables.NAMES}) VALUES ({marks})", row)  # noqa: S608 - no input
            if added.rowcount == 0:
                raise JobExistsError(
                    f"job name {record.job_name!r} is taken by an earlier job in {self._database.path}. Choose "
                    "another name.",
                    job_name=record.job_name,
                )
            tables.replace_attributes(connection, set(), tables.attributes_of(record))

    def update(self, job_name: str, change: JobChange) -> None:
        """See :meth:`PipelineListing.update`."""
        if not self._exists():
            raise self._not_found(job_name)
        with self._database.transaction(writing=True) as connection:
            before = self._record(connection, job_name)
            after = change.applied_to(before)
            columns = [name for name in tables.FIELDS if getattr(before, name) != getattr(after, name)]
            if not columns:
                return
            row = dict(zip(tables.FIELDS, tables.row_of(after), strict=True))
            settings = ", ".join(f"{name} = ?" for name in columns)
            connection.execute(
                f"UPDATE jobs SET {settings} WHERE job_name = ?",  # noqa: S608 - our own column names
                (*(row[name] for name in columns), job_name),
            )
            tables.replace_attributes(connection, tables.attributes_of(before), tables.attributes_of(after))

    def get(self, job_name: str) -> JobRecord:
        """See :meth:`PipelineListing.get`."""
        if not self._exists():
            raise self._not_found(job_name)
        with self._database.transaction(writing=False) as connection:
            return self._record(connection, job_name)

    def find(self, query: JobQuery) -> list[JobRecord]:
        """See :meth:`PipelineListing.find`; newest first is the reverse of oldest first, ties included."""
        if not self._exists() or (query.limit is not None and query.limit <= 0):
            return []
        import heapq  # imported here because every job updates the listing, and few jobs search it

        states: Iterable[JobState | None] = [None] if query.states is None else sorted(set(query.states))
        with self._database.transaction(writing=False) as connection:
            # There is one query per state: each walks an index in order, which a query for several states would not.
            results = [connection.execute(*tables.selection(query, state)).fetchall() for state in states]
        position = tables.FIELDS.index("submitted_at")
        rows = heapq.merge(*results, key=lambda row: (row[position], row[0]), reverse=not query.oldest_first)
        return [tables.record_of(row) for row in islice(rows, query.limit)]

    def remove(self, job_name: str) -> bool:
        """See :meth:`PipelineListing.remove`."""
        if not self._exists():
            return False
        with self._database.transaction(writing=True) as connection:
            try:
                record = self._record(connection, job_name)
            except JobNotFoundError:
                return False
            tables.replace_attributes(connection, tables.attributes_of(record), set())
            connection.execute("DELETE FROM jobs WHERE job_name = ?", (job_name,))
        return True

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._database.close()

    def _exists(self) -> bool:
        return trusted.is_private_directory(self.root) and self._database.exists()

    def _record(self, connection: sqlite3.Connection, job_name: str) -> JobRecord:
        query = f"SELECT {tables.COLUMNS} FROM jobs WHERE job_name = ?"  # noqa: S608 - our own column names
        row = connection.execute(query, (job_name,)).fetchone()
        if row is None:
            raise self._not_found(job_name)
        return tables.record_of(row)

    def _not_found(self, job_name: str) -> JobNotFoundError:
        path = self._database.path
        return JobNotFoundError(f"{path} has no job named {job_name!r}.", path=str(path), job_name=job_name)
