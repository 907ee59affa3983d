"""The manifest: path, size, mode and digest of everything in a bundle. Its own digest is the bundle's identity."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from foundations.errors import DamagedBundleError
from foundations.ports.job import describe_format
from foundations.ports.job_layout import MANIFEST, Entry

FORMAT = 1


class Manifest(NamedTuple):
    """What a bundle holds.

    Attributes:
        job_name: The job.
        versions: Of the SDK, and of the Python that serialised the job, as ``3.11``.
        project_member: Which member is the packed project.
        members: The files at the bundle's root, but for the manifest itself.
        files: What the packed project holds.
    """

    job_name: str
    versions: Mapping[str, str]
    project_member: str
    members: Sequence[Entry]
    files: Sequence[Entry]

    def to_bytes(self) -> bytes:
        """Return the manifest as JSON, the same bytes for the same contents."""
        return self.to_bytes_with(listed(self.files))

    def to_bytes_with(self, files: bytes) -> bytes:
        """Return the manifest as JSON, with `files`, as :func:`listed` returns them, in the place of its own."""
        document = {
            "format": FORMAT,
            "job_name": self.job_name,
            "members": self.members,
            "project_member": self.project_member,
            "versions": dict(self.versions),
        }
        rest = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        return b'{"files":%b,%b' % (files, rest[1:])

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Read what :meth:`to_bytes` wrote.

        Raises:
            DamagedBundleError: It is no manifest of a known format, or names a path out of the bundle.
        """
        try:
            document = json.loads(data)
            if _typed(document["format"], int) != FORMAT:
                raise ValueError(f"it has {describe_format(document['format'], FORMAT)}")
            manifest = cls(
                job_name=_typed(document["job_name"], str),
                versions=_typed(document["versions"], dict),
                project_member=_typed(document["project_member"], str),
                members=[_entry(row) for row in _typed(document["members"], list)],
                files=[_entry(row) for row in _typed(document["files"], list)],
            )
            manifest._check()
            return manifest
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DamagedBundleError(
                f"{MANIFEST} is not a manifest of format {FORMAT}: {error!r:.300}", member=MANIFEST
            ) from error

    def _check(self) -> None:
        """Raise ValueError unless every path is there once, below a directory, and the project's digest is right."""
        for entries in (self.members, self.files):
            if any(first.path >= second.path for first, second in pairwise(entries)):
                raise ValueError("its entries are not sorted, or one is there twice")
        directories = {entry.path for entry in self.files if entry.kind == "directory"} | {""}
        for entry in self.files:
            if entry.kind == "project" or entry.path.rpartition("/")[0] not in directories:
                raise ValueError(f"{entry.path!r:.200} lies in no directory of the project")
        for entry in self.members:
            is_project = entry.path == self.project_member
            if entry.kind != ("project" if is_project else "file") or entry.path == MANIFEST:
                raise ValueError(f"{entry.path!r:.200} is of kind {entry.kind}")
            if is_project and entry.digest != project_digest(self.files):
                raise ValueError("the digest of the project is not that of its files")


def listed(files: Sequence[Entry]) -> bytes:
    """Return entries as JSON, as a manifest has them."""
    return json.dumps(files, separators=(",", ":")).encode()


def project_digest(files: Sequence[Entry]) -> str:
    """Return the SHA-256 in hexadecimal of a project's entries, whichever compressor packed it."""
    return digest_of(listed(files))


def digest_of(data: bytes | memoryview) -> str:
    """Return the SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def check_path(path: str) -> str:
    """Return `path` where it is relative and leads to no parent directory.

    Raises:
        ValueError: It is empty, absolute, holds NUL, or has an empty part, ``.`` or ``..``.
    """
    if "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError(f"unsafe path {path!r:.200}")
    return path


def check_link(path: str, target: str) -> str:
    """Return `target` where the symbolic link `path` to it stays inside the tree.

    Raises:
        ValueError: It is absolute or leads out of the tree.
    """
    parts = target.split("/")
    upwards = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    # ".." further on may follow another link, and then leads elsewhere than it reads
    if not target or target.startswith("/") or "\0" in target or ".." in parts[upwards:] or upwards > path.count("/"):
        raise ValueError(f"link {path!r:.200} leads out of the tree, to {target!r:.200}")
    return target


def _entry(row: Any) -> Entry:
    path, kind, size, mode, digest = row
    entry = Entry(
        check_path(_typed(path, str)), _typed(kind, str), _typed(size, int), _typed(mode, int), _typed(digest, str)
    )
    if kind not in ("file", "directory", "link", "project") or mode not in (0o644, 0o755) or size < 0:
        raise ValueError(f"unsafe entry {row!r:.200}")
    if kind == "link":
        check_link(path, digest)
    return entry


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{value!r:.100} is not of type {kind.__name__}")
    return value
