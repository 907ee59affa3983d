"""An SQLite file that threads, processes and forks may use at once."""

from __future__ import annotations

import os
import stat
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from foundations.adapters._shared.fs.files import locked_directory, translating_os_errors, write_atomically
from foundations.adapters._shared.fs.trusted import could_be_foreign
from foundations.errors import StorageUnavailableError, UntrustedLocationError

if TYPE_CHECKING:
    import sqlite3

BUSY_TIMEOUT: Final = 60.0
"""Seconds to wait for other processes' transactions."""


class Database:
    """One connection a process to the SQLite file `path`, opened when it is needed.

    SQLite keeps its locks by process and forbids to carry a connection over a fork, be it only to close it. So the
    connection is closed before a fork, when no operation is under way, and opened again by whoever needs it.

    Args:
        path: The file, in a directory that has been vouched for.
        schema: SQL statements that make the tables.
        version: Of the schema, kept in the file; one of another version is refused.
    """

    __slots__ = ("__weakref__", "_connection", "_inode", "_lock", "path", "schema", "version")

    def __init__(self, path: Path, schema: str, version: int) -> None:
        self.path = path
        self.schema = schema
        self.version = version
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        _databases.add(self)

    @classmethod
    def at(cls, path: Path, schema: str, version: int) -> Database:
        """Return the database at `path`: one, and so one connection, however many ask while somebody holds it.

        The last one stays open: the last connection to a file moves all that was written into it and flushes that,
        which takes as long as a dozen transactions.
        """
        global _last
        with _databases_lock:
            database = _by_path.get(path)
            if database is None or (database.schema, database.version) != (schema, version):
                database = _by_path[path] = cls(path, schema, version)
            last, _last = _last, database
        del last  # outside the lock: this may close it, which takes a while
        return database

    def __reduce__(self) -> tuple[Callable[..., Database], tuple[Path, str, int]]:
        return type(self).at, (self.path, self.schema, self.version)

    def __del__(self) -> None:
        self.close()

    def exists(self) -> bool:
        """Return whether the file is there."""
        with translating_os_errors(self.path, "use"):
            return os.path.lexists(self.path)

    @contextmanager
    def transaction(self, *, writing: bool) -> Iterator[sqlite3.Connection]:
        """Lend the connection inside a transaction, which is kept when the block ends and undone when it fails.

        Raises:
            UntrustedLocationError: Somebody else could have written the file.
            StorageUnavailableError: SQLite refuses, or the file is none of its own, damaged or of another version.
        """
        import sqlite3

        with self._lock:
            try:
                connection = self._current()
                connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
                try:
                    yield connection
                except BaseException:
                    if connection.in_transaction:  # SQLite may have undone it itself, as where the disk is full
                        connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                self.close()
                raise self._unavailable(str(error)) from error

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _current(self) -> sqlite3.Connection:
        """Return a connection to the file that is at the path now: somebody may have put another there."""
        with translating_os_errors(self.path, "use"):
            try:
                inode = self.path.lstat().st_ino
            except FileNotFoundError:
                inode = 0
            if self._connection is None or inode != self._inode:
                self.close()
                self._connection = self._opened()
                self._inode = self.path.lstat().st_ino
        return self._connection

    def _opened(self) -> sqlite3.Connection:
        import sqlite3

        # Never through a descriptor of ours: closing it would drop the locks of SQLite's own.
        if not os.path.lexists(self.path):
            write_atomically(self.path, [], exclusive=True, durable=False)
        status = self.path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise self._unavailable("it is not a regular file")
        if could_be_foreign(status):
            reason = "another user could have written it"
            remedy = "Move it away, or configure another place."
            raise UntrustedLocationError(
                f"{self.path} is not trusted: {reason}. {remedy}", path=str(self.path), reason=reason, remedy=remedy
            )
        connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
            if _version(connection) == 0:
                with locked_directory(self.path.parent):
                    self._make_tables(connection)
            version = _version(connection)
            if version != self.version:
                raise self._unavailable(
                    f"it is of version {version}, and this release of foundations knows version {self.version}"
                )
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        """Make the tables unless another process has; the caller holds the lock."""
        if _version(connection) != 0:
            return
        if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() != (0,):
            raise self._unavailable("it is a database of something else")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"BEGIN IMMEDIATE; {self.schema}; PRAGMA user_version = {self.version}; COMMIT")

    def _unavailable(self, reason: str) -> StorageUnavailableError:
        return StorageUnavailableError(
            f"cannot use {self.path}: {reason}. Repair it, move it away, or configure another place.",
            path=str(self.path),
        )


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


_databases: weakref.WeakSet[Database] = weakref.WeakSet()
_by_path: weakref.WeakValueDictionary[Path, Database] = weakref.WeakValueDictionary()
_last: Database | None = None
_databases_lock = threading.Lock()
_locked_for_fork: list[Database] = []


def _before_fork() -> None:
    _databases_lock.acquire()
    for database in list(_databases):
        database._lock.acquire()
        _locked_for_fork.append(database)
        database.close()


def _after_fork() -> None:
    while _locked_for_fork:
        _locked_for_fork.pop()._lock.release()
    _databases_lock.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
