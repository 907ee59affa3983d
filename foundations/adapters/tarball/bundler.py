"""Bundles as .tgz files: the job, the project and the SDK, each verifiable, in one file."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from foundations import events
from foundations.adapters._shared.bundle.gzip_format import stored
from foundations.adapters._shared.bundle.manifest import Manifest, digest_of
from foundations.adapters._shared.bundle.project_files import SourceFile, bundled_files
from foundations.adapters._shared.bundle.tar_format import header, padding
from foundations.adapters._shared.bundle.unpack import verify_bundle
from foundations.adapters._shared.fs.files import copy_all, write_all
from foundations.adapters.tarball.packing import Packed, pack_project, packed_files
from foundations.adapters.tarball.registry import PRIVATE_PREFIX, BundleRegistry, Registered
from foundations.adapters.tarball.runtime import Runtime, packed_runtime
from foundations.adapters.tarball.sources import SourceStore
from foundations.errors import BundleError, BundleExistsError, DamagedBundleError, FoundationsError
from foundations.home import foundations_home
from foundations.ports.bundling import BundleContents, BundleFile, JobBundler
from foundations.ports.job_layout import MANIFEST, RUNTIME, Entry
from foundations.version import __version__


class _Made(NamedTuple):
    """How a bundle was made, until it is discarded."""

    part: Path
    places: tuple[Path, ...]
    sources: list[SourceFile]
    looked_at: int
    packed: Packed
    begins_at: int
    reused: bool
    registered: Registered


class TarballJobBundler(JobBundler):
    """Makes each bundle as ``<job_name>.tgz`` beside the project directory, as the specification says.

    A project that has not changed since it was last bundled is copied as it was packed then, from a private directory;
    see :mod:`foundations.adapters.tarball.sources`.
    """

    def __init__(self) -> None:
        self._temporary: dict[Path, Path] = {}
        self._made: dict[Path, _Made] = {}

    def make(self, contents: BundleContents) -> BundleFile:
        """Make a bundle; the file gets its name when it is whole."""
        looked_at = time.time_ns()
        places = (contents.project, *contents.extra_source_paths)
        sources = bundled_files(contents, foundations_home())
        runtime = packed_runtime(contents.runtime_packages, foundations_home() / "runtime")
        self._registry.tidy_up()
        directory = self._directory(contents)
        target = directory / f"{contents.job_name}.tgz"
        self._refuse_existing(target)
        made = directory / f".{contents.job_name}-{os.urandom(8).hex()}.tgz.part"
        registered: Registered | None = None
        whole = False
        try:
            registered = self._registry.register(made, target)
            known = self._store.find(places, sources)
            descriptor = os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                packed, begins_at = _write_project(descriptor, contents, sources, known)
                _write_member(descriptor, _member(contents, RUNTIME, runtime.size, runtime.digest), runtime.path)
                manifest = _manifest(contents, packed, runtime)
                index = _index(contents, manifest)
                write_all(descriptor, [index])
                size = os.fstat(descriptor).st_size
            finally:
                os.close(descriptor)
                if known is not None:
                    os.close(known[1])
            os.link(made, target)
            whole = True
        except BundleError as error:
            if error.path is not None:
                raise
            raise BundleError(f"{target}: {error.message}. Nothing was left behind.", path=str(target)) from error
        except FileExistsError:
            raise self._exists(target) from None
        except OSError as error:
            raise BundleError(
                f"{error.filename or directory}: the bundle cannot be written: {error.strerror or error}. Nothing was"
                " left behind.",
                path=str(error.filename or directory),
            ) from error
        finally:
            if not whole:
                made.unlink(missing_ok=True)
                self._forget(target, only_empty=True)
                if registered is not None:
                    registered.close()
        self._made[target] = _Made(
            part=made,
            places=places,
            sources=sources,
            looked_at=looked_at,
            packed=packed,
            begins_at=begins_at,
            reused=known is not None,
            registered=registered,
        )
        return BundleFile(
            job_name=contents.job_name,
            path=target,
            index_size=len(index),
            sha256=digest_of(index),
            digest=digest_of(manifest),
            size=size,
        )

    def verify(self, bundle: BundleFile) -> None:
        """Raise unless every byte is as it was packed."""
        verify_bundle(bundle)

    def read(self, bundle: BundleFile, member: str) -> bytes:
        """Return one of the members at the root."""
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

    def discard(self, bundle: BundleFile) -> None:
        """Remove the file, and the temporary directory that was made for it; keep its packed project for the next."""
        if bundle.path is None:
            return
        made = self._made.pop(bundle.path, None)
        if made is not None and not made.reused:
            self._keep(bundle.path, made)
        bundle.path.unlink(missing_ok=True)
        if made is not None:
            made.part.unlink(missing_ok=True)  # last: it tells that the other one was ours
            made.registered.close()
        self._forget(bundle.path, only_empty=False)

    @property
    def _registry(self) -> BundleRegistry:
        return BundleRegistry(foundations_home() / "bundles")

    @property
    def _store(self) -> SourceStore:
        return SourceStore(foundations_home() / "sources")

    def _keep(self, path: Path, made: _Made) -> None:
        try:
            with path.open("rb") as stream:
                os.lseek(stream.fileno(), made.begins_at, os.SEEK_SET)
                self._store.keep(made.places, made.sources, made.looked_at, made.packed, stream.fileno())
        except (OSError, FoundationsError) as error:  # the next bundle is packed anew
            events.info("packed_project_not_kept", path=str(path), reason=str(error))

    def _directory(self, contents: BundleContents) -> Path:
        if os.access(contents.directory, os.W_OK | os.X_OK):
            return contents.directory
        import tempfile

        private = Path(tempfile.mkdtemp(prefix=PRIVATE_PREFIX))
        self._temporary[private / f"{contents.job_name}.tgz"] = private
        events.info(
            "bundle_elsewhere",
            job_name=contents.job_name,
            directory=str(private),
            reason=f"{contents.directory} cannot be written",
        )
        return private

    def _forget(self, target: Path, *, only_empty: bool) -> None:
        """Remove the temporary directory that was made for `target`, where one was."""
        private = self._temporary.get(target)
        if private is not None and not (only_empty and target.exists()):
            private.rmdir()
            del self._temporary[target]

    def _refuse_existing(self, target: Path) -> None:
        if os.path.lexists(target):
            raise self._exists(target)

    def _exists(self, target: Path) -> BundleExistsError:
        return BundleExistsError(
            f"{target}: a file of the bundle's name already exists and is not overwritten. Choose another job name; or,"
            " where no other run() of this name is under way, move the file away.",
            path=str(target),
        )


def _member(contents: BundleContents, path: str, size: int, digest: str = "") -> Entry:
    """Return a member as it stands in the bundle: below the job's name."""
    return Entry(f"{contents.job_name}/{path}", "file", size, 0o644, digest)


def _write_project(
    descriptor: int, contents: BundleContents, sources: Sequence[SourceFile], known: tuple[Packed, int] | None
) -> tuple[Packed, int]:
    """Write the packed project behind its header, the first of the bundle; return it and where it begins."""
    begins_at = len(stored(header(_member(contents, contents.project_member, 0))))
    os.lseek(descriptor, begins_at, os.SEEK_SET)
    if known is None:
        packed = pack_project(sources, descriptor)
    else:
        packed = known[0]
        copy_all(known[1], descriptor)
    os.lseek(descriptor, 0, os.SEEK_SET)  # its size, which the header tells, is known by now
    write_all(descriptor, [stored(header(_member(contents, contents.project_member, packed.size)))])
    os.lseek(descriptor, 0, os.SEEK_END)
    return packed, begins_at


def _write_member(descriptor: int, entry: Entry, path: Path) -> None:
    data = path.read_bytes()
    write_all(descriptor, [stored(header(entry)), stored(data + bytes(padding(entry.size)))])


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
    """Return the last gzip members: those of the manifest, and of the members that lie beside it."""
    members = [(MANIFEST, manifest), *sorted(contents.members.items())]
    return packed_files([(f"{contents.job_name}/{path}", data, _mode(path)) for path, data in members])


def _mode(path: str) -> int:
    return 0o755 if path.endswith(".sh") else 0o644
