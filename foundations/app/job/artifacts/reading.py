"""Reading a job's artifacts: their names, as files and directories, as objects."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from foundations.domain.jobs.archive_layout import ARTIFACT_DIRECTORIES, ARTIFACTS, directory_item, directory_name
from foundations.domain.jobs.archived_job import ArchivedJob
from foundations.errors import FoundationsError, ItemNotFoundError
from foundations.ports.archive import PipelineArchive

_MOST_NAMED = 20


class ArtifactReader(NamedTuple):
    """Reads the artifacts of one job; see :class:`foundations.domain.records.artifacts.Artifacts`.

    Attributes:
        archived_job: What the job has archived.
    """

    archived_job: ArchivedJob

    def names(self) -> list[str]:
        """Return the names of the artifacts."""
        files, directories = self._found()
        return sorted({*files, *directories})

    def fetch(self, name: str, target: Path | str) -> Path:
        """Write an artifact, or one file of a directory, to the new file or directory `target` and return its path."""
        from foundations.app.job.artifacts.directories import unpack_directory, unpack_file  # of few deployments

        files, directories = self._found()
        path = Path(target)
        if not path.absolute().parent.is_dir():
            raise FoundationsError(
                f"{path} cannot be written: {path.absolute().parent} is not a directory; make it first"
            )
        if not isinstance(name, str):
            raise self._missing(name, sorted({*files, *directories}))
        name = name.removesuffix("/")
        if name in files:
            return self.archived_job.fetch_file(self._archive, ARTIFACTS + name, path)
        below = [file for file in files if file.startswith(f"{name}/")]
        within = [directory for directory in directories if name.startswith(f"{directory}/")]
        try:
            if name in directories:
                with self._fetched(directory_item(name), path) as packed:
                    unpack_directory(packed, path)
                return path
            if below:  # which were saved one by one
                self._fetch_each(below, name, path)
                return path
            for directory in within:
                with self._fetched(directory_item(directory), path) as packed:
                    if unpack_file(packed, name.removeprefix(f"{directory}/"), path):
                        return path
        except FileExistsError as error:
            raise FoundationsError(
                f"{path} already exists and is not overwritten; give the name of a new file or directory"
            ) from error
        raise self._missing(name, sorted({*files, *directories}))

    def load(self, name: str) -> Any:
        """Return the object that an artifact is the file of."""
        from tempfile import TemporaryDirectory

        from foundations.app.job.artifacts.formats import FORMATS, find_format, read_object

        if not isinstance(name, str) or find_format(name) is None:
            raise FoundationsError(
                f"load_artifact: the suffix of {name!r:.200} selects no format; these do: {', '.join(FORMATS)}."
                " fetch_artifact() writes any artifact to a file."
            )
        with TemporaryDirectory(prefix="artifact-") as directory:  # whose content nobody else can change
            path = self.fetch(name, Path(directory, "content"))
            if path.is_dir():
                raise FoundationsError(f"load_artifact: {name!r} is a directory; fetch_artifact() writes it to disk")
            return read_object(name, path)

    @property
    def _archive(self) -> PipelineArchive:
        return self.archived_job.archives.artifact

    def _found(self) -> tuple[list[str], list[str]]:
        """Return the names of the files and of the directories."""
        name = self.archived_job.handle.job_name
        files = [item.name.removeprefix(ARTIFACTS) for item in self._archive.items(name, ARTIFACTS)]
        packed = self._archive.items(name, ARTIFACT_DIRECTORIES)
        return files, [directory_name(item.name) for item in packed]

    @contextmanager
    def _fetched(self, item: str, target: Path) -> Iterator[Path]:
        """Yield the path of a copy of an item, beside `target`, inside the ``with`` block."""
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(prefix=".artifact-", dir=target.parent) as directory:
            yield self.archived_job.fetch_file(self._archive, item, Path(directory, "content"))

    def _fetch_each(self, names: list[str], directory: str, target: Path) -> None:
        if os.path.lexists(target):
            raise FileExistsError(f"{target} exists")
        for name in names:
            path = target / name.removeprefix(f"{directory}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            self.archived_job.fetch_file(self._archive, ARTIFACTS + name, path)

    def _missing(self, name: object, saved: list[str]) -> ItemNotFoundError:
        job_name = self.archived_job.handle.job_name
        shown = ", ".join(saved[:_MOST_NAMED]) + (", ..." if len(saved) > _MOST_NAMED else "")
        return ItemNotFoundError(
            f"job {job_name} has saved no artifact {name!r:.200}; it has saved: {shown or 'none'}",
            job_name=job_name,
            item=name,
        )
