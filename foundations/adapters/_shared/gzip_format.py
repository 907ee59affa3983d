"""Gzip as our bundles use it (RFC 1952): members of compressed data, and of stored data, whose framing is fixed.

A stored member's bytes follow from its content alone, so a reader compares the framing with what it must be. ISA-L is
used where it is installed, zlib elsewhere: a job's own Python may have nothing else. Either reads what the other wrote.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

from foundations.ports.frames import Buffer

try:
    from isal import isal_zlib
except ImportError:  # a bare Python that runs a job
    isal_zlib = None  # type: ignore[assignment]

CHUNK = 2**21
"""The most bytes of content in one compressed member, and so what is held in memory of it."""

_codec: Any = isal_zlib or zlib
_GZIP = 31  # zlib's number for the gzip format with the largest window
_LEVEL = 2 if _codec is not zlib else 1  # the next takes half as long again for a fiftieth less
_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_BLOCK = 65_535
_BLOCKS_AT_ONCE = 64
_SAMPLE = 2**16
_NOT_WORTH_IT = 0.97
_PIECE = 2**20

crc32: Callable[..., int] = _codec.crc32


def compressed(data: Buffer) -> bytes:
    """Return one gzip member that holds `data`, compressed where that makes it smaller."""
    view = memoryview(data)
    if view.nbytes >= 4 * _SAMPLE:
        middle = view.nbytes // 2
        sample = view[middle : middle + _SAMPLE]
        if len(_codec.compress(sample, _LEVEL)) > _NOT_WORTH_IT * _SAMPLE:
            return stored(view)
    made: bytes = _codec.compress(view, _LEVEL, _GZIP)
    return made


def stored(data: Buffer) -> bytes:
    """Return one gzip member that holds `data` as it is."""
    writer = StoredWriter()
    return b"".join([*writer.add(data), *writer.close()])


class StoredWriter:
    """Frames content of any length as one stored gzip member."""

    def __init__(self) -> None:
        self._begun = False
        self._held = b""
        self._crc = 0
        self._size = 0

    def add(self, data: Buffer) -> Iterator[Buffer]:
        """Take content; iterate over the bytes that can be written by now, parts of `data` among them."""
        view = memoryview(data)
        if not self._begun:
            self._begun = True
            yield _HEADER
        self._crc = crc32(view, self._crc)
        self._size += view.nbytes
        if self._held:  # the last block is shorter or full; until it is known to be another, it waits
            missing = _BLOCK - len(self._held)
            self._held += bytes(view[:missing])
            view = view[missing:]
            if not view.nbytes:
                return
            yield _block(_BLOCK, final=False)
            yield self._held
        full = max(0, (view.nbytes - 1) // _BLOCK)
        for number in range(full):
            yield _block(_BLOCK, final=False)
            yield view[number * _BLOCK : (number + 1) * _BLOCK]
        self._held = bytes(view[full * _BLOCK :])

    def close(self) -> Iterator[Buffer]:
        """Iterate over the bytes that end the member."""
        if not self._begun:
            yield _HEADER
        yield _block(len(self._held), final=True)
        yield self._held
        yield _trailer(self._crc, self._size)


def stored_size(size: int) -> int:
    """Return how long a stored member with content of this size is."""
    return len(_HEADER) + 5 * max(1, -(-size // _BLOCK)) + size + 8


def read_stored(source: IO[bytes], size: int) -> Iterator[memoryview]:
    """Iterate over the content of the stored member that lies next in `source`.

    Args:
        source: Where it lies.
        size: How many bytes of content it has.

    Raises:
        ValueError: It is not the only such member there is with this content.
    """
    _expect(source, _HEADER)
    crc = 0
    left = size
    while True:
        count = min(left, _BLOCKS_AT_ONCE * _BLOCK)
        blocks = max(1, -(-count // _BLOCK))
        read = memoryview(_exactly(source, count + 5 * blocks))
        for number in range(blocks):
            length = min(left, _BLOCK)
            left -= length
            begin = number * (5 + _BLOCK)
            if read[begin : begin + 5] != _block(length, final=left == 0):
                raise ValueError("a stored block is not framed as it is written")
            content = read[begin + 5 : begin + 5 + length]
            crc = crc32(content, crc)
            yield content
        if left == 0:
            break
    _expect(source, _trailer(crc, size))


def inflated(data: Iterable[Buffer]) -> Iterator[bytes]:
    """Iterate over the content of a run of gzip members, in pieces of at most 1 MiB.

    Raises:
        ValueError: They are damaged, cut short, or followed by something else.
    """
    member: Any = None
    try:
        for piece in data:
            waiting: Any = piece
            while True:
                if member is None:
                    if not len(waiting):
                        break
                    member = _codec.decompressobj(_GZIP)
                content = member.decompress(waiting, _PIECE)
                if content:
                    yield content
                if member.eof:
                    waiting, member = member.unused_data, None
                    continue
                waiting = member.unconsumed_tail
                if not waiting and len(content) < _PIECE:
                    break
    except (zlib.error, _codec.error) as error:
        raise ValueError(f"not gzip: {error}") from error
    if member is not None:
        raise ValueError("cut short")


def _expect(source: IO[bytes], wanted: bytes) -> None:
    if source.read(len(wanted)) != wanted:
        raise ValueError("a stored member is not framed as it is written")


def _exactly(source: IO[bytes], count: int) -> bytes:
    data = source.read(count)
    if len(data) != count:
        raise ValueError("cut short")
    return data


def _block(length: int, *, final: bool) -> bytes:
    return struct.pack("<BHH", final, length, length ^ 0xFFFF)


def _trailer(crc: int, size: int) -> bytes:
    return struct.pack("<II", crc, size & 0xFFFFFFFF)
