"""The layout of a job on disk: the names in its directory and in its bundle, and the rows of its manifest.

The application writes into a job directory, and an adapter made it and reads it: both take every name from here. The
run script repeats one of them, ``project``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from foundations.ports.bundling import BUNDLE_CONFIG, BUNDLE_JOB, BUNDLE_RUN_SCRIPT, BUNDLE_RUNNER

MANIFEST = "manifest.json"
RUNTIME = "runtime.tgz"
BUNDLE_MEMBERS = frozenset((BUNDLE_RUN_SCRIPT, BUNDLE_RUNNER, MANIFEST, BUNDLE_JOB, BUNDLE_CONFIG, RUNTIME))
"""The members of every bundle, beside the packed project."""

STREAMS = ("stdout", "stderr")
"""The output streams of a job."""


class JobDirectory:
    """The names in one job's directory.

    Attributes:
        path: The directory itself; its name is the job's.
        bundle: The bundle's members.
        project: The extracted project, the job's working directory.
        state: Everything below, which stays when the job has ended.
        lock: Locked by whoever submits the job, until its supervisor has started.
        alive: Locked by the supervisor as long as it lives.
        ending: The FIFO that the supervisor holds open until the end is recorded.
        cancel_request: Present once the job was cancelled.
        outcome: The :class:`~foundations.ports.job.Outcome`, as JSON.
        not_archived: What could not be archived and why, one JSON string a line.
        saved: The files that the job saved as artifacts: path, size, and time of the last change, as JSON a line.
        fallback: The directory of fallback items: those whose archive failed.
        end: The end record, a :class:`~foundations.ports.job.JobEnd` as JSON.
        supervisor_log: What the supervisor itself wrote.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bundle = path / "bundle"
        self.project = path / "project"
        self.state = path / "state"
        self.lock = self.state / "lock"
        self.alive = self.state / "alive"
        self.ending = self.state / "ending"
        self.cancel_request = self.state / "cancel"
        self.outcome = self.state / "outcome.json"
        self.not_archived = self.state / "not_archived"
        self.saved = self.state / "saved"
        self.fallback = self.state / "kept"
        self.end = self.state / "end.json"
        self.supervisor_log = self.state / "supervisor"

    @property
    def job_name(self) -> str:
        """The name of the job."""
        return self.path.name

    def stream(self, name: str) -> Path:
        """Return the file that holds ``stdout`` or ``stderr``."""
        return self.state / name

    def fallback_item(self, item: str) -> Path:
        """Return the file that holds a fallback item."""
        return self.fallback / item.replace("/", "%2F")


class Entry(NamedTuple):
    """One member of a bundle, or one file of the project: a row of the manifest.

    Attributes:
        path: ``/``-separated and relative.
        kind: ``file``, ``directory``, ``link``, or ``project`` for the packed project.
        size: Bytes; 0 for directories and links.
        mode: Permission bits: 0o644 or 0o755.
        digest: The SHA-256 of a file's content in hexadecimal; a link's target; nothing for a directory; for the packed
            project, the SHA-256 of the manifest's rows of its files.
    """

    path: str
    kind: str
    size: int
    mode: int
    digest: str


def read_packed_project(manifest: bytes) -> Entry:
    """Return the entry of the packed project in a manifest that was verified before."""
    document = json.loads(manifest)
    entries = (Entry(*row) for row in document["members"])
    return next(entry for entry in entries if entry.path == document["project_member"])
