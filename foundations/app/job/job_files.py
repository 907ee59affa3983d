"""What the worker writes into its job directory, for its supervisor and for whoever fetches the result."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from foundations import events
from foundations.domain.jobs import archive_layout as items
from foundations.ports.frames import Buffer
from foundations.ports.job import Outcome
from foundations.ports.job_layout import JobDirectory


def file_stamp(path: Path) -> tuple[int, ...] | None:
    """Return what shows a change of a file: its size and the time of its last change; None where it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


class JobFiles:
    """Writes the files of one job directory that the worker is responsible for."""

    def __init__(self, directory: JobDirectory) -> None:
        self._directory = directory
        self._times: int | None = None

    def store_fallback(self, item: str, data: Sequence[Buffer]) -> None:
        """Store an item whose archive failed, whole or not at all.

        Raises:
            OSError: It cannot be written.
        """
        directory = self._directory.fallback
        directory.mkdir(mode=0o700, exist_ok=True)
        temporary = directory / f".{os.urandom(8).hex()}"
        try:
            with temporary.open("xb") as stream:
                stream.writelines(data)
            temporary.replace(self._directory.fallback_item(item))
        finally:
            temporary.unlink(missing_ok=True)

    def append_not_archived(self, line: str) -> None:
        """Add a line about what could not be archived; it outlives this process."""
        with self._directory.not_archived.open("a") as stream:
            stream.write(json.dumps(line) + "\n")

    def append_saved(self, path: Path) -> None:
        """Add a file that was archived as an artifact; its supervisor finds out whether it was changed since."""
        with self._directory.saved.open("a") as stream:
            stream.write(json.dumps([os.path.realpath(path), *(file_stamp(path) or ())]) + "\n")

    def read_saved(self) -> dict[str, tuple[int, ...]]:
        """Return the files that were archived as artifacts: their real paths, and their stamps at that time."""
        try:
            lines = self._directory.saved.read_text().splitlines()
        except FileNotFoundError:
            return {}
        saved = {}
        for line in lines:
            with suppress(ValueError):  # the worker died while it wrote the last line
                path, *stamp = json.loads(line)
                saved[path] = tuple(stamp)
        return saved

    def append_times(self, index: int, started_at: float, ended_at: float | None) -> None:
        """Add that a stage has started, or ended, and when: a fallback item until the result has the times of all."""
        try:
            if self._times is None:
                self._directory.fallback.mkdir(mode=0o700, exist_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
                self._times = os.open(self._directory.fallback_item(items.TIMES), flags, 0o600)
            end = "" if ended_at is None else f", {ended_at!r}"  # thrice as fast as `json.dumps`
            os.write(self._times, f"[{index}, {started_at!r}{end}]\n".encode())
        except OSError as error:  # the job matters more
            events.debug("times_not_recorded", index=index, reason=str(error))

    def remove_times(self) -> None:
        """Remove what :meth:`append_times` wrote: the result is stored."""
        if self._times is not None:
            self._directory.fallback_item(items.TIMES).unlink(missing_ok=True)
            with suppress(OSError):  # there are other fallback items
                self._directory.fallback.rmdir()

    def write_outcome(self, outcome: Outcome) -> None:
        """Write how the pipeline ended, whole or not at all."""
        temporary = self._directory.outcome.with_name(".outcome.json")
        temporary.write_text(json.dumps(outcome.to_json()))
        temporary.replace(self._directory.outcome)
