"""Bundles as .tgz files: the job, the project and the SDK, each verifiable, in one file."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import attrs

from foundations import events
from foundations.adapters._shared.manifest import NAME, RUNTIME, Entry, Manifest, digest_of
from foundations.adapters._shared.project_files import SourceFile, project_files
from foundations.adapters._shared.unpack import verify_bundle
from foundations.adapters.tarball.runtime import packed_runtime
from foundations.adapters.tarball.writing import TgzWriter
from foundations.errors import BundleError, BundleExistsError, DamagedBundleError
from foundations.home import foundations_home
from foundations.ports.bundling import Bundle, BundleContents, JobBundler, extra_source_member
from foundations.version import __version__


@attrs.define
class TarballJobBundler(JobBundler):
    """Makes each bundle as ``<job_name>.tgz`` beside the project directory, as the specification says."""

    _temporary: dict[Path, Path] = attrs.field(factory=dict, init=False, repr=False)

    def make(self, contents: BundleContents) -> Bundle:
        """Make a bundle; the file gets its name when it is whole."""
        sources = _sources(contents)
        runtime = packed_runtime(contents.runtime_packages, foundations_home() / "runtime")
        directory = self._directory(contents)
        target = directory / f"{contents.job_name}.tgz"
        self._refuse_existing(target)
        made = directory / f".{contents.job_name}-{os.urandom(8).hex()}.tgz.part"
        try:
            with tempfile.TemporaryFile(dir=directory) as packed, runtime.path.open("rb") as packed_sdk:
                project = TgzWriter(packed)
                files = [project.add_source(source) for source in sources]
                digest = project.close()
                packed.seek(0)
                inner: dict[str, tuple[IO[bytes], int, str]] = {
                    contents.project_member: (packed, project.size, digest),
                    RUNTIME: (packed_sdk, runtime.size, runtime.digest),
                }
                manifest = _manifest(contents, inner, files).to_bytes()
                sha256, size = _write_outer(made, contents, manifest, inner)
            os.link(made, target)
        except FileExistsError:
            raise self._exists(target) from None
        except OSError as error:
            raise BundleError(
                f"{error.filename or directory}: the bundle cannot be written: {error.strerror or error}. Nothing was"
                " left behind.",
                path=str(error.filename or directory),
            ) from error
        finally:
            made.unlink(missing_ok=True)
            self._forget(target, only_empty=True)
        return Bundle(job_name=contents.job_name, path=target, sha256=sha256, digest=digest_of(manifest), size=size)

    def verify(self, bundle: Bundle) -> None:
        """Raise unless every byte is as it was packed."""
        verify_bundle(bundle)

    def read(self, bundle: Bundle, member: str) -> bytes:
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

    def discard(self, bundle: Bundle) -> None:
        """Remove the file, and the temporary directory that was made for it."""
        if bundle.path is not None:
            bundle.path.unlink(missing_ok=True)
            self._forget(bundle.path, only_empty=False)

    def _directory(self, contents: BundleContents) -> Path:
        if os.access(contents.directory, os.W_OK | os.X_OK):
            return contents.directory
        private = Path(tempfile.mkdtemp(prefix="foundations-bundle-"))
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
            f"{target}: a file of the bundle's name already exists and is not overwritten. Choose another job name, or"
            " move the file away.",
            path=str(target),
        )


def _sources(contents: BundleContents) -> list[SourceFile]:
    """Return what goes into the packed project: its own files, and the extra source paths' beside them."""
    sources = project_files(contents.project)
    for number, extra in enumerate(contents.extra_source_paths):
        prefix = extra_source_member(number)
        sources += [SourceFile(prefix, str(extra), "directory", 0, 0o755), *project_files(extra, prefix + "/")]
    if contents.extra_source_paths:
        sources.append(SourceFile(extra_source_member(0).partition("/")[0], "", "directory", 0, 0o755))
    return sorted(sources, key=lambda source: source.path)


def _manifest(
    contents: BundleContents, inner: dict[str, tuple[IO[bytes], int, str]], files: Sequence[Entry]
) -> Manifest:
    members = [Entry(path, "file", len(data), _mode(path), digest_of(data)) for path, data in contents.members.items()]
    members += [Entry(path, "file", size, 0o644, digest) for path, (_, size, digest) in inner.items()]
    return Manifest(
        job_name=contents.job_name,
        versions={"foundations": __version__, "python": "{}.{}".format(*sys.version_info[:2])},
        project_member=contents.project_member,
        members=sorted(members, key=lambda entry: entry.path),
        files=files,
    )


def _write_outer(
    target: Path, contents: BundleContents, manifest: bytes, inner: dict[str, tuple[IO[bytes], int, str]]
) -> tuple[str, int]:
    """Write the outer file, the manifest first; return its SHA-256 and its size."""
    top = contents.job_name + "/"
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as stream:
        writer = TgzWriter(stream)
        writer.add_bytes(top + NAME, manifest, 0o644)
        for path in sorted([*contents.members, *inner]):
            if path in inner:
                source, size, digest = inner[path]
                writer.add_packed(top + path, source, size, digest)
            else:
                writer.add_bytes(top + path, contents.members[path], _mode(path))
        sha256 = writer.close()
    return sha256, writer.size


def _mode(path: str) -> int:
    return 0o755 if path.endswith(".sh") else 0o644
