"""Bundles as .tgz files: the job, the project and the SDK, each verifiable, in one file."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from foundations import events
from foundations.adapters._shared.bundle.gzip_format import store_member
from foundations.adapters._shared.bundle.manifest import Manifest, digest_of
from foundations.adapters._shared.bundle.tar_format import header, padding
from foundations.adapters._shared.bundle.unpack import open_bundle, verify_bundle
from foundations.adapters._shared.fs.files import copy_all, open_descriptor, write_all
from foundations.adapters._shared.project.file_listing import list_files
from foundations.adapters._shared.project.ignoring import explain_exclusion
from foundations.adapters._shared.project.project_files import files_to_bundle
from foundations.adapters._shared.project.project_size import ProjectLimits
from foundations.adapters.tarball.location import make_private_directory, own_directories
from foundations.adapters.tarball.packing import Packed, pack_files, pack_project
from foundations.adapters.tarball.registry import BundleRegistry, Registration
from foundations.adapters.tarball.runtime import Runtime, pack_runtime
from foundations.adapters.tarball.sources import Sources, SourceStore
from foundations.errors import BundleError, BundleExistsError, DamagedBundleError, FoundationsError
from foundations.home import foundations_home
from foundations.ports.bundling import BundleContents, BundleFile, JobBundler, ListedFile
from foundations.ports.job_layout import MANIFEST, RUNTIME, Entry
from foundations.version import __version__


class _BundleInUse(NamedTuple):
    """A bundle that was made and is not discarded yet.

    Attributes:
        part: The name that it was made under.
        sources: What its project was packed from.
        packed: Its packed project.
        project_at: Where the packed project begins in the file, in bytes.
        is_copied: Whether the project was copied as it was packed before.
        registration: Its note in the registry.
        status: The status of its file.
    """

    part: Path
    sources: Sources
    packed: Packed
    project_at: int
    is_copied: bool
    registration: Registration
    status: os.stat_result


class TarballJobBundler(JobBundler):
    """Makes each bundle as ``<job_name>.tgz`` beside the project directory, as the specification says.

    A project that has not changed since it was last bundled is copied as it was packed then, from a private directory;
    see :mod:`foundations.adapters.tarball.sources`.

    Args:
        max_project_gib: The largest size of a project, in GiB.
        max_project_files: The largest number of its files, directories and links.
    """

    def __init__(self, *, max_project_gib: float = 4, max_project_files: int = 250_000) -> None:
        self._limits = ProjectLimits(int(max_project_gib * 2**30), int(max_project_files))
        self._private_directories: dict[Path, Path] = {}
        self._in_use: dict[Path, _BundleInUse] = {}

    def make(self, contents: BundleContents) -> BundleFile:
        """Make a bundle; the file gets its name when it is whole."""
        steps = events.Stopwatch()
        seen_at = time.time_ns()
        places = (contents.project, *contents.extra_source_paths)
        sources = Sources(places, files_to_bundle(contents, own_directories(contents.project), self._limits), seen_at)
        events.debug("files_listed", entries=len(sources.files), took=steps.lap())
        runtime = pack_runtime(contents.runtime_packages, foundations_home() / "runtime")
        events.debug("runtime_packed", path=str(runtime.path), took=steps.lap())
        self._registry.remove_abandoned()
        target = self._choose_directory(contents) / f"{contents.job_name}.tgz"
        self._check_absent(target)
        part = target.with_name(f".{contents.job_name}-{os.urandom(8).hex()}.tgz.part")
        registration: Registration | None = None
        try:
            with _translating_errors(target):
                registration = self._registry.register(part, target)
                reusable = self._store.find(sources)
                bundle, packed, project_at = _write(part, target, contents, sources, runtime, reusable)
                status = part.lstat()
                os.link(part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            self._remove_private_directory(target, only_without_bundle=True)
            if registration is not None:
                registration.close()
            raise
        is_copied = reusable is not None
        events.debug(
            "bundle_made", path=str(target), size=f"{bundle.size:,} bytes", packed_before=is_copied, took=steps.lap()
        )
        self._in_use[target] = _BundleInUse(part, sources, packed, project_at, is_copied, registration, status)
        return bundle

    def verify(self, bundle: BundleFile) -> None:
        """Raise unless every byte is as it was packed."""
        verify_bundle(bundle)

    def read(self, bundle: BundleFile, member: str) -> bytes:
        """Return the content of a member."""
        import tarfile

        assert bundle.path is not None  # noqa: S101 - this bundler made it
        try:
            with tarfile.open(bundle.path, "r:gz") as archive:
                stream = archive.extractfile(f"{bundle.job_name}/{member}")
                if stream is None:
                    raise KeyError(member)
                return stream.read()
        except (KeyError, OSError, EOFError, tarfile.TarError) as error:
            raise DamagedBundleError(f"{bundle.path}: {member} cannot be read: {error}", member=member) from error

    def explain_exclusion(self, project: Path, path: str) -> str | None:
        """See :meth:`JobBundler.explain_exclusion`."""
        return explain_exclusion(project, path)

    def list_files(
        self, project: Path, extra_source_paths: Sequence[Path] = (), excluded: Sequence[Path] = ()
    ) -> list[ListedFile]:
        """See :meth:`JobBundler.list_files`."""
        return list_files(project, extra_source_paths, (*excluded, *own_directories(project)))

    def discard(self, bundle: BundleFile) -> None:
        """Remove the file, and the private directory that was made for it; store its packed project for the next."""
        if bundle.path is None:
            return
        used = self._in_use.pop(bundle.path, None)
        if used is not None and not used.is_copied and used.packed.is_as_seen:
            self._store_project(bundle.path, used)
        bundle.path.unlink(missing_ok=True)
        if used is not None:
            used.part.unlink(missing_ok=True)  # last: it shows that the other one was ours
            used.registration.close()
        self._remove_private_directory(bundle.path, only_without_bundle=False)

    @property
    def _registry(self) -> BundleRegistry:
        return BundleRegistry(foundations_home() / "bundles")

    @property
    def _store(self) -> SourceStore:
        return SourceStore(foundations_home() / "sources")

    def _store_project(self, path: Path, used: _BundleInUse) -> None:
        try:
            with open_bundle(path) as stream:
                if not os.path.samestat(os.fstat(stream.fileno()), used.status):
                    raise OSError("another file is in its place")
                os.lseek(stream.fileno(), used.project_at, os.SEEK_SET)
                self._store.store(used.sources, used.packed, stream.fileno())
        except (OSError, FoundationsError) as error:  # the next bundle is packed anew
            events.info("packed_project_not_stored", path=str(path), reason=str(error))

    def _choose_directory(self, contents: BundleContents) -> Path:
        """Return the directory to make the bundle in: a private one where the intended one does not do."""
        private = make_private_directory(contents.directory, contents.job_name)
        if private is None:
            return contents.directory
        self._private_directories[private / f"{contents.job_name}.tgz"] = private
        return private

    def _check_absent(self, target: Path) -> None:
        if os.path.lexists(target):
            raise _exists(target)

    def _remove_private_directory(self, target: Path, *, only_without_bundle: bool) -> None:
        """Remove the private directory that was made for `target`, where one was."""
        private = self._private_directories.get(target)
        if private is not None and not (only_without_bundle and target.exists()):
            private.rmdir()
            del self._private_directories[target]


@contextmanager
def _translating_errors(target: Path) -> Iterator[None]:
    """Raise whatever prevents the file `target` from being written as an error of the port that names a path."""
    try:
        yield
    except BundleError as error:
        if error.path is not None:
            raise
        raise BundleError(f"{target}: {error.message}. Nothing was left behind.", path=str(target)) from error
    except FileExistsError:
        raise _exists(target) from None
    except OSError as error:
        path = error.filename or target.parent
        raise BundleError(
            f"{path}: the bundle cannot be written: {error.strerror or error}. Nothing was left behind.",
            path=str(path),
        ) from error


def _exists(target: Path) -> BundleExistsError:
    return BundleExistsError(
        f"{target}: a file of the bundle's name already exists and is not overwritten. Choose another job name; or,"
        " where no other run() of this name is under way, move the file away.",
        path=str(target),
    )


def _write(
    part: Path,
    target: Path,
    contents: BundleContents,
    sources: Sources,
    runtime: Runtime,
    reusable: tuple[Packed, int] | None,
) -> tuple[BundleFile, Packed, int]:
    """Write a bundle; return it, its packed project, and the position in bytes where that begins.

    Args:
        part: The new file that it is written into.
        target: The name that the file will get.
        contents: What goes into the bundle.
        sources: The files of its project.
        runtime: The packed runtime.
        reusable: The project as it was packed before, and a descriptor to copy it from, which is closed here; None
            where it has to be packed.
    """
    try:
        with open_descriptor(part, os.O_RDWR | os.O_CREAT | os.O_EXCL) as descriptor:
            packed, project_at = _write_project(descriptor, contents, sources, reusable)
            _write_member(descriptor, _member(contents, RUNTIME, runtime.size, runtime.digest), runtime.path)
            manifest = _manifest(contents, packed, runtime)
            index = _index(contents, manifest)
            write_all(descriptor, [index])
            bundle = BundleFile(
                job_name=contents.job_name,
                path=target,
                index_size=len(index),
                sha256=digest_of(index),
                digest=digest_of(manifest),
                size=os.fstat(descriptor).st_size,
            )
            return bundle, packed, project_at
    finally:
        if reusable is not None:
            os.close(reusable[1])


def _member(contents: BundleContents, path: str, size: int, digest: str = "") -> Entry:
    """Return the entry of a member in the bundle, below the job's name."""
    return Entry(f"{contents.job_name}/{path}", "file", size, 0o644, digest)


def _write_project(
    descriptor: int, contents: BundleContents, sources: Sources, reusable: tuple[Packed, int] | None
) -> tuple[Packed, int]:
    """Write the packed project behind its header, the first of the bundle; return it and its position in bytes."""
    position = len(store_member(header(_member(contents, contents.project_member, 0))))
    os.lseek(descriptor, position, os.SEEK_SET)
    if reusable is None:
        packed = pack_project(sources.files, descriptor)
    else:
        packed = reusable[0]
        copy_all(reusable[1], descriptor)
    os.lseek(descriptor, 0, os.SEEK_SET)  # the header holds the size, which is known now
    write_all(descriptor, [store_member(header(_member(contents, contents.project_member, packed.size)))])
    os.lseek(descriptor, 0, os.SEEK_END)
    return packed, position


def _write_member(descriptor: int, entry: Entry, path: Path) -> None:
    data = path.read_bytes()
    write_all(descriptor, [store_member(header(entry)), store_member(data + bytes(padding(entry.size)))])


def _manifest(contents: BundleContents, packed: Packed, runtime: Runtime) -> bytes:
    members = [Entry(path, "file", len(data), _mode(path), digest_of(data)) for path, data in contents.members.items()]
    members.append(Entry(RUNTIME, "file", runtime.size, 0o644, runtime.digest))
    members.append(Entry(contents.project_member, "project", packed.size, 0o644, packed.digest))
    return Manifest(
        job_name=contents.job_name,
        versions={"foundations": __version__, "python": "{}.{}".format(*sys.version_info[:2])},
        project_member=contents.project_member,
        members=sorted(members, key=lambda entry: entry.path),
        files=(),
    ).to_bytes_with(packed.files)


def _index(contents: BundleContents, manifest: bytes) -> bytes:
    """Return the last gzip members: those of the manifest and of the small members."""
    members = [(MANIFEST, manifest), *sorted(contents.members.items())]
    return pack_files([(f"{contents.job_name}/{path}", data, _mode(path)) for path, data in members])


def _mode(path: str) -> int:
    return 0o755 if path.endswith(".sh") else 0o644
