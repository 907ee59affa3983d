"""Archiving that loses nothing: an item that its archive refuses is stored in the job's directory, and reported."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from foundations.concealment import conceal
from foundations.errors import FoundationsError
from foundations.ports.archive import PipelineArchive
from foundations.ports.frames import Buffer


class Archiver:
    """Writes a job's items to its archives.

    Args:
        job_name: The job.
        store_locally: Stores an item in the job's directory where its archive fails; raises OSError where it cannot.
        report: Receives each line of `not_archived` at once, so that it outlives this process.

    Attributes:
        not_archived: What could not be archived and why, a line each.
    """

    def __init__(
        self,
        job_name: str,
        store_locally: Callable[[str, Sequence[Buffer]], None],
        report: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._job_name = job_name
        self._store_locally = store_locally
        self._report = report
        self.not_archived: list[str] = []

    def write(self, archive: PipelineArchive, item: str, data: Sequence[Buffer]) -> bool:
        """Archive `data` as `item`; return whether it is stored, there or in the job's directory."""
        try:
            archive.write(self._job_name, item, data)
        except Exception as error:  # of whatever adapter: it is no failure of the user's code
            return self.store_locally(item, data, error)
        return True

    def write_file(self, archive: PipelineArchive, item: str, source: Path, digest: str | None) -> bool:
        """Archive the file `source` as `item`; return whether it is stored, there or in the job's directory."""
        try:
            archive.write_file(self._job_name, item, source, digest=digest)
        except Exception as error:  # likewise
            return self._store_file_locally(item, source, error)
        return True

    def store_locally(self, item: str, data: Sequence[Buffer], error: Exception) -> bool:
        """Store an item in the job's directory, since its archive raised `error`; return whether that was possible."""
        self.report(f"{item}: {_describe(error)}")
        try:
            self._store_locally(item, data)
        except OSError as second:
            self.report(f"{item}: could not be stored in the job directory either: {second}")
            return False
        return True

    def report(self, line: str) -> None:
        """Report what could not be archived, each line once."""
        if line not in self.not_archived:
            self.not_archived.append(line)
            self._report(line)

    def _store_file_locally(self, item: str, source: Path, error: Exception) -> bool:
        import mmap

        try:
            stream = source.open("rb")
        except OSError as second:
            self.report(f"{item}: {_describe(error)}")
            self.report(f"{item}: could not be stored in the job directory either: {second}")
            return False
        with stream:
            if not os.fstat(stream.fileno()).st_size:  # which cannot be mapped
                return self.store_locally(item, [], error)
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content, memoryview(content) as view:
                return self.store_locally(item, [view], error)


def _describe(error: Exception) -> str:
    return str(error) if isinstance(error, FoundationsError) else conceal(f"{type(error).__name__}: {error}")
