"""The six archives of a job, and the names of the items in each.

Item names begin with the archive's role, so that all six may share one store.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from foundations.errors import ItemNotFoundError, StorageUnavailableError
from foundations.ports.archive import PipelineArchive
from foundations.ports.job import JobEnd

if TYPE_CHECKING:  # a job's worker needs none of them
    from foundations.domain.records.annotations import Annotations
    from foundations.ports.archive_listing import JobRecord


class Archives(NamedTuple):
    """One archive a role, as the YAML names them.

    Attributes:
        stage_log: A document for each stage that logged, persisted or failed; the job's output streams.
        persisted_data: The outputs of persisted stages and of the stage that was run.
        provenance: The provenance record.
        job_source: The project directory as it was bundled.
        artifact: The files that stages saved.
        miscellaneous: The result document, a copy of the end record, the exception, what the cache did and why, the job
            record, and the annotations.
    """

    stage_log: PipelineArchive
    persisted_data: PipelineArchive
    provenance: PipelineArchive
    job_source: PipelineArchive
    artifact: PipelineArchive
    miscellaneous: PipelineArchive

    def distinct(self) -> list[PipelineArchive]:
        """Return the archives, each once where one serves several roles."""
        return [*{id(archive): archive for archive in self}.values()]

    def write_end(self, end: JobEnd) -> None:
        """Write a copy of the end record, for when the execution environment has forgotten the job."""
        self.miscellaneous.write(end.job_name, END, [json.dumps(end.to_json()).encode()])

    def read_end(self, job_name: str) -> JobEnd | None:
        """Return the copy of the end record; None where there is none.

        Raises:
            StorageUnavailableError: The archive cannot be read, or has another job's record there.
        """
        try:
            return JobEnd.from_json(json.loads(bytes(self.miscellaneous.read(job_name, END))), job_name)
        except ItemNotFoundError:
            return None
        except ValueError as error:
            raise unreadable_item(job_name, END, error) from error

    def write_record(self, record: JobRecord) -> None:
        """Write what is fixed of a job's record in the listing, for when the listing is lost."""
        from foundations.domain.records.job_record import record_to_json

        self.miscellaneous.write(record.job_name, JOB, [json.dumps(record_to_json(record)).encode()])

    def read_record(self, job_name: str) -> JobRecord | None:
        """Return what was fixed of a job's record; None where the job has not begun, or is of an earlier version.

        Raises:
            StorageUnavailableError: The archive cannot be read, or has something else there.
        """
        from foundations.domain.records.job_record import record_from_json

        try:
            return record_from_json(json.loads(bytes(self.miscellaneous.read(job_name, JOB))), job_name)
        except ItemNotFoundError:
            return None
        except (TypeError, ValueError) as error:
            raise unreadable_item(job_name, JOB, error) from error

    def write_annotations(self, job_name: str, annotations: Annotations) -> None:
        """Replace the annotations of a job."""
        self.miscellaneous.write(job_name, ANNOTATIONS, [json.dumps(annotations.to_json()).encode()])

    def read_annotations(self, job_name: str) -> Annotations:
        """Return the annotations of a job; empty ones where there are none.

        Raises:
            StorageUnavailableError: The archive cannot be read, or has something else there.
        """
        from foundations.domain.records.annotations import Annotations

        try:
            return Annotations.from_json(json.loads(bytes(self.miscellaneous.read(job_name, ANNOTATIONS))))
        except ItemNotFoundError:
            return Annotations()
        except ValueError as error:
            raise unreadable_item(job_name, ANNOTATIONS, error) from error


def unreadable_item(job_name: str, item: str, error: Exception) -> StorageUnavailableError:
    """Return the error for an item that is not what foundations writes."""
    return StorageUnavailableError(f"{item} of job {job_name} cannot be read: {error}")


RESULT = "miscellaneous/result.json"
END = "miscellaneous/end.json"
JOB = "miscellaneous/job.json"
ANNOTATIONS = "miscellaneous/annotations.json"
TIMES = "miscellaneous/times.jsonl"
CACHE_NOTES = "miscellaneous/cache.json"
EXCEPTION = "miscellaneous/exception"
PROVENANCE = "provenance/provenance.json"
GPUS = "provenance/gpus.json"
STAGES = "stage_log/stages/"
ARTIFACTS = "artifacts/"
ARTIFACT_DIRECTORIES = "artifact_directories/"
SOURCE = "job_source/project.tgz"


def output_item(uuid: str) -> str:
    """Return the name of a stage's output in the persisted data."""
    return f"persisted_data/{uuid}"


def stage_item(uuid: str) -> str:
    """Return the name of a stage's document in the stage log."""
    return f"{STAGES}{uuid}.json"


def directory_item(name: str) -> str:
    """Return the name of the item of an artifact that is a directory."""
    return f"{ARTIFACT_DIRECTORIES}{name}.tar"


def directory_name(item: str) -> str:
    """Return the artifact's name that :func:`directory_item` was given."""
    return item.removeprefix(ARTIFACT_DIRECTORIES).removesuffix(".tar")


def stream_item(stream: str) -> str:
    """Return the name of ``stdout`` or ``stderr`` in the stage log."""
    return f"stage_log/{stream}"
