"""The end record in a job directory: created once, whole or not at all, and never changed."""

from __future__ import annotations

import json

from foundations.adapters._shared.fs.files import write_atomically
from foundations.errors import StorageUnavailableError
from foundations.ports.job import JobEnd, NewerFormatError
from foundations.ports.job_layout import JobDirectory


def read_end(directory: JobDirectory) -> JobEnd | None:
    """Return the end record, None where there is none yet.

    Raises:
        OSError: It cannot be read.
        StorageUnavailableError: It is damaged, or another job's.
    """
    try:
        return JobEnd.from_json(json.loads(directory.end.read_bytes()), directory.job_name)
    except FileNotFoundError:
        return None
    except ValueError as error:
        problem = "cannot be read" if isinstance(error, NewerFormatError) else "is damaged"
        raise StorageUnavailableError(
            f"{directory.end}: the end record {problem}: {error}", path=str(directory.end)
        ) from error


def write_end(directory: JobDirectory, end: JobEnd) -> bool:
    """Create the end record, whole or not at all; return False where there is one already."""
    return write_atomically(directory.end, [json.dumps(end.to_json()).encode()], exclusive=True)
