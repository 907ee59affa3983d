"""An SQLite file that threads, processes and forks may use at once."""

from __future__ import annotations

import json
import os
import stat
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from foundations.adapters._shared.fs.files import locked_directory, translating_os_errors, write_atomically
from foundations.adapters._shared.fs.trusted import check_private_file
from foundations.adapters._shared.job_matching import text_matches
from foundations.adapters.filesystem.listing import tables
from foundations.adapters.filesystem.listing.migration import migrate_from_version_1
from foundations.errors import StorageUnavailableError

if TYPE_CHECKING:
    import sqlite3

BUSY_TIMEOUT: Final = 60.0
"""The longest time to wait for other processes' transactions, in seconds."""


class Database:
    """The SQLite file `path`, with one connection per process, which is opened when it is needed.

    SQLite locks a file per process, and forbids a child process to use or even close a connection that it has inherited
    from a fork. So the connection is closed before a fork, when no operation is under way, and opened again by the next
    use in either process.

    Args:
        path: The file, in a directory that has been checked to be private; one of another version is refused.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        _databases.add(self)

    @classmethod
    def of(cls, path: Path) -> Database:
        """Return the database of `path`: the same object, and so one connection, as long as anybody refers to it.

        The last database stays open: closing the last connection to a file makes SQLite copy its log into the file and
        flush it, which takes as long as a dozen transactions.
        """
        global _last
        with _databases_lock:
            database = _by_path.get(path)
            if database is None:
                database = _by_path[path] = cls(path)
            last, _last = _last, database
        del last  # outside the lock, because this may close the database, which takes time
        return database

    def __reduce__(self) -> tuple[Callable[..., Database], tuple[Path]]:
        return type(self).of, (self.path,)

    def __del__(self) -> None:
        self.close()

    def exists(self) -> bool:
        """Return whether the file exists."""
        with translating_os_errors(self.path, "use"):
            return os.path.lexists(self.path)

    @contextmanager
    def transaction(self, *, writing: bool) -> Iterator[sqlite3.Connection]:
        """Yield the connection inside a transaction, which is committed at the block's end and undone when it fails.

        Raises:
            UntrustedLocationError: Another user could have written the file.
            StorageUnavailableError: SQLite fails, or the file is not an SQLite file, damaged or of another version.
        """
        import sqlite3

        with self._lock:
            try:
                connection = self._current_connection()
                connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
                try:
                    yield connection
                except BaseException:
                    if connection.in_transaction:  # SQLite may have undone it itself, as when the disk is full
                        connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
            except (sqlite3.Error, json.JSONDecodeError) as error:
                self.close()
                raise self._unavailable(str(error)) from error

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _current_connection(self) -> sqlite3.Connection:
        """Return a connection to the file that is at the path now: it may have been replaced by another file."""
        with translating_os_errors(self.path, "use"):
            try:
                inode = self.path.lstat().st_ino
            except FileNotFoundError:
                inode = 0
            if self._connection is None or inode != self._inode:
                self.close()
                self._connection = self._open()
                self._inode = self.path.lstat().st_ino
        return self._connection

    def _open(self) -> sqlite3.Connection:
        import sqlite3

        # The file is checked by its path: closing a descriptor of our own would release SQLite's locks.
        if not os.path.lexists(self.path):
            write_atomically(self.path, [], exclusive=True, durable=False)
        status = self.path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise self._unavailable("it is not a regular file")
        check_private_file(self.path, status)
        connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
            if _version(connection) < tables.VERSION:
                with locked_directory(self.path.parent):
                    self._make_current(connection)
            version = _version(connection)
            if version != tables.VERSION:
                raise self._unavailable(
                    f"it is of version {version}, of a newer release of foundations: this one knows version"
                    f" {tables.VERSION}. Use the newer release"
                )
            connection.create_function("text_matches", 2, text_matches, deterministic=True)
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_current(self, connection: sqlite3.Connection) -> None:
        """Create or migrate the tables unless another process has done so; the caller must hold the lock."""
        version = _version(connection)
        if version == 1:
            migrate_from_version_1(connection)
        if version != 0:
            return
        if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() != (0,):
            raise self._unavailable("it is a database of something else")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"BEGIN IMMEDIATE; {tables.SCHEMA}; PRAGMA user_version = {tables.VERSION}; COMMIT")

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
