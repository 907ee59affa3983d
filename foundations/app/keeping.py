"""Archiving that never loses: what its archive refuses is kept in the job's directory, and told."""

from __future__ import annotations

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

    Attributes:
        not_archived: What could not be archived and why, a line each.
    """

    def __init__(self, job_name: str, keep_here: Callable[[str, Sequence[Buffer]], None]) -> None:
        self._job_name = job_name
        self._keep_here = keep_here
        self.not_archived: list[str] = []

    def write(self, archive: PipelineArchive, item: str, data: Sequence[Buffer]) -> bool:
        """Archive `data` as `item`; return whether it is kept, there or beside the job."""
        try:
            archive.write(self._job_name, item, data)
        except Exception as error:  # of whatever adapter: it is no failure of the user's code
            self._note(item, error)
            try:
                self._keep_here(item, data)
            except OSError as further:
                self.not_archived.append(f"{item}: could not be kept in the job's directory either: {further}")
                return False
        return True

    def write_file(self, archive: PipelineArchive, item: str, source: Path, digest: str | None) -> None:
        """Archive the file `source` as `item`."""
        try:
            archive.write_file(self._job_name, item, source, digest=digest)
        except Exception as error:  # likewise
            self._note(item, error)

    def _note(self, item: str, error: Exception) -> None:
        said = str(error) if isinstance(error, FoundationsError) else f"{type(error).__name__}: {error}"
        self.not_archived.append(f"{item}: {said}")
