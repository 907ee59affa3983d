"""Verifying and extracting a bundle: every byte is compared with the manifest before anything of it runs.

Whoever sent the bundle hashed the index at its end. The manifest in the index lists what comes before it, so the bytes
of every header and frame are known beforehand: they are compared, and never interpreted.
"""

from __future__ import annotations

import errno
import gzip
import io
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING

from foundations.adapters._shared.bundle.buffer_reader import BufferReader
from foundations.adapters._shared.bundle.extraction import copy_checked, damaged, reading_tgz, write_new
from foundations.adapters._shared.bundle.gzip_format import decompress_members, read_stored
from foundations.adapters._shared.bundle.manifest import Manifest, digest_of
from foundations.adapters._shared.bundle.prefetch import prefetch
from foundations.adapters._shared.bundle.runtime_store import extract_runtime, has_intact_runtime, runtime_directory
from foundations.adapters._shared.bundle.tar_format import BLOCK, END, header, padding
from foundations.adapters._shared.fs.files import CHUNK, open_descriptor, write_all
from foundations.errors import StorageUnavailableError
from foundations.ports.frames import Buffer
from foundations.ports.job_layout import MANIFEST, RUNTIME, Entry

if TYPE_CHECKING:
    from foundations.ports.bundling import BundleFile

_LARGEST_MANIFEST = 2**28
_SIZE_FIELD = slice(124, 135)
_WORTH_A_THREAD = 2**22


def verify_bundle(bundle: BundleFile) -> Manifest:
    """Compare every byte of a bundle with what was packed, without writing anything.

    Raises:
        DamagedBundleError: Something differs; ``member`` names it.
    """
    return _read(bundle, None, None, None)


def unpack_bundle(bundle: BundleFile, members: Path, project: Path, runtimes: Path) -> Path:
    """Verify a bundle and extract it.

    Args:
        bundle: The bundle.
        members: A new directory for the members at its root, the packed project among them.
        project: A new directory for the project.
        runtimes: The store of extracted runtimes, which has each once.

    Returns:
        The directory of the extracted runtime.

    Raises:
        DamagedBundleError: Something differs from what was packed; ``member`` names it.
        StorageUnavailableError: The disk has no room for it.
    """
    members.mkdir(mode=0o700)
    project.mkdir(mode=0o700)
    manifest = _read(bundle, members, project, runtimes)
    runtime = next(entry for entry in manifest.members if entry.path == RUNTIME)
    target = runtime_directory(runtime, runtimes)
    if (members / RUNTIME).exists():  # otherwise it was there, and as it was extracted
        extract_runtime(members / RUNTIME, target)
    return target


def open_bundle(path: Path) -> IO[bytes]:
    """Open the file of a bundle; opening never waits, whatever is in its place.

    Raises:
        DamagedBundleError: It is gone, or something else than a file is in its place.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise damaged(str(path), "the file is gone") from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise damaged(str(path), "something else than a file is in its place") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise damaged(str(path), "something else than a file is in its place")
    return open(descriptor, "rb")


def _read(bundle: BundleFile, members: Path | None, project: Path | None, runtimes: Path | None) -> Manifest:
    assert bundle.path is not None, "only bundles that are files are verified here"  # noqa: S101 - wiring sees to it
    with open_bundle(bundle.path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size != bundle.size or not 0 < bundle.index_size <= size:
            raise damaged(str(bundle.path), f"it has {size} bytes, and {bundle.size} were sent")
        stream.seek(size - bundle.index_size)
        index = stream.read()
        if digest_of(index) != bundle.sha256:
            raise damaged(str(bundle.path), "the SHA-256 of its index is not the one it was submitted with")
        manifest = _read_index(index, bundle, members)
        is_stored = runtimes is not None and has_intact_runtime(_stored_members(manifest)[1], runtimes)
        if project is not None:
            _check_room(manifest, project, is_stored=is_stored)
        stream.seek(0)
        for entry in _stored_members(manifest):
            with reading_tgz(entry.path):
                _expect_header(stream, bundle.job_name, entry)
                content = _without_padding(read_stored(stream, entry.size + padding(entry.size)), entry.size)
                target = None if members is None else members / entry.path
                if entry.kind == "project":
                    _extract_project(content, target, project, manifest, entry.size)
                else:
                    copy_checked(content, entry, None if is_stored else target)
        if stream.tell() != size - bundle.index_size:
            raise damaged(str(bundle.path), "something lies before its index")
    return manifest


def _check_room(manifest: Manifest, target: Path, *, is_stored: bool) -> None:
    """Raise where the disk has no room for what is still to be extracted; others may fill it meanwhile."""
    project, runtime = _stored_members(manifest)
    needed = project.size + (0 if is_stored else runtime.size) + sum(entry.size for entry in manifest.files)
    disk = os.statvfs(target)
    free = disk.f_bavail * disk.f_frsize
    if needed > free:
        raise StorageUnavailableError(
            f"{target}: the job needs {needed:,} bytes there, and {free:,} are free. Free some space, or have jobs run"
            " elsewhere.",
            path=str(target),
        )


def _stored_members(manifest: Manifest) -> list[Entry]:
    """Return the members before the index, in their order: the project, then the runtime."""
    members = {entry.path: entry for entry in manifest.members}
    for path in (manifest.project_member, RUNTIME):
        if path not in members:
            raise damaged(path, "it is missing")
    return [members[manifest.project_member], members[RUNTIME]]


def _read_index(index: bytes, bundle: BundleFile, target: Path | None) -> Manifest:
    """Return the manifest, and copy the small members that follow it to `target`."""
    content = gzip.GzipFile(fileobj=io.BytesIO(index))
    stream = _TarStream(iter(lambda: content.read(CHUNK), b""))  # in chunks: few bytes may expand to very many
    with reading_tgz(str(bundle.path)):
        data = stream.read_file(Entry(f"{bundle.job_name}/{MANIFEST}", "file", 0, 0o644, ""), _LARGEST_MANIFEST)
        if data is None:
            raise damaged(MANIFEST, "it is not the first of the index")
        if digest_of(data) != bundle.digest:
            raise damaged(MANIFEST, "its digest is not the one that the bundle was submitted with")
        manifest = Manifest.from_bytes(data)
        if manifest.job_name != bundle.job_name:
            raise damaged(MANIFEST, f"it is of job {manifest.job_name!r}, not {bundle.job_name!r}")
        if target is not None:
            write_new(target / MANIFEST, [data])
        packed = {entry.path for entry in _stored_members(manifest)}
        members = [entry for entry in manifest.members if entry.path not in packed]
        for entry in members:
            if not stream.expect(_header_of_member(bundle.job_name, entry)):
                raise damaged(entry.path, "it is missing, or another member is in its place")
            stream.copy(entry, None if target is None else target / entry.path)
        if not stream.has_ended():
            raise damaged("the index", "it holds more than its manifest says")
    return manifest


def _header_of_member(job_name: str, entry: Entry) -> bytes:
    return header(entry._replace(path=f"{job_name}/{entry.path}"))


def _expect_header(stream: IO[bytes], job_name: str, entry: Entry) -> None:
    expected = _header_of_member(job_name, entry)
    if b"".join(read_stored(stream, len(expected))) != expected:
        raise damaged(entry.path, "another member is in its place")


def _without_padding(pieces: Iterable[bytes], size: int) -> Iterator[memoryview]:
    """Iterate over the first `size` bytes, and check that the rest is zeros."""
    for piece in pieces:
        content = memoryview(piece)[:size]
        size -= len(content)
        if content:
            yield content
        if any(piece[len(content) :]):
            raise ValueError("something lies behind a member's content")


# -- the project ------------------------------------------------------------------------------------------------------


def _extract_project(
    packed: Iterator[memoryview], copy: Path | None, target: Path | None, manifest: Manifest, size: int
) -> None:
    """Extract the packed project, whose entries are exactly the manifest's files, and copy it as it is to `copy`.

    A large project is read and decompressed in a thread, while this one hashes and writes.
    """
    content = decompress_members(_copied(packed, copy))
    with nullcontext(content) if size < _WORTH_A_THREAD else prefetch(content) as pieces:
        _extract(_TarStream(pieces), manifest.files, target)


def _copied(pieces: Iterator[memoryview], target: Path | None) -> Iterator[memoryview]:
    """Iterate over `pieces` and write each to the new file `target`, where there is one."""
    if target is None:
        yield from pieces
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with open_descriptor(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW) as descriptor:
        for piece in pieces:
            write_all(descriptor, [piece])
            yield piece


class _TarStream:
    """Reads a tar stream of which everything but the files' content is known beforehand."""

    def __init__(self, buffers: Iterable[Buffer]) -> None:
        self._reader = BufferReader(buffers)

    def expect(self, expected: bytes) -> bool:
        """Read as many bytes as `expected` has; return whether they are these."""
        return b"".join(self._reader.read(len(expected))) == expected

    def read_file(self, entry: Entry, longest: int) -> bytes | None:
        """Return a file of unknown size, at most `longest` bytes; None where something else comes."""
        found = b"".join(self._reader.read(len(header(entry))))
        digits = found[-BLOCK:][_SIZE_FIELD]
        size = int(digits, 8) if digits.isdigit() else longest + 1
        if size > longest or found != header(entry._replace(size=size)):
            return None
        data = b"".join(self._reader.read(size))
        return data if self.expect(bytes(padding(size))) else None

    def copy(self, entry: Entry, target: str | Path | None) -> None:
        """Copy the content of a file behind its header, and compare it.

        Raises:
            DamagedBundleError: It differs, or something follows it.
        """
        copy_checked(self._content(entry.size), entry, target)
        if not self.expect(bytes(padding(entry.size))):
            raise damaged(entry.path, "something lies behind its content")

    def has_ended(self) -> bool:
        """Return whether the end marker of a tar stream comes next, and nothing after it."""
        return self.expect(END) and not self._reader.read_some(1)

    def _content(self, size: int) -> Iterator[memoryview]:
        """Iterate over the next `size` bytes; over fewer only where the stream ends."""
        while size and (piece := self._reader.read_some(size)):
            size -= len(piece)
            yield piece


def _extract(stream: _TarStream, files: Sequence[Entry], target: Path | None) -> None:
    """Extract the files; links last, so that nothing is written through one."""
    root = None if target is None else f"{target}/"
    for entry in files:
        if not stream.expect(header(entry)):
            raise damaged(entry.path, "the packed project has something else in its place")
        if entry.kind == "file":
            stream.copy(entry, None if root is None else root + entry.path)
        elif entry.kind == "directory" and root is not None:
            os.mkdir(root + entry.path, 0o755)
    if not stream.has_ended():
        raise damaged("the project", "it holds more than its manifest says")
    for entry in files:
        if entry.kind == "link" and root is not None:
            os.symlink(entry.digest, root + entry.path)
