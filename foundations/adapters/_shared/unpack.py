"""Verifying and extracting a bundle: every byte is compared with the manifest before anything of it runs.

Members are validated here, not by ``tarfile``: early patch releases of the supported Pythons lack its ``data`` filter,
and the manifest is stricter than any filter.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from foundations.adapters._shared.manifest import NAME, RUNTIME, Entry, Manifest, check_path, digest_of
from foundations.errors import DamagedBundleError

if TYPE_CHECKING:
    from foundations.ports.bundling import Bundle

_CHUNK = 2**20
_LARGEST_MANIFEST = 2**28
_LARGEST_RUNTIME = 2**28


def verify_bundle(bundle: Bundle) -> Manifest:
    """Compare every byte of a bundle with its digests, without writing anything.

    Raises:
        DamagedBundleError: Something differs; ``member`` says what.
    """
    return _read_outer(bundle, None)


def unpack_bundle(bundle: Bundle, members: Path, project: Path, runtimes: Path) -> Path:
    """Verify a bundle and extract it.

    Args:
        bundle: The bundle.
        members: A new directory for the members at its root.
        project: A new directory for the project.
        runtimes: The store of extracted runtimes, which keeps each once.

    Returns:
        The directory of the extracted runtime.

    Raises:
        DamagedBundleError: Something differs from what was packed; ``member`` says what.
    """
    members.mkdir(mode=0o700)
    project.mkdir(mode=0o700)
    manifest = _read_outer(bundle, members)
    wanted = {entry.path: entry for entry in manifest.files}
    with (members / manifest.project_member).open("rb") as packed:
        _extract(packed, project, wanted, manifest.project_member)
    runtime = next(entry for entry in manifest.members if entry.path == RUNTIME)
    return _runtime(members / RUNTIME, runtime.digest, runtimes)


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Raise what reading a .tgz raises where it is none, or damaged, as :class:`DamagedBundleError`."""
    try:
        yield
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError) as error:
        raise _damaged(name, f"it is no intact .tgz: {error}") from error


def _read_outer(bundle: Bundle, target: Path | None) -> Manifest:
    assert bundle.path is not None, "only bundles that are files are verified here"  # noqa: S101 - wiring sees to it
    try:
        with bundle.path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != bundle.sha256:
                raise _damaged(str(bundle.path), "its SHA-256 is not the one it was submitted with")
            stream.seek(0)
            with _reading(str(bundle.path)), _opened_tgz(stream) as archive:
                return _verified_members(archive, bundle, target)
    except FileNotFoundError as error:
        raise _damaged(str(bundle.path), "the file is gone") from error


def _verified_members(archive: tarfile.TarFile, bundle: Bundle, target: Path | None) -> Manifest:
    top = bundle.job_name + "/"
    first = archive.next()
    if first is None or first.name != top + NAME or not first.isreg() or first.size > _LARGEST_MANIFEST:
        raise _damaged(NAME, "it is not the first member")
    data = _opened(archive, first).read()
    if digest_of(data) != bundle.digest:
        raise _damaged(NAME, "its digest is not the one that the bundle was submitted with")
    manifest = Manifest.from_bytes(data)
    if manifest.job_name != bundle.job_name:
        raise _damaged(NAME, f"it is of job {manifest.job_name!r}, not {bundle.job_name!r}")
    for needed in (RUNTIME, manifest.project_member):
        if not any(entry.path == needed for entry in manifest.members):
            raise _damaged(needed, "it is missing")
    if target is not None:
        _write(target / NAME, data)
    missing = {entry.path: entry for entry in manifest.members}
    while (member := archive.next()) is not None:
        entry = missing.pop(member.name.removeprefix(top), None) if member.name.startswith(top) else None
        if entry is None or not member.isreg():
            raise _damaged(member.name, "the manifest has no such member, or it is no file")
        if target is not None:
            (target / entry.path).parent.mkdir(parents=True, exist_ok=True)
        _copy(_opened(archive, member), entry, None if target is None else target / entry.path)
    if missing:
        raise _damaged(min(missing), "it is missing")
    return manifest


def _extract(stream: IO[bytes], target: Path, wanted: Mapping[str, Entry], name: str) -> None:
    """Extract a packed project whose entries are exactly `wanted`; links last, so that nothing is written through."""
    missing = dict(wanted)
    links: list[Entry] = []
    with _reading(name), _opened_tgz(stream) as archive:
        while (member := archive.next()) is not None:
            entry = missing.pop(member.name, None)
            if entry is None or _kind(member) != entry.kind:
                raise _damaged(member.name, "the manifest has no such entry")
            if entry.kind == "link":
                links.append(entry)
            elif entry.kind == "directory":
                (target / entry.path).mkdir(mode=0o755)
            else:
                _copy(_opened(archive, member), entry, target / entry.path)
    if missing:
        raise _damaged(min(missing), "it is missing")
    for entry in links:
        (target / entry.path).symlink_to(entry.digest)


def _runtime(packed: Path, digest: str, store: Path) -> Path:
    """Return where the runtime of this digest lies, extracted once for each Python, with byte code."""
    import sys

    target = store / f"{digest[:32]}-{sys.implementation.cache_tag}"
    if target.is_dir():
        return target
    made = store / f".extracting-{os.urandom(8).hex()}"
    made.mkdir(mode=0o700)
    try:
        _extract_runtime(packed, made)
        _compile(made)
        _flush(made)  # a torn one would fail every later job
        try:
            made.rename(target)
        except OSError:
            if not target.is_dir():  # nobody else was faster
                raise
    finally:
        if made.exists():
            import shutil

            shutil.rmtree(made)
    return target


def _extract_runtime(packed: Path, target: Path) -> None:
    """Extract the runtime: regular files only; its digest was verified as a member of the bundle."""
    room = _LARGEST_RUNTIME
    with packed.open("rb") as stream, _reading(RUNTIME), _opened_tgz(stream) as archive:
        while (member := archive.next()) is not None:
            room -= member.size
            if not member.isreg() or room < 0:
                raise _damaged(RUNTIME, f"{member.name} is no file, or too large")
            path = target / check_path(member.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            _copy(_opened(archive, member), None, path)


def _compile(directory: Path) -> None:
    import compileall
    import py_compile

    compileall.compile_dir(
        directory, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH, stripdir=str(directory)
    )


def _flush(directory: Path) -> None:
    """Have the disk keep a directory and all that is in it."""
    for place, _, names in os.walk(directory):
        for name in (*names, "."):
            descriptor = os.open(os.path.join(place, name), os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _opened_tgz(stream: IO[bytes]) -> tarfile.TarFile:
    """Open a .tgz that may consist of several gzip members, which tarfile's own streaming does not read."""
    return tarfile.open(fileobj=gzip.GzipFile(fileobj=stream, mode="rb"), mode="r|")


def _kind(member: tarfile.TarInfo) -> str:
    if member.isreg():
        return "file"
    return "directory" if member.isdir() else "link" if member.issym() else "other"


def _opened(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    stream = archive.extractfile(member)
    if stream is None:
        raise _damaged(member.name, "it is no file")
    return stream


def _copy(source: IO[bytes], entry: Entry | None, target: Path | None) -> None:
    """Copy one file, at most as long as its entry says, and compare its size and digest."""
    mode = 0o644 if entry is None else entry.mode
    out = None if target is None else os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    digest = hashlib.sha256()
    size = 0
    try:
        while data := source.read(_CHUNK):
            size += len(data)
            if entry is not None and size > entry.size:
                break
            digest.update(data)
            if out is not None:
                _write_all(out, data)
    finally:
        if out is not None:
            os.close(out)
    if entry is not None and (size != entry.size or digest.hexdigest() != entry.digest):
        raise _damaged(entry.path, "its size or digest is not the manifest's")


def _write(target: Path, data: bytes) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        _write_all(descriptor, data)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _damaged(member: str, why: str) -> DamagedBundleError:
    return DamagedBundleError(f"the bundle is damaged at {member}: {why}. Nothing of it was run.", member=member)
