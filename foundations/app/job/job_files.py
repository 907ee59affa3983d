"""What the worker writes into its job directory, for its supervisor and for whoever fetches the result."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from foundations.ports.frames import Buffer
from foundations.ports.job import Outcome
from foundations.ports.job_layout import JobDirectory


class JobFiles:
    """Writes the files of one job directory that the worker is responsible for."""

    def __init__(self, directory: JobDirectory) -> None:
        self._directory = directory

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

    def write_outcome(self, outcome: Outcome) -> None:
        """Write how the pipeline ended, whole or not at all."""
        temporary = self._directory.outcome.with_name(".outcome.json")
        temporary.write_text(json.dumps(outcome.to_json()))
        temporary.replace(self._directory.outcome)
