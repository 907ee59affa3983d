"""What a job has left: in its archives, or beside it where an archive had failed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from foundations.domain.jobs import archive_layout as items
from foundations.domain.jobs.archive_layout import Archives
from foundations.domain.jobs.output_digest import OutputDigest
from foundations.domain.jobs.result_document import ResultDocument
from foundations.errors import FoundationsError, ItemNotFoundError, OutputUnreadableError, StorageError
from foundations.ports.archive import PipelineArchive
from foundations.ports.execution import ExecutionEnvironment, JobHandle
from foundations.ports.frames import Buffer, split_frames
from foundations.ports.serialisation import Serialiser


class Remains(NamedTuple):
    """Reads what a job has left.

    Attributes:
        handle: The job.
        environment: Where it ran, which keeps what an archive had refused.
        archives: Its archives.
        serialiser: Rebuilds outputs and exceptions.
        write_file: Writes a new file; raises FileExistsError where there is one.
    """

    handle: JobHandle
    environment: ExecutionEnvironment
    archives: Archives
    serialiser: Serialiser
    write_file: Callable[[Path, bytes], None]

    def read(self, archive: PipelineArchive, item: str) -> Buffer:
        """Return an item from its archive, or from the job's directory where the archive had failed."""
        try:
            content: Buffer = archive.read(self.handle.job_name, item)
            return content
        except StorageError:  # not there, or nobody can tell
            kept = self.environment.kept(self.handle, item)
            if kept is None:
                raise
            return kept

    def fetch_file(self, archive: PipelineArchive, item: str, target: Path | str) -> Path:
        """Write an item to a new file, from its archive or from the job's directory."""
        path = Path(target)
        try:
            try:
                archive.read_file(self.handle.job_name, item, path)
            except StorageError:
                kept = self.environment.kept(self.handle, item)
                if kept is None:
                    raise
                self.write_file(path, kept)
        except FileExistsError as error:
            raise FoundationsError(f"{path} is there already and is not overwritten; name a new file") from error
        return path

    def provenance(self) -> dict[str, Any]:
        """Return how the job's result came to be.

        Raises:
            ItemNotFoundError: The job ended before it was archived.
        """
        document: dict[str, Any] = json.loads(bytes(self.read(self.archives.provenance, items.PROVENANCE)))
        return document

    def document(self) -> ResultDocument:
        """Return the result document; what the stages archived as they ended, where the job died before it had one."""
        try:
            return ResultDocument.from_json(json.loads(bytes(self.read(self.archives.miscellaneous, items.RESULT))))
        except ItemNotFoundError:
            return self._document_of_stages()

    def _document_of_stages(self) -> ResultDocument:
        try:
            stages = self.provenance()["stages"]
        except ItemNotFoundError:  # without it nobody can tell which stage was run, and what the others are
            return ResultDocument([], [], [], [], {})
        found: dict[str, dict[str, Any]] = {}
        for item in self.archives.stage_log.items(self.handle.job_name, items.STAGES):
            known = json.loads(bytes(self.archives.stage_log.read(self.handle.job_name, item.name)))
            found[known["uuid"]] = known
        for uuid in stages["uuids"]:
            kept = None if uuid in found else self.environment.kept(self.handle, items.stage_item(uuid))
            if kept is not None:
                found[uuid] = json.loads(kept)
        return ResultDocument(
            stages["uuids"],
            stages["names"],
            [found.get(uuid, {}).get("start_time") for uuid in stages["uuids"]],
            [found.get(uuid, {}).get("end_time") for uuid in stages["uuids"]],
            {uuid: known["details"] for uuid, known in found.items()},
        )

    def load_output(self, uuid: str, digest: str | None) -> Any:
        """Return the output of a stage.

        Args:
            uuid: The stage.
            digest: What the job said that the output's is, where it did.

        Raises:
            OutputUnreadableError: It is gone or not what the job wrote, or cannot be rebuilt here.
            StorageError: It cannot be read.
        """
        try:
            data = self.read(self.archives.persisted_data, items.output_item(uuid))
        except ItemNotFoundError as error:
            raise OutputUnreadableError(
                f"an output of job {self.handle.job_name} was archived and is gone since: {error.message}",
                job_name=self.handle.job_name,
            ) from error
        if digest is not None and OutputDigest([data]).hexdigest() != digest:
            raise OutputUnreadableError(
                f"an output of job {self.handle.job_name} is damaged: {items.output_item(uuid)} in the archive is not"
                " what the job wrote. Nothing of it was read.",
                job_name=self.handle.job_name,
            )
        try:
            return self.serialiser.load(split_frames(data))
        except Exception as error:  # what an output needs to be rebuilt is the user's
            raise OutputUnreadableError(
                f"the output of job {self.handle.job_name} cannot be rebuilt here: {type(error).__name__}: {error}."
                " Where a module is missing, run from the project's directory, or put the module's on sys.path",
                job_name=self.handle.job_name,
            ) from error

    def original_exception(self) -> BaseException | None:
        """Return what a stage raised, or why it cannot be rebuilt; None where nothing was kept of it."""
        try:
            data = self.read(self.archives.miscellaneous, items.EXCEPTION)
        except ItemNotFoundError:
            return None
        try:
            original = self.serialiser.load(split_frames(data))
        except Exception as error:  # it is told instead: the job's own failure matters more
            return FoundationsError(f"the original exception cannot be rebuilt here: {type(error).__name__}: {error}")
        return original if isinstance(original, BaseException) else None
