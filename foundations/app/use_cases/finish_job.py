"""The use case of the job's supervisor: tell the listing, archive what the worker could not."""

from __future__ import annotations

import json
import mmap
from pathlib import Path
from typing import Any

from foundations import events
from foundations.app.config.settings import Settings
from foundations.app.job.archiver import Keeper
from foundations.app.project import use_import_paths
from foundations.app.wiring import Wiring
from foundations.domain.jobs import archive_layout as items
from foundations.domain.jobs.job import Job
from foundations.errors import ItemNotFoundError
from foundations.ports.archive_listing import JobChange
from foundations.ports.bundling import BUNDLE_CONFIG, BUNDLE_JOB
from foundations.ports.job import JobEnd, JobState


class Attendant:
    """Attends to one job from its supervisor."""

    def __init__(self, job_name: str, wiring: Wiring, state: Path) -> None:
        self.job_name = job_name
        self.wiring = wiring
        self.state = state

    @classmethod
    def of(cls, job_directory: str) -> Attendant:
        """Return the attendant of the job in this directory, for a process that serves nothing else.

        The project's modules can be imported from now on: adapters may be its own.
        """
        place = Path(job_directory)
        config = place / "bundle" / BUNDLE_CONFIG
        settings = Settings.from_json(json.loads(config.read_bytes()), str(config))
        wiring = Wiring(settings=settings)
        with (place / "bundle" / BUNDLE_JOB).open("rb") as stream:
            data = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))  # only its first page is read
        use_import_paths(place / "project", Job.header(data, wiring.serialiser)["import_paths"])
        return cls(place.name, wiring, place / "state")

    def begin(self, started_at: float) -> None:
        """Tell the listing that the job runs."""
        self.wiring.listing.update(self.job_name, JobChange(state=JobState.RUNNING, started_at=started_at))
        self.wiring.archives.distinct()

    def stage_name(self, index: int) -> str | None:
        """Return the name of the stage at `index`, as the provenance has it."""
        try:
            provenance = json.loads(bytes(self.wiring.archives.provenance.read(self.job_name, items.PROVENANCE)))
        except ItemNotFoundError:
            return None
        name: str = provenance["stages"]["names"][index]
        return name

    def finish(self, end: JobEnd, outcome: dict[str, Any]) -> JobEnd:
        """Archive the output streams; return the end with what could not be archived."""
        return archive_streams(self.wiring, end, {name: self.state / name for name in ("stdout", "stderr")})

    def ended(self, end: JobEnd, outcome: dict[str, Any]) -> None:
        """Tell the archive and the listing how the job ended."""
        tell_end(self.wiring, end)


def archive_streams(wiring: Wiring, end: JobEnd, streams: dict[str, Path]) -> JobEnd:
    """Archive a job's output streams; return the end with what could not be archived."""
    keeper = Keeper(end.job_name, lambda item, data: None)  # they stay in the job's directory anyway
    for name, path in streams.items():
        if path.exists() and not path.stat().st_size:
            continue  # nothing was said
        keeper.write_file(wiring.archives.stage_log, items.stream_item(name), path, None)
    return end._replace(not_archived=(*end.not_archived, *keeper.not_archived))


def tell_end(wiring: Wiring, end: JobEnd) -> None:
    """Tell the archive and the listing how a job ended; both only repeat the end record, and readers mend them."""
    try:
        wiring.archives.tell_end(end)
    except Exception as error:  # of whatever adapter
        events.warning("end_not_archived", job_name=end.job_name, reason=str(error))
    wiring.listing.update(end.job_name, JobChange.of(end))
