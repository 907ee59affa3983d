"""Gzip as our bundles use it (RFC 1952): members of compressed data, and of stored data, whose framing is fixed.

A stored member's bytes follow from its content alone, so a reader compares the framing with what it must be. ISA-L is
used where it is installed, zlib elsewhere: a job's own Python may have nothing else. Either reads what the other wrote.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any

from foundations.adapters._shared.bundle.buffer_reader import Pieces
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
_BLOCKS_AT_ONCE = 8
_SAMPLE = 2**16
_NOT_WORTH_IT = 0.97
_PIECE = 2**19

crc32: Callable[..., int] = _codec.crc32


def compressed(data: Buffer) -> bytes:
    """Return one gzip member that holds `data`, compressed where that makes it smaller."""
    return b"".join(compressed_parts(data))


def compressed_parts(data: Buffer) -> Sequence[Buffer]:
    """Return what :func:`compressed` does as buffers to write one after the other, parts of `data` among them."""
    view = memoryview(data)
    if len(view) >= 4 * _SAMPLE:
        middle = len(view) // 2
        sample = view[middle : middle + _SAMPLE]
        if len(_codec.compress(sample, _LEVEL)) > _NOT_WORTH_IT * _SAMPLE:
            return _stored_parts(view)
    made = _codec.compress(view, _LEVEL, _GZIP)
    _clear_registers()
    return [made]


def stored(data: Buffer) -> bytes:
    """Return one gzip member that holds `data` as it is."""
    return b"".join(_stored_parts(data))


def _stored_parts(data: Buffer) -> list[Buffer]:
    writer = StoredWriter()
    return [*writer.add([data]), *writer.close()]


class StoredWriter:
    """Frames content of any length as one stored gzip member."""

    def __init__(self) -> None:
        self._begun = False
        self._held: list[Buffer] = []
        self._length = 0
        self._crc = 0
        self._size = 0

    def add(self, buffers: Iterable[Buffer]) -> Iterator[Buffer]:
        """Take content; iterate over the bytes that can be written by now, parts of `buffers` among them."""
        if not self._begun:
            self._begun = True
            yield _HEADER
        for buffer in buffers:
            view = memoryview(buffer)
            self._crc = crc32(view, self._crc)
            self._size += len(view)
            while view:
                if self._length == _BLOCK:  # the last block may be a full one: it waits until it is known to be another
                    yield _block(_BLOCK, final=False)
                    yield from self._held
                    self._held = []
                    self._length = 0
                part = view[: _BLOCK - self._length]
                self._held.append(part)
                self._length += len(part)
                view = view[len(part) :]
        self._held = [b"".join(self._held)]  # whose buffers may hold something else by the next call
        _clear_registers()

    def close(self) -> Iterator[Buffer]:
        """Iterate over the bytes that end the member."""
        if not self._begun:
            yield _HEADER
        yield _block(self._length, final=True)
        yield from self._held
        yield _trailer(self._crc, self._size)


def stored_size(size: int) -> int:
    """Return how long a stored member with content of this size is."""
    return len(_HEADER) + 5 * max(1, -(-size // _BLOCK)) + size + 8


def read_stored(source: IO[bytes], size: int) -> Iterator[bytes]:
    """Iterate over the content of the stored member that lies next in `source`, in pieces of at most 512 KiB.

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
        inside = []
        for number in range(blocks):
            length = min(left, _BLOCK)
            left -= length
            begin = number * (5 + _BLOCK)
            if read[begin : begin + 5] != _block(length, final=left == 0):
                raise ValueError("a stored block is not framed as it is written")
            inside.append(read[begin + 5 : begin + 5 + length])
        content = b"".join(inside)  # which takes less time than whoever works with them takes for so many pieces
        crc = crc32(content, crc)
        _clear_registers()
        yield content
        if left == 0:
            break
    _expect(source, _trailer(crc, size))


def inflated(data: Iterable[Buffer]) -> Iterator[bytes]:
    """Iterate over the content of gzip members one after the other, in pieces of at most 512 KiB.

    Raises:
        ValueError: They are damaged, cut short, or followed by something else.
    """
    pieces = Pieces(data)
    while first := pieces.some(1):
        pieces.give_back([first])
        content = _stored_content(pieces)
        if content is None:
            yield from _decompressed(pieces)
        else:
            yield from content


def _stored_content(pieces: Pieces) -> list[bytes] | None:
    """Take the next member and return its content where :func:`stored` made it, of a chunk; otherwise take nothing.

    That is a fifth of the work of having it decompressed.
    """
    taken: list[memoryview] = []

    def following(count: int) -> list[memoryview]:
        found = pieces.take(count)
        taken.extend(found)
        return found

    content: list[bytes] = []
    inside: list[memoryview] = []
    blocks = crc = size = 0
    final = b"".join(following(len(_HEADER))) != _HEADER
    while not final:
        framing = b"".join(following(5))
        length = int.from_bytes(framing[1:3], "little")
        final = framing == _block(length, final=True)
        if not (final or framing == _block(_BLOCK, final=False)) or size + length > CHUNK:
            break
        inside += following(length)
        blocks += 1
        size += length
        if final or blocks % _BLOCKS_AT_ONCE == 0:
            content.append(b"".join(inside))
            crc = crc32(content[-1], crc)
            inside = []
        if final and b"".join(following(8)) == _trailer(crc, size):
            _clear_registers()
            return content
    pieces.give_back(taken)
    return None


def _decompressed(pieces: Pieces) -> Iterator[bytes]:
    """Take the next member and iterate over its content."""
    member = _codec.decompressobj(_GZIP)
    while not member.eof:
        waiting: Any = pieces.some(_BLOCK)
        if not waiting:
            raise ValueError("cut short")
        more = True
        while more and not member.eof:
            try:
                content = member.decompress(waiting, _PIECE)
            except (zlib.error, _codec.error) as error:
                raise ValueError(f"not gzip: {error}") from error
            _clear_registers()
            if content:
                yield content
            waiting = member.unconsumed_tail
            more = waiting or len(content) == _PIECE
    pieces.give_back([memoryview(member.unused_data)])


def _clear_registers() -> None:
    """Empty the vector registers, whose upper halves ISA-L leaves in use.

    As long as they are, SHA-256 takes a third longer in the same thread. SHA-512 empties them, in a microsecond, since
    OpenSSL's code for it ends with ``vzeroupper``, as the ABI of x86-64 asks.
    """
    if _codec is not zlib:
        hashlib.sha512().digest()


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
