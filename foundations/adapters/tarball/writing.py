"""Writing .tgz files whose bytes depend on nothing but their contents."""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from typing import IO

from foundations.adapters._shared.manifest import Entry
from foundations.adapters._shared.project_files import SourceFile
from foundations.errors import BundleError

_CHUNK = 2**20
FAST = 1
STORED = 0


class TgzWriter:
    """Writes tar entries through gzip, without times, owners or names of this machine.

    A .tgz may consist of several gzip members: what is compressed already goes into a stored one.

    Args:
        target: Where the bytes go.
    """

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._level = FAST
        self._gzip = zlib.compressobj(FAST, zlib.DEFLATED, 31)
        self._sha256 = hashlib.sha256()
        self.size = 0

    def add_bytes(self, path: str, data: bytes, mode: int) -> Entry:
        """Add a file with the given content."""
        self._at_level(FAST)
        self._header(path, tarfile.REGTYPE, len(data), mode)
        self._write(data)
        self._pad(len(data))
        return Entry(path, "file", len(data), mode, hashlib.sha256(data).hexdigest())

    def add_packed(self, path: str, source: IO[bytes], size: int, digest: str) -> Entry:
        """Add a file of known size and digest that is compressed already."""
        self._at_level(STORED)
        self._header(path, tarfile.REGTYPE, size, 0o644)
        found = self._copy(source, size)
        if found != digest:
            raise BundleError(f"{path}: its content changed while it was bundled; run again", path=path)
        return Entry(path, "file", size, 0o644, digest)

    def add_source(self, source: SourceFile) -> Entry:
        """Add one entry of a project.

        Raises:
            BundleError: It cannot be read, or changes while it is read.
        """
        self._at_level(FAST)
        if source.kind == "directory":
            self._header(source.path, tarfile.DIRTYPE, 0, 0o755)
            return Entry(source.path, "directory", 0, 0o755, "")
        if source.kind == "link":
            self._header(source.path, tarfile.SYMTYPE, 0, 0o644, source.target)
            return Entry(source.path, "link", 0, 0o644, source.target)
        try:
            descriptor = os.open(source.location, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(descriptor, "rb", buffering=0) as stream:
                before = os.fstat(descriptor)
                self._header(source.path, tarfile.REGTYPE, before.st_size, source.mode)
                digest = self._copy(stream, before.st_size)
                after = os.fstat(descriptor)
        except OSError as error:
            raise BundleError(
                f"{source.location}: cannot be read: {error.strerror}. Make it readable, or name it in"
                " .foundationsignore.",
                path=source.location,
            ) from error
        if digest is None or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise BundleError(
                f"{source.location}: changed while it was bundled. Run again when nothing writes to it, or name it in"
                " .foundationsignore.",
                path=source.location,
            )
        return Entry(source.path, "file", before.st_size, source.mode, digest)

    def close(self) -> str:
        """Write the end and return the SHA-256 of all bytes in hexadecimal."""
        self._at_level(FAST)
        self._write(bytes(2 * tarfile.BLOCKSIZE))
        self._emit(self._gzip.flush())
        return self._sha256.hexdigest()

    def _copy(self, source: IO[bytes], size: int) -> str | None:
        """Copy exactly `size` bytes and return their digest; None where there are fewer."""
        digest = hashlib.sha256()
        left = size
        while left and (data := source.read(min(left, _CHUNK))):
            digest.update(data)
            self._write(data)
            left -= len(data)
        if left:
            return None
        self._pad(size)
        return digest.hexdigest()

    def _header(self, path: str, kind: bytes, size: int, mode: int, target: str = "") -> None:
        header = tarfile.TarInfo(path)
        header.type, header.size, header.mode, header.linkname = kind, size, mode, target
        self._write(header.tobuf(tarfile.PAX_FORMAT))

    def _pad(self, size: int) -> None:
        if size % tarfile.BLOCKSIZE:
            self._write(bytes(-size % tarfile.BLOCKSIZE))

    def _at_level(self, level: int) -> None:
        if level != self._level:
            self._emit(self._gzip.flush())
            self._gzip = zlib.compressobj(level, zlib.DEFLATED, 31)
            self._level = level

    def _write(self, data: bytes) -> None:
        self._emit(self._gzip.compress(data))

    def _emit(self, data: bytes) -> None:
        if data:
            try:
                self._target.write(data)
            except OSError as error:
                raise BundleError(f"the bundle cannot be written: {error.strerror or error}") from error
            self._sha256.update(data)
            self.size += len(data)
