"""The use case of the job's supervisor: tell the listing, archive what the worker could not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs

from foundations.app.keeping import FAILURES, Keeper
from foundations.app.settings import Settings
from foundations.app.wiring import Wiring
from foundations.domain import archives as items
from foundations.errors import ItemNotFoundError
from foundations.ports.archive_listing import JobChange
from foundations.ports.bundling import BUNDLE_CONFIG
from foundations.ports.job import JobEnd, JobState


@attrs.frozen
class Attendant:
    """Attends to one job from its supervisor."""

    job_name: str
    wiring: Wiring
    state: Path

    @classmethod
    def of(cls, job_directory: str) -> Attendant:
        """Return the attendant of the job in this directory."""
        place = Path(job_directory)
        config = place / "bundle" / BUNDLE_CONFIG
        settings = Settings.from_json(json.loads(config.read_bytes()), str(config))
        return cls(place.name, Wiring(settings=settings), place / "state")

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
        """Archive the output streams and the end; return the end with what could not be archived."""
        return archive_end(self.wiring, end, {name: self.state / name for name in ("stdout", "stderr")})

    def ended(self, end: JobEnd, outcome: dict[str, Any]) -> None:
        """Tell the listing how the job ended."""
        tell_listing(self.wiring, end)


def archive_end(wiring: Wiring, end: JobEnd, streams: dict[str, Path]) -> JobEnd:
    """Archive a job's output streams and its end; return the end with what could not be archived."""
    keeper = Keeper(end.job_name, lambda item, data: None)
    for name, path in streams.items():
        keeper.write_file(wiring.archives.stage_log, items.stream_item(name), path, None)
    end = attrs.evolve(end, not_archived=(*end.not_archived, *keeper.not_archived))
    try:
        wiring.archives.miscellaneous.write(end.job_name, items.END, [json.dumps(end.to_json()).encode()])
    except FAILURES as error:
        return attrs.evolve(end, not_archived=(*end.not_archived, f"{items.END}: {error}"))
    return end


def tell_listing(wiring: Wiring, end: JobEnd) -> None:
    """Tell the listing how a job ended."""
    wiring.listing.update(
        end.job_name,
        JobChange(
            state=end.state,
            cause=end.cause.value if end.cause else None,
            started_at=end.started_at,
            ended_at=end.ended_at,
        ),
    )
