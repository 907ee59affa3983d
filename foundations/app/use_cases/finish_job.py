"""The use case of the job's supervisor: archive what the worker could not, and record start and end."""

from __future__ import annotations

import json
import math
import mmap
import os
from collections.abc import Mapping
from pathlib import Path

from foundations.app.config.settings import Settings
from foundations.app.job.archiver import Archiver
from foundations.app.job.facts.gpus import GpuQuery
from foundations.app.job.job_files import JobFiles, file_stamp
from foundations.app.job.written_files import find_written_files
from foundations.app.project.job_loading import prepare_imports
from foundations.app.wiring import Wiring
from foundations.domain.jobs import archive_layout as items
from foundations.domain.jobs.reconciliation import record_end
from foundations.domain.records.annotating import archive_record
from foundations.errors import ItemNotFoundError
from foundations.ports.archive_listing import JobChange
from foundations.ports.bundling import BUNDLE_CONFIG, BUNDLE_JOB
from foundations.ports.job import JobEnd, JobState
from foundations.ports.job_layout import STREAMS, JobDirectory


class JobSupervisorHooks:
    """What the supervisor of one job calls."""

    def __init__(self, directory: JobDirectory, wiring: Wiring) -> None:
        self._directory = directory
        self._wiring = wiring
        self._gpus = GpuQuery()

    @classmethod
    def of(cls, job_directory: str) -> JobSupervisorHooks:
        """Return the hooks of the job in this directory, for a process that serves nothing else.

        The project's modules can be imported from now on: adapters may be its own.
        """
        directory = JobDirectory(Path(job_directory))
        config = directory.bundle / BUNDLE_CONFIG
        wiring = Wiring(settings=Settings.from_json(json.loads(config.read_bytes()), str(config)))
        with (directory.bundle / BUNDLE_JOB).open("rb") as stream:
            data = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))  # only its first page is read
        prepare_imports(data, directory.project, wiring.serialiser)
        return cls(directory, wiring)

    def record_start(self, started_at: float) -> None:
        """Record in the listing that the job runs, and archive what the listing has of it."""
        change = JobChange(state=JobState.RUNNING, started_at=started_at)
        self._wiring.listing.update(self._directory.job_name, change)
        self._wiring.archives.distinct()  # made now, while the worker runs
        archive_record(self._directory.job_name, self._wiring)
        self._gpus.start(os.environ.get("PATH", ""))

    def stage_name(self, index: int) -> str | None:
        """Return the name of the stage at `index`, as the provenance has it."""
        try:
            data = self._wiring.archives.provenance.read(self._directory.job_name, items.PROVENANCE)
        except ItemNotFoundError:
            return None
        name: str = json.loads(bytes(data))["stages"]["names"][index]
        return name

    def archive_streams(self, end: JobEnd) -> JobEnd:
        """Archive what the job wrote, and its host's graphics processors; return the end with what could not be."""
        streams = {name: self._directory.stream(name) for name in STREAMS}
        return self._archive_gpus(archive_streams(self._wiring, end, streams))

    def _archive_gpus(self, end: JobEnd) -> JobEnd:
        found = self._gpus.read()
        if found is None:
            return end
        archiver = Archiver(end.job_name, JobFiles(self._directory).store_fallback)
        archiver.write(self._wiring.archives.provenance, items.GPUS, [json.dumps(found).encode()])
        return end._replace(not_archived=(*end.not_archived, *archiver.not_archived))

    def archive_files(self, end: JobEnd) -> JobEnd:
        """Archive what the job wrote below ``artifact_path``; return the end with the files that nothing saves.

        Each file is archived as the artifact of its path.
        """
        project, since = self._directory.project, end.started_at
        if since is None:
            return end
        files = find_written_files(project, since)
        place = self._wiring.settings.artifact_path
        if place:
            files.update(find_written_files(project, since, place, math.inf))
        times = self._directory.fallback_item(items.TIMES)
        if times.exists():  # the worker did not get as far as the result
            archive_times = self._wiring.archives.miscellaneous
            Archiver(end.job_name, lambda item, data: None).write_file(archive_times, items.TIMES, times, None)
        saved = JobFiles(self._directory).read_saved()
        archiver = Archiver(end.job_name, JobFiles(self._directory).store_fallback)
        for path in sorted(files):
            source = project / path
            is_kept = place and Path(path).is_relative_to(place)
            if saved.get(os.path.realpath(source)) == file_stamp(source) or (
                is_kept and archiver.write_file(self._wiring.archives.artifact, items.ARTIFACTS + path, source, None)
            ):
                del files[path]
        end = end._replace(not_archived=(*end.not_archived, *archiver.not_archived))
        return end.with_unsaved_files({path: size for path, size in files.items() if size})

    def record_end(self, end: JobEnd) -> None:
        """Copy the end into the archive and the listing."""
        record_end(end, self._wiring)


def archive_streams(wiring: Wiring, end: JobEnd, streams: Mapping[str, Path]) -> JobEnd:
    """Archive the files of a job's output streams; return the end with what could not be archived."""
    archiver = Archiver(end.job_name, lambda item, data: None)  # they stay in the job's directory anyway
    for name, path in streams.items():
        if path.exists() and not path.stat().st_size:
            continue  # the job wrote nothing
        archiver.write_file(wiring.archives.stage_log, items.stream_item(name), path, None)
    return end._replace(not_archived=(*end.not_archived, *archiver.not_archived))
