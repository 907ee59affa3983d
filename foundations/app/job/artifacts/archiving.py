"""Writing artifacts to the archive of a job, each whole or not at all."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from foundations.app.job.artifacts.directories import pack_directory
from foundations.app.tracking_pause import tracking_paused
from foundations.domain.jobs.archive_layout import ARTIFACTS, directory_item
from foundations.errors import FoundationsError
from foundations.ports.archive import PipelineArchive

if TYPE_CHECKING:
    from foundations.domain.pipeline.executor import Artifact


class ArtifactArchiver:
    """Archives what the stages of one job save.

    Args:
        job_name: The job.
        archive: The archive of its artifacts.
        report_saved: Receives each file that was archived.
        scratch: The directory for what is written on the way; the system's own for temporary files where None.
    """

    def __init__(
        self, job_name: str, archive: PipelineArchive, report_saved: Callable[[Path], None], scratch: Path | None
    ) -> None:
        self._job_name = job_name
        self._archive = archive
        self._report_saved = report_saved
        self._scratch = scratch
        self._is_directory: dict[str, bool] = {}
        self._above: set[str] = set()  # names that files are below
        self._lock = threading.Lock()

    def save(self, artifact: Artifact) -> None:
        """Archive an artifact; one of the same name is replaced. What the archive refuses is the caller's error.

        Raises:
            FoundationsError: The name has a directory, and this is none, or the reverse; or one of two files would be
                below the other, as in ``a`` and ``a/b``.
            StorageError: The archive refuses it.
        """
        with self._lock:
            self._check_against_earlier(artifact)
        with tracking_paused():
            if artifact.source is not None and not artifact.is_directory:
                self._write(ARTIFACTS + artifact.name, artifact.source)
                self._report_saved(artifact.source)
                return
            with tempfile.TemporaryDirectory(prefix="artifact-", dir=self._scratch) as directory:
                self._save_written(artifact, Path(directory, "content"))

    def _check_against_earlier(self, artifact: Artifact) -> None:
        """Raise where an artifact and an earlier one cannot both be archived; remember it otherwise."""
        name = artifact.name
        if self._is_directory.get(name, artifact.is_directory) is not artifact.is_directory:
            before, now = ("a file", "a directory") if artifact.is_directory else ("a directory", "a file")
            raise FoundationsError(
                f"save_artifact: {name!r} was saved as {before} before, which {now} does not replace. Choose another"
                " name."
            )
        if not artifact.is_directory:
            above = [parent.as_posix() for parent in PurePosixPath(name).parents][:-1]
            if name in self._above or any(self._is_directory.get(parent) is False for parent in above):
                raise FoundationsError(
                    f"save_artifact: {name!r} and an earlier artifact cannot both be files, since one would be below"
                    " the other. Choose another name."
                )
            self._above.update(above)
        self._is_directory[name] = artifact.is_directory

    def _save_written(self, artifact: Artifact, path: Path) -> None:
        """Archive what has to be written to a file first."""
        packed: list[Path] = []
        if artifact.source is not None:
            pack_directory(artifact.source, path, packed.append)
            self._write(directory_item(artifact.name), path)
        elif artifact.write is not None:
            artifact.write(path)
            self._write(ARTIFACTS + artifact.name, path)
        for source in packed:
            self._report_saved(source)

    def _write(self, item: str, source: Path) -> None:
        self._archive.write_file(self._job_name, item, source)
