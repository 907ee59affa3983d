"""The end record in a job directory: created once, whole or not at all, and never changed."""

from __future__ import annotations

import json
import os
from pathlib import Path

from foundations.ports.job import JobEnd
from foundations.ports.job_layout import JobDirectory


def read_end(directory: JobDirectory) -> JobEnd | None:
    """Return the end record, None where there is none yet.

    Raises:
        OSError: It cannot be read.
        ValueError: It is damaged.
    """
    try:
        data = directory.end.read_bytes()
    except FileNotFoundError:
        return None
    return JobEnd.from_json(json.loads(data))


def write_end(directory: JobDirectory, end: JobEnd) -> bool:
    """Create the end record, whole or not at all; return False where there is one already."""
    temporary = directory.state / f".end-{os.getpid()}-{os.urandom(4).hex()}"
    try:
        _write_durably(temporary, json.dumps(end.to_json()).encode())
        os.link(temporary, directory.end)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    _flush_directory(directory.state)
    return True


def _write_durably(path: Path, data: bytes) -> None:
    """Write a new file and flush it to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_directory(path: Path) -> None:
    """Flush the names in a directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
