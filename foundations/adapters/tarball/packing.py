"""Packing a project: one pass over its files, hashed while they are read, compressed by every processor."""

from __future__ import annotations

import functools
import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from foundations.adapters._shared.bundle.gzip_format import CHUNK, StoredWriter, compress_to_buffers
from foundations.adapters._shared.bundle.manifest import digest_of, listed
from foundations.adapters._shared.bundle.tar_format import END, header, padding
from foundations.adapters._shared.fs.files import write_all
from foundations.adapters._shared.project.project_files import SourceFile, report_vanished, stamp
from foundations.adapters.tarball.reading import open_source, report_change, unreadable
from foundations.errors import BundleError
from foundations.ports.frames import Buffer
from foundations.ports.job_layout import Entry

_WORTH_THREADS = 2 * CHUNK
_WAITING = 4
_AT_ONCE = 1 << 16
"""Bytes up to which a file is read before its size is written."""


class Packed(NamedTuple):
    """A project that was packed.

    Attributes:
        files: The entries of its files as JSON, as they are in a manifest.
        size: The size of the packed bytes.
        digest: The digest of `files`.
        is_as_seen: Whether every file was as it had been seen before.
    """

    files: bytes
    size: int
    digest: str
    is_as_seen: bool = True


def pack_project(sources: Sequence[SourceFile], descriptor: int) -> Packed:
    """Write a project as a .tgz, itself framed and padded as a member of a bundle.

    A file has the content and the size that it has when it is opened. One that has vanished is left out; this, and a
    change of a file while it is read, is reported in the log.

    Raises:
        BundleError: A file cannot be read; the target cannot be written.
    """
    framing = _Framing(descriptor)
    threaded = sum(source.size for source in sources) > _WORTH_THREADS
    with _ThreadedSink(framing.write) if threaded else _Sink(framing.write) as sink:
        stream = _ChunkedStream(sink)
        added = [_add(stream, source) for source in sources]
        files = listed([entry for entry, _ in added if entry is not None])
        stream.write(END)
        stream.close()
    framing.close()
    return Packed(files, framing.size, digest_of(files), all(is_as_seen for _, is_as_seen in added))


def pack_files(files: Iterable[tuple[str, bytes, int]]) -> bytes:
    """Return files in memory, each with its path and mode, as a .tgz."""
    members: list[bytes] = []
    stream = _ChunkedStream(_Sink(lambda parts: members.append(b"".join(parts))))
    for path, data, mode in files:
        stream.write(header(Entry(path, "file", len(data), mode, "")))
        stream.write(data)
        stream.write(bytes(padding(len(data))))
    stream.write(END)
    stream.close()
    return b"".join(members)


class _Framing:
    """Frames packed bytes as one stored gzip member, and pads them to a tar stream's blocks."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._writer = StoredWriter()
        self.size = 0

    def write(self, parts: Sequence[Buffer]) -> None:
        self.size += sum(map(len, parts))
        self._write(self._writer.add(parts))

    def close(self) -> None:
        self._write(self._writer.add([bytes(padding(self.size))]))
        self._write(self._writer.close())

    def _write(self, buffers: Iterable[Buffer]) -> None:
        try:
            write_all(self._descriptor, buffers)
        except OSError as error:  # raised here, where it cannot be mistaken for a source's
            raise BundleError(f"the bundle cannot be written: {error.strerror or error}") from error


class _ChunkedStream:
    """Collects a tar stream in chunks of one size, so that the same stream always gives the same bytes."""

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self._chunk = sink.memory()
        self._filled = 0

    def write(self, data: Buffer) -> None:
        view = memoryview(data)
        while view:
            room = self.room()
            count = min(len(room), len(view))
            room[:count] = view[:count]
            self.filled(count)
            view = view[count:]

    def room(self) -> memoryview:
        """Return memory for the next bytes; call :meth:`filled` with how many were put there."""
        return self._chunk[self._filled :]

    def filled(self, count: int) -> None:
        self._filled += count
        if self._filled == CHUNK:
            self._sink.put(self._chunk, CHUNK)
            self._chunk = self._sink.memory()
            self._filled = 0

    def close(self) -> None:
        if self._filled:
            self._sink.put(self._chunk, self._filled)


class _Sink:
    """Compresses chunks and writes them, in order."""

    def __init__(self, write: Callable[[Sequence[Buffer]], None]) -> None:
        self._write = write

    @functools.cached_property
    def _memory(self) -> memoryview:
        return memoryview(bytearray(CHUNK))

    def memory(self) -> memoryview:
        """Return memory for a chunk; it is used again once what was put there is written."""
        return self._memory

    def put(self, memory: memoryview, size: int) -> None:
        """Take a chunk: the first `size` bytes of what :meth:`memory` returned."""
        self._write(compress_to_buffers(memory[:size]))

    def __enter__(self) -> _Sink:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        return


class _ThreadedSink(_Sink):
    """Compresses in one thread for each processor and writes in another; few chunks wait, so memory is bounded."""

    def __init__(self, write: Callable[[Sequence[Buffer]], None]) -> None:
        from concurrent.futures import ThreadPoolExecutor

        workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        super().__init__(write)
        self._most = workers + _WAITING
        self._compressing = ThreadPoolExecutor(workers, "foundations-compress")
        self._writing = ThreadPoolExecutor(1, "foundations-write")
        self._waiting: deque[tuple[memoryview, Any]] = deque()

    def memory(self) -> memoryview:
        if self._waiting and (len(self._waiting) == self._most or self._waiting[0][1].done()):
            memory, written = self._waiting.popleft()
            written.result()
            return memory
        return memoryview(bytearray(CHUNK))

    def put(self, memory: memoryview, size: int) -> None:
        made = self._compressing.submit(compress_to_buffers, memory[:size])
        self._waiting.append((memory, self._writing.submit(lambda: self._write(made.result()))))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with ExitStack() as stack:
            stack.callback(self._compressing.shutdown, cancel_futures=True)
            stack.callback(self._writing.shutdown, cancel_futures=True)
            while self._waiting and kind is None:
                self._waiting.popleft()[1].result()


def _add(stream: _ChunkedStream, source: SourceFile) -> tuple[Entry | None, bool]:
    """Add a file as it is when it is opened; return its entry, and whether it is as it was seen.

    The entry is None where the file has vanished since it was seen.
    """
    if source.kind != "file":
        entry = Entry(source.path, source.kind, 0, source.mode, source.target)
        stream.write(header(entry))
        return entry, True
    try:
        descriptor = open_source(source)
        if descriptor is None:
            report_vanished(source)
            return None, False
        try:
            opened = os.fstat(descriptor)
            entry, is_whole = _add_content(stream, descriptor, source, opened.st_size)
            read = os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise unreadable(source, error) from error
    report_change(source, opened, read, entry.size if is_whole else None)
    return entry, source.stamp == stamp(opened) == stamp(read)


def _add_content(stream: _ChunkedStream, descriptor: int, source: SourceFile, size: int) -> tuple[Entry, bool]:
    """Add a file of at most `size` bytes; return its entry, and whether it had as many as the entry says.

    A small file that became shorter since it was opened is added as it is. A large one is filled up with zeros, since
    its size stands before its content.
    """
    start = os.read(descriptor, min(size, _AT_ONCE))
    if size <= _AT_ONCE:
        size = len(start)
    stream.write(header(Entry(source.path, "file", size, source.mode, "")))
    stream.write(start)
    digest = hashlib.sha256(start)
    left = size - len(start)
    is_whole = True
    while left:
        room = stream.room()[:left]
        count = os.readv(descriptor, [room]) if is_whole else 0
        if not count:
            is_whole = False
            count = len(room)
            room[:] = bytes(count)
        digest.update(room[:count])
        stream.filled(count)
        left -= count
    stream.write(bytes(padding(size)))
    return Entry(source.path, "file", size, source.mode, digest.hexdigest()), is_whole
