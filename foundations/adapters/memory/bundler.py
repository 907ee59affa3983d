"""Bundles in memory, for tests."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import attrs

from foundations.adapters._shared.bundle.manifest import Manifest, digest_of, project_digest
from foundations.adapters._shared.project.file_listing import list_files
from foundations.adapters._shared.project.ignoring import explain_exclusion
from foundations.adapters._shared.project.project_files import VANISHED, files_to_bundle, report_vanished
from foundations.adapters.memory.stores import InStore
from foundations.errors import BundleError, BundleExistsError, DamagedBundleError
from foundations.ports.bundling import BundleContents, BundleFile, JobBundler, ListedFile
from foundations.ports.frames import Buffer, join_frames, split_frames
from foundations.ports.job_layout import MANIFEST, Entry
from foundations.version import __version__


@attrs.frozen
class MemoryJobBundler(InStore, JobBundler):
    """Stores bundles as members in this process, for tests.

    Args:
        store: The name of the store; adapters of the same name share their content.
    """

    def make(self, contents: BundleContents) -> BundleFile:
        """Make a bundle."""
        project, files = _pack(contents)
        entries = [Entry(path, "file", len(data), 0o644, digest_of(data)) for path, data in contents.members.items()]
        entries.append(Entry(contents.project_member, "project", len(project), 0o644, project_digest(files)))
        members = {**contents.members, contents.project_member: project}
        manifest = Manifest(
            job_name=contents.job_name,
            versions={"foundations": __version__, "python": "{}.{}".format(*sys.version_info[:2])},
            project_member=contents.project_member,
            members=sorted(entries, key=lambda entry: entry.path),
            files=files,
        ).to_bytes()
        members[MANIFEST] = manifest
        with self._store.lock:
            if contents.job_name in self._store.bundles:
                raise BundleExistsError(f"there is a bundle of job {contents.job_name!r} already", path=None)
            self._store.bundles[contents.job_name] = members
        digest = digest_of(manifest)
        return BundleFile(
            job_name=contents.job_name,
            path=None,
            index_size=len(manifest),
            sha256=digest,
            digest=digest,
            size=sum(len(data) for data in members.values()),
        )

    def verify(self, bundle: BundleFile) -> None:
        """Raise unless every member is as it was packed."""
        members = dict(self._store.bundles.get(bundle.job_name, {}))
        manifest = members.pop(MANIFEST, b"")
        if digest_of(manifest) != bundle.digest:
            raise DamagedBundleError(f"the bundle is damaged at {MANIFEST}: its digest differs", member=MANIFEST)
        expected = Manifest.from_bytes(manifest)
        for entry in expected.members:
            data = members.pop(entry.path, b"")
            is_project = entry.kind == "project"
            if not (_is_packed_of(data, expected.files) if is_project else digest_of(data) == entry.digest):
                raise DamagedBundleError(f"the bundle is damaged at {entry.path}", member=entry.path)
        if members:
            raise DamagedBundleError(f"the bundle has a member too many: {min(members)}", member=min(members))

    def read(self, bundle: BundleFile, member: str) -> bytes:
        """Return the content of a member."""
        try:
            return self._store.bundles[bundle.job_name][member]
        except KeyError as error:
            raise DamagedBundleError(f"the bundle has no member {member}", member=member) from error

    def explain_exclusion(self, project: Path, path: str) -> str | None:
        """See :meth:`JobBundler.explain_exclusion`."""
        return explain_exclusion(project, path)

    def list_files(
        self, project: Path, extra_source_paths: Sequence[Path] = (), excluded: Sequence[Path] = ()
    ) -> list[ListedFile]:
        """See :meth:`JobBundler.list_files`."""
        return list_files(project, extra_source_paths, excluded)

    def discard(self, bundle: BundleFile) -> None:
        """Remove the bundle from the store."""
        with self._store.lock:
            self._store.bundles.pop(bundle.job_name, None)


def _is_packed_of(project: bytes, files: Sequence[Entry]) -> bool:
    """Return whether `project` has the content of `files`, as :func:`_pack` returns it."""
    try:
        contents = split_frames(project)
    except ValueError:
        return False
    return [entry.digest for entry in files if entry.kind == "file"] == [
        digest_of(content) for content, entry in zip(contents, files, strict=False) if entry.kind == "file"
    ] and len(contents) == len(files)


def _pack(contents: BundleContents) -> tuple[bytes, Sequence[Entry]]:
    """Return the content of the project's files, one after the other, and their entries."""
    sources = files_to_bundle(contents)
    entries: list[Entry] = []
    frames: list[Buffer] = []
    for source in sources:
        data = b""
        if source.kind == "file":
            try:
                data = Path(source.location).read_bytes()
            except OSError as error:
                if error.errno in VANISHED:
                    report_vanished(source)
                    continue
                raise BundleError(f"{source.location}: cannot be read: {error}", path=source.location) from error
        digest = digest_of(data) if source.kind == "file" else source.target
        entries.append(Entry(source.path, source.kind, len(data), source.mode, digest))
        frames.append(data)
    return b"".join(bytes(frame) for frame in join_frames(frames)), entries
