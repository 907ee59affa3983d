"""Reading an entry's file."""

from __future__ import annotations

import io
import mmap
import os
import sys
import weakref
from typing import Any, Final

from foundations.adapters._shared.fs.files import CHUNK, memory_of
from foundations.adapters.filesystem.cache.compression import decompressed
from foundations.adapters.filesystem.cache.file_format import (
    CHANGED,
    MOST_SHARED,
    Digester,
    Frame,
    Head,
    beginning_of,
    digest_of,
    expected_head_length,
    parsed_head,
)
from foundations.ports.cache import CachedValue
from foundations.ports.frames import Buffer

READ_WHOLE: Final = 1 << 20
"""Bytes up to which an entry is read and verified as a whole; of a larger one most may be mapped as it is."""

WORTH_A_MAP: Final = 1 << 16
"""Bytes from which on a frame of a large entry is mapped."""

_FIRST_READ = 4096
_MOST_MAPS = 128  # each holds a descriptor, of which the user's code needs some too
_HOLDS_NO_DESCRIPTOR: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}
_maps: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()


def read_entry(key: str, descriptor: int, size: int, *, everything: bool) -> CachedValue:
    """Return the value in an entry's file, in memory of the caller's own.

    Args:
        key: What it should have been written under.
        descriptor: The file.
        size: Its length in bytes.
        everything: Read and verify every frame. Otherwise a large entry's large frames that lie there as they are, but
            for the first, are mapped, and as good as the disk is.

    Raises:
        ValueError: It is not what was written under `key`.
        OtherVersionError: It is of an earlier version's format.
        NotReadableHereError: What it was written with is not installed here.
        OSError: It could not be read.
    """
    if size <= READ_WHOLE:
        data = _whole(key, descriptor, size)
        head = parsed_head(key, data, data.nbytes)
        if size > head.end:  # a frame that is kept is not to keep others' entries
            data = memoryview(bytearray(data[: head.end]))
        return CachedValue(head.about, [_taken(data, frame, head.digester) for frame in head.frames])
    head, begun = _read_head(key, descriptor, size)
    frames: list[Buffer] = []
    mapped = None
    for number, frame in enumerate(head.frames):
        if frame.end <= len(begun):
            frames.append(_taken(begun, frame, head.digester))
            continue
        if number and frame.length >= WORTH_A_MAP and not (everything or frame.compressed):
            mapped = mapped or _mapped(descriptor, size)
            if mapped is not None:
                frames.append(mapped[frame.begin : frame.end])
                continue
        frames.append(_read_frame(_Part(descriptor, frame.start, frame.end, head.digester), frame))
    return CachedValue(head.about, frames)


def read_about(key: str, descriptor: int, size: int) -> bytes:
    """Return what is known about the value; arguments and errors are those of :func:`read_entry`."""
    return _read_head(key, descriptor, size)[0].about


def _read_head(key: str, descriptor: int, size: int) -> tuple[Head, memoryview]:
    """Return the head, and the beginning of the entry as far as it was read."""
    if size <= MOST_SHARED:
        data = _whole(key, descriptor, size)
        return parsed_head(key, data, data.nbytes), data
    data = _first(descriptor, _FIRST_READ)
    length = expected_head_length(data)
    if size >= length > data.nbytes:
        data = _first(descriptor, length)
    return parsed_head(key, data, size), data


def _whole(key: str, descriptor: int, size: int) -> memoryview:
    """Return a file from where the entry of `key` begins."""
    data = bytearray(size)
    _fill(descriptor, data, 0)
    return memoryview(data)[beginning_of(key, data) if size <= MOST_SHARED else 0 :]


def _first(descriptor: int, length: int) -> memoryview:
    data = bytearray(length)
    _fill(descriptor, data, 0)
    return memoryview(data)


def _taken(data: memoryview, frame: Frame, digester: Digester) -> Buffer:
    """Return a frame of the file whose content is `data`."""
    if digester.of(data[frame.start : frame.end]) != frame.digest:
        raise ValueError(CHANGED)
    content = data[frame.begin : frame.end]
    return decompressed(io.BytesIO(content), frame.length) if frame.compressed else content


def _read_frame(part: _Part, frame: Frame) -> Buffer:
    part.read(frame.begin - frame.start)
    if frame.compressed:
        view = decompressed(part, frame.length)
    else:
        view = memoryview(memory_of(frame.length))
        part.fill(view)
    if part.finished() != frame.digest:
        raise ValueError(CHANGED)
    return view


class _Part:
    """Reads a part of a file once, from its beginning to its end, and digests what goes by."""

    def __init__(self, descriptor: int, start: int, end: int, digester: Digester) -> None:
        self._descriptor = descriptor
        self._position = start
        self._end = end
        self._hashed = digester.begin(b"")

    def fill(self, view: memoryview) -> None:
        """Read as many bytes as `view` has."""
        for first in range(0, view.nbytes, CHUNK):
            piece = view[first : first + CHUNK]
            _fill(self._descriptor, piece, self._position)
            self._position += piece.nbytes
            self._hashed.update(piece)

    def read(self, size: int) -> bytearray:
        """Read up to `size` bytes, as a binary stream does."""
        data = bytearray(min(size, self._end - self._position))
        self.fill(memoryview(data))
        return data

    def finished(self) -> bytes:
        """Read the rest and return the digest of the whole part."""
        while self.read(CHUNK):
            pass
        return digest_of(self._hashed)


def _fill(descriptor: int, buffer: bytearray | memoryview, position: int) -> None:
    """Fill `buffer` with what lies from `position` on."""
    count = os.preadv(descriptor, [buffer], position)
    if count == len(buffer):
        return
    with memoryview(buffer) as view:
        while count < view.nbytes:
            more = os.preadv(descriptor, [view[count:]], position + count)
            if not more:
                raise ValueError("it became shorter while it was read")
            count += more


def _mapped(descriptor: int, size: int) -> memoryview | None:
    """Return the file as memory whose changes nobody else sees; None where it has to be read instead."""
    if not _HOLDS_NO_DESCRIPTOR and len(_maps) >= _MOST_MAPS:
        return None
    try:
        mapped = mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY, **_HOLDS_NO_DESCRIPTOR)
    except OSError:  # a file system that cannot, or no descriptor left
        return None
    _maps.add(mapped)
    return memoryview(mapped)
