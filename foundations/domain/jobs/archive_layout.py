"""The six archives of a job, and what each keeps under which name.

Item names begin with the archive's role, so that all six may share one store.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from foundations.ports.archive import PipelineArchive
from foundations.ports.job import JobEnd


class Archives(NamedTuple):
    """One archive a role, as the YAML names them.

    Attributes:
        stage_log: A document for each stage that logged, persisted or failed; the job's output streams.
        persisted_data: The outputs of persisted stages and of the stage that was run.
        provenance: How the result came to be.
        job_source: The project directory as it was bundled.
        artifact: The files that stages saved.
        miscellaneous: The result document, the end record, the exception, what the cache did and why.
    """

    stage_log: PipelineArchive
    persisted_data: PipelineArchive
    provenance: PipelineArchive
    job_source: PipelineArchive
    artifact: PipelineArchive
    miscellaneous: PipelineArchive

    def distinct(self) -> list[PipelineArchive]:
        """Return the archives, each once where one serves several roles."""
        found: list[PipelineArchive] = []
        for archive in self:
            if not any(archive is other for other in found):
                found.append(archive)
        return found

    def tell_end(self, end: JobEnd) -> None:
        """Keep a copy of the end record, for when the execution environment has forgotten the job."""
        self.miscellaneous.write(end.job_name, END, [json.dumps(end.to_json()).encode()])


RESULT = "miscellaneous/result.json"
END = "miscellaneous/end.json"
CACHE_NOTES = "miscellaneous/cache.json"
EXCEPTION = "miscellaneous/exception"
PROVENANCE = "provenance/provenance.json"
STAGES = "stage_log/stages/"
ARTIFACTS = "artifacts/"
SOURCE = "job_source/project.tgz"


def output_item(uuid: str) -> str:
    """Return the name under which persisted data keeps a stage's output."""
    return f"persisted_data/{uuid}"


def stage_item(uuid: str) -> str:
    """Return the name under which the stage log keeps a stage's document."""
    return f"{STAGES}{uuid}.json"


def stream_item(stream: str) -> str:
    """Return the name under which the stage log keeps ``stdout`` or ``stderr``."""
    return f"stage_log/{stream}"
