"""Archiving that never loses: what its archive refuses is kept in the job's directory, and told."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from foundations.errors import FoundationsError
from foundations.ports.archive import PipelineArchive
from foundations.ports.frames import Buffer


class Keeper:
    """Writes a job's items to its archives.

    Args:
        job_name: The job.
        keep_here: Keeps an item beside the job where its archive fails; raises OSError where it cannot.
        note: Told each line of `not_archived` at once, so that it outlives this process.

    Attributes:
        not_archived: What could not be archived and why, a line each.
    """

    def __init__(
        self,
        job_name: str,
        keep_here: Callable[[str, Sequence[Buffer]], None],
        note: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._job_name = job_name
        self._keep_here = keep_here
        self._note = note
        self.not_archived: list[str] = []

    def write(self, archive: PipelineArchive, item: str, data: Sequence[Buffer]) -> bool:
        """Archive `data` as `item`; return whether it is kept, there or beside the job."""
        try:
            archive.write(self._job_name, item, data)
        except Exception as error:  # of whatever adapter: it is no failure of the user's code
            return self.keep_beside(item, data, error)
        return True

    def write_file(self, archive: PipelineArchive, item: str, source: Path, digest: str | None) -> bool:
        """Archive the file `source` as `item`; return whether it is kept, there or beside the job."""
        try:
            archive.write_file(self._job_name, item, source, digest=digest)
        except Exception as error:  # likewise
            return self._keep_file_beside(item, source, error)
        return True

    def keep_beside(self, item: str, data: Sequence[Buffer], why: Exception) -> bool:
        """Keep an item beside the job, because of `why` its archive does not; return whether that was possible."""
        self.tell(f"{item}: {_said(why)}")
        try:
            self._keep_here(item, data)
        except OSError as error:
            self.tell(f"{item}: could not be kept in the job's directory either: {error}")
            return False
        return True

    def tell(self, line: str) -> None:
        """Note what could not be archived, once."""
        if line not in self.not_archived:
            self.not_archived.append(line)
            self._note(line)

    def _keep_file_beside(self, item: str, source: Path, why: Exception) -> bool:
        import mmap

        try:
            stream = source.open("rb")
        except OSError as error:
            self.tell(f"{item}: {_said(why)}")
            self.tell(f"{item}: could not be kept in the job's directory either: {error}")
            return False
        with stream:
            if not os.fstat(stream.fileno()).st_size:  # which cannot be mapped
                return self.keep_beside(item, [], why)
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content, memoryview(content) as view:
                return self.keep_beside(item, [view], why)


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, FoundationsError) else f"{type(error).__name__}: {error}"
