"""Reading the file of an entry."""

from __future__ import annotations

import io
import mmap
import os
import sys
import weakref
from typing import Any, Final

from foundations.adapters._shared.fs.files import CHUNK, allocate
from foundations.adapters.filesystem.cache import file_format
from foundations.adapters.filesystem.cache.compression import decompress_frame
from foundations.ports.cache import CachedValue
from foundations.ports.frames import Buffer

MAX_READ_WHOLE: Final = 1 << 20
"""The largest size, in bytes, of an entry that is read and verified as a whole; most of a larger one may be mapped."""

MIN_MAPPED: Final = 1 << 16
"""The smallest size, in bytes, of a frame that is mapped."""

_FIRST_READ = 4096
_MAX_MAPS = 128  # each map holds a descriptor, and the user's code needs descriptors too
_WITHOUT_DESCRIPTOR: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}
_maps: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()


def read_entry(key: str, descriptor: int, size: int, *, verify_all: bool) -> CachedValue:
    """Return the value in an entry's file, in memory that only the caller has.

    Args:
        key: The key that the entry should have been written under.
        descriptor: The file.
        size: The file's length in bytes.
        verify_all: Read and verify every frame. Otherwise the large frames of a large entry are mapped without being
            verified, unless they are compressed; the first frame is always verified.

    Raises:
        ValueError: The entry is not what was written under `key`.
        FormerVersionError: It has an earlier version's format.
        MissingLibraryError: A library that it was written with is not installed here.
        OSError: The file could not be read.
    """
    if size <= MAX_READ_WHOLE:
        data = _read_whole(key, descriptor, size)
        head = file_format.parse_head(key, data, data.nbytes)
        if size > head.end:  # copied, so that a frame does not keep other entries in memory
            data = memoryview(bytearray(data[: head.end]))
        return CachedValue(head.metadata, [_frame_in(data, frame, head.digester) for frame in head.frames])
    head, beginning = _read_head(key, descriptor, size)
    frames: list[Buffer] = []
    mapped = None
    for number, frame in enumerate(head.frames):
        if frame.end <= len(beginning):
            frames.append(_frame_in(beginning, frame, head.digester))
            continue
        if number and frame.length >= MIN_MAPPED and not (verify_all or frame.compressed):
            mapped = mapped or _map_file(descriptor, size)
            if mapped is not None:
                frames.append(mapped[frame.begin : frame.end])
                continue
        frames.append(_read_frame(descriptor, frame, head.digester))
    return CachedValue(head.metadata, frames)


def read_metadata(key: str, descriptor: int, size: int) -> bytes:
    """Return the metadata of the value; the arguments and errors are those of :func:`read_entry`."""
    return _read_head(key, descriptor, size)[0].metadata


def _read_head(key: str, descriptor: int, size: int) -> tuple[file_format.Head, memoryview]:
    """Return the head, and the beginning of the entry as far as it was read."""
    if size <= file_format.MAX_SHARED_FILE:
        data = _read_whole(key, descriptor, size)
        return file_format.parse_head(key, data, data.nbytes), data
    data = memoryview(_read_beginning(descriptor, _FIRST_READ))
    length = file_format.expected_head_length(data)
    if size >= length > data.nbytes:
        data = memoryview(_read_beginning(descriptor, length))
    return file_format.parse_head(key, data, size), data


def _read_whole(key: str, descriptor: int, size: int) -> memoryview:
    """Return the file's content from the beginning of the entry of `key` on."""
    data = _read_beginning(descriptor, size)
    return memoryview(data)[file_format.find_entry(key, data) if size <= file_format.MAX_SHARED_FILE else 0 :]


def _read_beginning(descriptor: int, length: int) -> bytearray:
    data = bytearray(length)
    _read_into(data, descriptor, 0)
    return data


def _frame_in(data: memoryview, frame: file_format.Frame, digester: file_format.Digester) -> Buffer:
    """Return a frame of the entry whose content is `data`."""
    if digester.digest(data[frame.start : frame.end]) != frame.digest:
        raise ValueError(file_format.CHANGED)
    content = data[frame.begin : frame.end]
    return decompress_frame(io.BytesIO(content), frame.length) if frame.compressed else content


def _read_frame(descriptor: int, frame: file_format.Frame, digester: file_format.Digester) -> Buffer:
    stream = _DigestingStream(descriptor, frame.start, frame.end, digester)
    stream.read(frame.begin - frame.start)
    if frame.compressed:
        view = decompress_frame(stream, frame.length)
    else:
        view = memoryview(allocate(frame.length))
        stream.read_into(view)
    if stream.finish() != frame.digest:
        raise ValueError(file_format.CHANGED)
    return view


class _DigestingStream:
    """Reads a part of a file once, from its beginning to its end, and digests the bytes that it reads."""

    def __init__(self, descriptor: int, start: int, end: int, digester: file_format.Digester) -> None:
        self._descriptor = descriptor
        self._position = start
        self._end = end
        self._hasher = digester.start(b"")

    def read_into(self, view: memoryview) -> None:
        """Fill `view` with the next bytes."""
        for first in range(0, view.nbytes, CHUNK):
            chunk = view[first : first + CHUNK]
            _read_into(chunk, self._descriptor, self._position)
            self._position += chunk.nbytes
            self._hasher.update(chunk)

    def read(self, size: int) -> bytearray:
        """Read up to `size` bytes, as a binary stream does."""
        data = bytearray(min(size, self._end - self._position))
        self.read_into(memoryview(data))
        return data

    def finish(self) -> bytes:
        """Read the rest and return the digest of the whole part."""
        while self.read(CHUNK):
            pass
        return file_format.final_digest(self._hasher)


def _read_into(buffer: bytearray | memoryview, descriptor: int, position: int) -> None:
    """Fill `buffer` with the file's content from `position` on."""
    count = os.preadv(descriptor, [buffer], position)
    if count == len(buffer):
        return
    with memoryview(buffer) as view:
        while count < view.nbytes:
            more = os.preadv(descriptor, [view[count:]], position + count)
            if not more:
                raise ValueError("it became shorter while it was read")
            count += more


def _map_file(descriptor: int, size: int) -> memoryview | None:
    """Return the file as private writable memory; None where it must be read instead."""
    if not _WITHOUT_DESCRIPTOR and len(_maps) >= _MAX_MAPS:
        return None
    try:
        mapped = mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY, **_WITHOUT_DESCRIPTOR)
    except OSError:  # the file system cannot map files, or the process has no descriptor left
        return None
    _maps.add(mapped)
    return memoryview(mapped)
