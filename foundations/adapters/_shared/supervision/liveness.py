"""Whether anybody still supervises a job, and how others wait for its end.

Liveness is a lock that the kernel drops with its holder, never a bare process id. Whoever submits holds a ``flock`` on
``state/lock`` before the directory has its name, and the supervisor inherits it, so there is no moment in which a job
that was just submitted looks dead. The supervisor then holds a POSIX record lock on ``state/alive``, which has its name
only once it is locked. From then on this lock alone counts: it belongs to one process, whereas an unrelated child that
the submitter forks at the wrong moment inherits the other. ``F_GETLK`` returns the supervisor's process id to whoever
wants to signal it or to wait for it. The two are different files because NFS makes record locks of both.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from foundations.adapters._shared.fs.files import open_descriptor
from foundations.ports.job_layout import JobDirectory

_FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64-bit Linux: l_type, l_whence, l_start, l_len, l_pid


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
    """Declare that the calling process supervises the job; return the descriptor that must stay open.

    The kernel drops the lock when this process ends, or closes any descriptor of the file; a fork of it has no part in
    the lock.
    """
    unnamed = directory.state / f".alive-{os.getpid()}"
    descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.lockf(descriptor, fcntl.LOCK_EX)
    unnamed.rename(directory.alive)
    return descriptor


class Announcement:
    """Wakes whoever waits for a job, in any process, when its end is recorded or its supervisor is gone.

    The supervisor holds the writing end of a FIFO, which has its name only once it is open. The kernel reports its
    closing to everybody who has the other end open by then.
    """

    def __init__(self, directory: JobDirectory) -> None:
        unnamed = directory.state / f".ending-{os.getpid()}"
        os.mkfifo(unnamed, 0o600)
        self._descriptor = os.open(unnamed, os.O_RDWR | os.O_CLOEXEC)  # which waits for no reader
        unnamed.rename(directory.ending)

    def close(self) -> None:
        """Wake whoever waits; or, in a fork, have no part in it."""
        os.close(self._descriptor)

    @staticmethod
    def descriptor(directory: JobDirectory) -> int | None:
        """Return a descriptor on which a poll reports the announcement; None before the supervisor has started.

        An earlier announcement is not reported: read the job's status once more after opening the descriptor.
        """
        try:
            return os.open(directory.ending, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None


class Liveness(NamedTuple):
    """What the locks of a job show.

    Attributes:
        alive: Whether its submitter or its supervisor still holds a lock.
        started: Whether its supervisor has started.
        pid: The supervisor's process id, where it runs and this host knows it.
    """

    alive: bool
    started: bool
    pid: int | None = None


def read_liveness(directory: JobDirectory) -> Liveness:
    """Look at a job's locks without disturbing them.

    Raises:
        OSError: A lock file cannot be opened, for another reason than being gone.
    """
    with suppress(FileNotFoundError), open_descriptor(directory.alive, os.O_RDWR) as descriptor:
        request = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, request))
        alive = kind != fcntl.F_UNLCK
        return Liveness(alive, started=True, pid=pid if alive and pid > 0 else None)
    with suppress(FileNotFoundError), open_descriptor(directory.lock, os.O_RDWR) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            return Liveness(alive=True, started=False)
    return Liveness(alive=False, started=False)
