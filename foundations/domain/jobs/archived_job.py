"""What a job has archived so far, or stored in its job directory where an archive had failed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from foundations import events
from foundations.domain.jobs import archive_layout as items
from foundations.domain.jobs.archive_layout import Archives
from foundations.domain.jobs.output_digest import OutputDigest
from foundations.domain.jobs.result_document import ResultDocument
from foundations.errors import (
    FoundationsError,
    ItemNotFoundError,
    OtherPythonError,
    OutputUnreadableError,
    StorageError,
)
from foundations.ports.archive import PipelineArchive
from foundations.ports.execution import ExecutionEnvironment, JobHandle
from foundations.ports.frames import Buffer, split_frames
from foundations.ports.serialisation import Serialiser


class ArchivedJob(NamedTuple):
    """Reads what a job has archived.

    Attributes:
        handle: The job.
        environment: Where it ran, which has the fallback items: those whose archive failed.
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
        """Return an item from its archive, or the fallback item.

        Raises:
            StorageError: There is neither, or nobody can tell.
        """
        try:
            content: Buffer = archive.read(self.handle.job_name, item)
            return content
        except StorageError:
            fallback = self.environment.read_fallback(self.handle, item)
            if fallback is None:
                raise
            return fallback

    def fetch_file(self, archive: PipelineArchive, item: str, target: Path | str) -> Path:
        """Write an item, from its archive or the fallback item, to the new file `target` and return its path."""
        path = Path(target)
        try:
            try:
                archive.read_file(self.handle.job_name, item, path)
            except StorageError:
                fallback = self.environment.read_fallback(self.handle, item)
                if fallback is None:
                    raise
                self.write_file(path, fallback)
        except FileExistsError as error:
            raise FoundationsError(
                f"{path} already exists and is not overwritten; give the name of a new file"
            ) from error
        return path

    def fetch_source(self, target: Path | str) -> Path:
        """Write the project, as it was bundled, to the new file `target` and return its path.

        Raises:
            ItemNotFoundError: It is not archived.
        """
        return self.fetch_file(self.archives.job_source, items.SOURCE, target)

    def read_stream(self, stream: str) -> str:
        """Return what the job wrote to ``stdout`` or ``stderr``; nothing where it was not archived."""
        try:
            content = self.archives.stage_log.read(self.handle.job_name, items.stream_item(stream))
        except ItemNotFoundError:
            return ""
        return bytes(content).decode(errors="replace")

    def provenance(self) -> dict[str, Any]:
        """Return how the job's result came to be.

        Raises:
            ItemNotFoundError: It is not archived.
        """
        document: dict[str, Any] = self._read_json(self.archives.provenance, items.PROVENANCE, dict)
        try:
            document["gpus"] = self._read_json(self.archives.provenance, items.GPUS, list)
        except ItemNotFoundError:  # few hosts have any
            pass
        except StorageError as error:  # the rest is good
            events.warning("gpus_not_read", job_name=self.handle.job_name, reason=str(error))
        return document

    def document(self) -> ResultDocument:
        """Return the result document; one made of the stages' own documents, where the job died before it had one."""
        try:
            document: ResultDocument = self._read_json(
                self.archives.miscellaneous, items.RESULT, ResultDocument.from_json
            )
            return document
        except ItemNotFoundError:
            return self._document_of_stages()

    def _read_json(self, archive: PipelineArchive, item: str, parse: Callable[[Any], Any]) -> Any:
        """Return what `parse` makes of a JSON item.

        Raises:
            StorageUnavailableError: It is damaged, or of a newer version's format; the message names it.
        """
        return self._parse(item, self.read(archive, item), parse)

    def _parse(self, item: str, data: Buffer, parse: Callable[[Any], Any]) -> Any:
        try:
            return parse(json.loads(bytes(data)))
        except KeyError as error:
            raise items.unreadable_item(self.handle.job_name, item, ValueError(f"it has no {error}")) from error
        except (AttributeError, TypeError, ValueError) as error:
            raise items.unreadable_item(self.handle.job_name, item, error) from error

    def _document_of_stages(self) -> ResultDocument:
        try:
            uuids, names = self._read_json(self.archives.provenance, items.PROVENANCE, _stages_of)
        except ItemNotFoundError:  # without it nobody can tell which stage was run, and what the others are
            return ResultDocument([], [], [], [], {})
        documents: dict[str, dict[str, Any]] = {}
        for item in self.archives.stage_log.items(self.handle.job_name, items.STAGES):
            document = self._read_json(self.archives.stage_log, item.name, _stage_document)
            documents[document["uuid"]] = document
        for uuid in uuids:
            if uuid not in documents:
                name = items.stage_item(uuid)
                fallback = self.environment.read_fallback(self.handle, name)
                if fallback is not None:
                    documents[uuid] = self._parse(name, fallback, _stage_document)
        times = self._read_times()
        for index, uuid in enumerate(uuids):
            if index in times:
                started_at, ended_at = times[index]
                document = documents.setdefault(uuid, {"start_time": started_at, "end_time": None, "details": {}})
                document["end_time"] = ended_at or document["end_time"]  # a running stage may have a document, too
        return ResultDocument(
            uuids,
            names,
            [documents.get(uuid, {}).get("start_time") for uuid in uuids],
            [documents.get(uuid, {}).get("end_time") for uuid in uuids],
            {uuid: document["details"] for uuid, document in documents.items() if document["details"]},
        )

    def _read_times(self) -> dict[int, tuple[float | None, float | None]]:
        """Return when stages started, and ended if they did, by their position: what the job wrote before a result."""
        try:
            lines = bytes(self.read(self.archives.miscellaneous, items.TIMES)).splitlines()
        except ItemNotFoundError:
            return {}
        times: dict[int, tuple[float | None, float | None]] = {}
        for line in lines:
            with suppress(TypeError, ValueError):  # the job was killed while it wrote the last line
                index, started_at, *end = json.loads(line)
                times[index] = (started_at, end[0] if end else None)
        return times

    def load_output(self, uuid: str, digest: str | None) -> Any:
        """Return the output of a stage.

        Args:
            uuid: The stage.
            digest: The output's digest in the result document, where it has one.

        Raises:
            OutputUnreadableError: It is gone or not what the job wrote, or cannot be rebuilt here.
            StorageError: It cannot be read.
        """
        name, item = self.handle.job_name, items.output_item(uuid)
        unreadable = partial(OutputUnreadableError, job_name=name)
        try:
            data = self.read(self.archives.persisted_data, item)
        except ItemNotFoundError as error:
            raise unreadable(
                f"an output of job {name} is missing from the archive, although it was stored there: {error.message}"
            ) from error
        if digest is not None and OutputDigest([data]).hexdigest() != digest:
            raise unreadable(
                f"an output of job {name} is damaged: {item} in the archive is not what the job wrote. Nothing of it"
                " was read."
            )
        try:
            frames = split_frames(data)
        except ValueError as error:
            raise unreadable(f"an output of job {name} is damaged: {item} in the archive: {error}") from error
        try:
            return self.serialiser.load(frames)
        except Exception as error:  # what an output needs to be rebuilt is the user's
            remedy = "Where a module is missing, run from the project's directory, or put the module's on sys.path"
            raise unreadable(
                f"the output of job {name} cannot be rebuilt here: {self._explain_failure(frames, error, remedy)}"
            ) from error

    def original_exception(self) -> BaseException | None:
        """Return what a stage raised, or why it cannot be rebuilt; None where it was not archived."""
        try:
            data = self.read(self.archives.miscellaneous, items.EXCEPTION)
        except ItemNotFoundError:
            return None
        try:
            frames = split_frames(data)
        except ValueError as error:
            return FoundationsError(f"the original exception cannot be rebuilt here: it is damaged: {error}")
        try:
            original = self.serialiser.load(frames)
        except Exception as error:  # returned instead: the job's own failure matters more
            return FoundationsError(
                f"the original exception cannot be rebuilt here: {self._explain_failure(frames, error)}"
            )
        return original if isinstance(original, BaseException) else None

    def _explain_failure(self, frames: Sequence[Buffer], error: Exception, remedy: str = "") -> str:
        """Return why a pickle cannot be loaded, with the libraries that had other versions in the job."""
        if isinstance(error, OtherPythonError):
            return error.message
        reason = f"{type(error).__name__}: {error}".rstrip(".")
        try:
            recorded = dict(map(_split_version, self.provenance()["packages"]))
        except Exception as why:  # without the record of the job nobody can tell; the error itself matters more
            events.debug("packages_unknown", job_name=self.handle.job_name, reason=str(why))
            recorded = {}
        differences = [
            f"{name} {recorded[key]}, and here is {version or 'none'}"
            for name, version in self.serialiser.installed_versions(frames).items()
            if (key := _normalise(name)) in recorded and recorded[key] != version
        ]
        made_with = f"It was made with {'; '.join(differences)}" if differences else ""
        return ". ".join(filter(None, (reason, made_with, remedy)))


def _stages_of(provenance: Any) -> tuple[list[str], list[str]]:
    stages = provenance["stages"]
    return list(stages["uuids"]), list(stages["names"])


def _stage_document(document: Any) -> dict[str, Any]:
    """Return the parts of a stage's document that are read here, all of which it has."""
    return {name: document[name] for name in ("uuid", "start_time", "end_time", "details")}


def _split_version(package: str) -> tuple[str, str]:
    """Return the name and the version of a distribution as provenance records it, ``name-version``."""
    name, _, version = package.rpartition("-")
    return _normalise(name), version


def _normalise(name: str) -> str:
    return name.replace("-", "_").replace(".", "_").lower()
