"""A listing of an earlier release, made into one of this release."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from foundations import events
from foundations.adapters.filesystem.listing import tables
from foundations.ports.archive_listing import JobRecord

if TYPE_CHECKING:
    import sqlite3

_VERSION_1_FIELDS: Final = (
    "job_name", "submitted_at", "project", "state", "cause", "started_at", "ended_at",
    "parameters", "metrics", "tags", "environment",
)  # fmt: skip


def migrate_from_version_1(connection: sqlite3.Connection) -> None:
    """Move all jobs into tables of this release, in one transaction, which a kill undoes.

    Raises:
        sqlite3.Error: The tables are not those of version 1.
        ValueError: A record is not what version 1 has written.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        for table in ("attributes", "jobs"):
            connection.execute(f"ALTER TABLE {table} RENAME TO {table}_1")
        for index in ("time", "project", "state", "project_and_state"):
            connection.execute(f"DROP INDEX jobs_by_{index}")
        for statement in tables.SCHEMA.split(";"):
            connection.execute(statement)
        names = ", ".join(_VERSION_1_FIELDS)
        moved = 0
        for row in connection.execute(f"SELECT {names} FROM jobs_1"):  # noqa: S608 - our own column names
            tables.add_job(connection, _record(dict(zip(_VERSION_1_FIELDS, row, strict=True))))
            moved += 1
        for table in ("attributes", "jobs"):
            connection.execute(f"DROP TABLE {table}_1")
        connection.execute(f"PRAGMA user_version = {tables.VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    events.info("listing_migrated", version=tables.VERSION, jobs=moved)


def _record(fields: dict[str, object]) -> JobRecord:
    mappings = {name: json.loads(str(fields[name])) for name in ("parameters", "metrics", "tags", "environment")}
    return JobRecord(**{**fields, **mappings})
