"""A job's directory in an execution environment: its layout, and who is alive in it.

Liveness is a lock that the kernel drops with its holder, never a bare process id. Whoever submits holds a ``flock`` on
``state/lock`` before the directory has its name, and the supervisor inherits it, so there is no moment in which a job
on its way looks dead. The supervisor then holds a POSIX record lock on ``state/alive``, which has its name only once it
is locked. From then on this lock alone counts: it belongs to one process, whereas an unrelated child that the submitter
forks at the wrong moment inherits the other. ``F_GETLK`` tells the supervisor's process id to whoever wants to signal
it or to wait for it. The two are different files because NFS makes record locks of both.

No lock and no end record means that the job ended as its worker noted last thing, and without that note is lost.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import struct
from pathlib import Path
from typing import Any

from foundations.ports.job import JobEnd

_FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64-bit Linux: l_type, l_whence, l_start, l_len, l_pid


class JobDirectory:
    """The layout below one job's directory."""

    __slots__ = (
        "alive",
        "bundle",
        "cancel_request",
        "end",
        "ending",
        "kept",
        "lock",
        "outcome",
        "path",
        "project",
        "state",
    )

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bundle = path / "bundle"
        self.project = path / "project"
        self.state = path / "state"
        self.lock = self.state / "lock"
        self.alive = self.state / "alive"
        self.ending = self.state / "ending"
        self.cancel_request = self.state / "cancel"
        self.outcome = self.state / "outcome.json"
        self.end = self.state / "end.json"
        self.kept = self.state / "kept"

    def stream(self, name: str) -> Path:
        """Return the file that keeps ``stdout`` or ``stderr``."""
        return self.state / name

    def read_end(self) -> JobEnd | None:
        """Return the end record, None where there is none yet.

        Raises:
            OSError: It cannot be read.
            ValueError: It is damaged.
        """
        record = read_json(self.end)
        return None if record is None else JobEnd.from_json(record)

    def write_end(self, end: JobEnd) -> bool:
        """Create the end record, whole or not at all; return False where there is one already."""
        temporary = self.state / f".end-{os.getpid()}-{os.urandom(4).hex()}"
        try:
            write_durably(temporary, json.dumps(end.to_json()).encode())
            os.link(temporary, self.end)
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
        flush_directory(self.state)
        return True


def read_json(path: Path) -> Any:
    """Return what the JSON file holds, None where there is no file."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None


def write_durably(path: Path, data: bytes) -> None:
    """Write a new file and have the disk keep it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_directory(path: Path) -> None:
    """Have the disk keep the names in a directory."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hold_lock(path: Path) -> int:
    """Create the lock file and return a descriptor that holds its ``flock`` until the last copy is closed."""
    opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # Not one of the standard streams' numbers, which may be free here and are taken in the job.
        descriptor = fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(opened)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def declare_alive(directory: JobDirectory) -> int:
    """Tell that the calling process supervises the job; return the descriptor that must stay open.

    The kernel drops the lock when this process ends, or closes any descriptor of the file; a fork of it has no part in
    the lock.
    """
    unnamed = directory.state / f".alive-{os.getpid()}"
    descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.lockf(descriptor, fcntl.LOCK_EX)
    unnamed.rename(directory.alive)
    return descriptor


class Announcement:
    """Tells whoever waits for a job, in any process, that its end is recorded, or that its supervisor is gone.

    The supervisor holds the writing end of a FIFO, which has its name only once it is open. The kernel reports its
    closing to everybody who has the other end open by then.
    """

    def __init__(self, directory: JobDirectory) -> None:
        unnamed = directory.state / f".ending-{os.getpid()}"
        os.mkfifo(unnamed, 0o600)
        self._descriptor = os.open(unnamed, os.O_RDWR | os.O_CLOEXEC)  # which waits for no reader
        unnamed.rename(directory.ending)

    def close(self) -> None:
        """Announce it; or, in a fork, have no part in it."""
        os.close(self._descriptor)

    @staticmethod
    def descriptor(directory: JobDirectory) -> int | None:
        """Return a descriptor on which a poll reports the announcement; None before the supervisor is up.

        What was announced before is not reported: look at the job once more after asking for the descriptor.
        """
        try:
            return os.open(directory.ending, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None


class Liveness:
    """What the locks of a job tell.

    Attributes:
        alive: Whether somebody still sees to it.
        started: Whether its supervisor has started.
        pid: The supervisor's, where it runs and this host knows it.
    """

    __slots__ = ("alive", "pid", "started")

    def __init__(self, alive: bool, started: bool, pid: int | None) -> None:
        self.alive = alive
        self.started = started
        self.pid = pid


def liveness(directory: JobDirectory) -> Liveness:
    """Look at a job's locks without disturbing them.

    Raises:
        OSError: A lock file cannot be opened, for another reason than being gone.
    """
    descriptor = _opened(directory.alive)
    if descriptor is not None:
        try:
            asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
        finally:
            os.close(descriptor)
        alive = kind != fcntl.F_UNLCK
        return Liveness(alive, True, pid if alive and pid > 0 else None)
    descriptor = _opened(directory.lock)
    if descriptor is None:
        return Liveness(False, False, None)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        return Liveness(True, False, None)
    finally:
        os.close(descriptor)
    return Liveness(False, False, None)


def _opened(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
