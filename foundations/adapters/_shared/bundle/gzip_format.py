"""Gzip as our bundles use it (RFC 1952): members of compressed data, and members of stored data.

The bytes of a stored member depend on its content alone, so a reader knows the framing and compares it. ISA-L is used
where it is installed, zlib elsewhere, since a job's own Python may have nothing else. Each reads what the other wrote.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any

from foundations.adapters._shared.bundle.buffer_reader import BufferReader
from foundations.ports.frames import Buffer

try:
    from isal import isal_zlib
except ImportError:  # a bare Python that runs a job
    isal_zlib = None  # type: ignore[assignment]

CHUNK = 2**21
"""The largest content of a compressed member, in bytes, and so the memory that it takes."""

_codec: Any = isal_zlib or zlib
_GZIP = 31  # zlib's number for the gzip format with the largest window
_LEVEL = 2 if _codec is not zlib else 1  # the next level takes 50 % longer and saves 2 % of the size
_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_BLOCK = 65_535
_BLOCKS_PER_READ = 8
_SAMPLE = 2**16
_MAX_WORTHWHILE_RATIO = 0.97
_MAX_OUTPUT = 2**19

crc32: Callable[..., int] = _codec.crc32


def compress_to_buffers(data: Buffer) -> Sequence[Buffer]:
    """Return a gzip member with the content `data`, compressed where that makes it smaller.

    It is returned as buffers, some of which may be parts of `data`.
    """
    view = memoryview(data)
    if len(view) >= 4 * _SAMPLE:
        middle = len(view) // 2
        sample = view[middle : middle + _SAMPLE]
        if len(_codec.compress(sample, _LEVEL)) > _MAX_WORTHWHILE_RATIO * _SAMPLE:
            return _store_to_buffers(view)
    member = _codec.compress(view, _LEVEL, _GZIP)
    _clear_registers()
    return [member]


def store_member(data: Buffer) -> bytes:
    """Return a gzip member with the content `data`, which is not compressed."""
    return b"".join(_store_to_buffers(data))


def _store_to_buffers(data: Buffer) -> list[Buffer]:
    writer = StoredWriter()
    return [*writer.add([data]), *writer.close()]


class StoredWriter:
    """Frames content of any length as one stored gzip member."""

    def __init__(self) -> None:
        self._has_begun = False
        self._block: list[Buffer] = []
        self._length = 0
        self._crc = 0
        self._size = 0

    def add(self, buffers: Iterable[Buffer]) -> Iterator[Buffer]:
        """Add content; iterate over the bytes that can be written by now, some of which are parts of `buffers`."""
        if not self._has_begun:
            self._has_begun = True
            yield _HEADER
        for buffer in buffers:
            view = memoryview(buffer)
            self._crc = crc32(view, self._crc)
            self._size += len(view)
            while view:
                if self._length == _BLOCK:  # a full block is written when more follows, as it may be the last one
                    yield _block_header(_BLOCK, final=False)
                    yield from self._block
                    self._block = []
                    self._length = 0
                part = view[: _BLOCK - self._length]
                self._block.append(part)
                self._length += len(part)
                view = view[len(part) :]
        self._block = [b"".join(self._block)]  # copied, because the caller may reuse the buffers
        _clear_registers()

    def close(self) -> Iterator[Buffer]:
        """Iterate over the bytes that end the member."""
        if not self._has_begun:
            yield _HEADER
        yield _block_header(self._length, final=True)
        yield from self._block
        yield _trailer(self._crc, self._size)


def stored_size(size: int) -> int:
    """Return the size of a stored member whose content has `size` bytes."""
    return len(_HEADER) + 5 * max(1, -(-size // _BLOCK)) + size + 8


def read_stored(source: IO[bytes], size: int) -> Iterator[bytes]:
    """Iterate over the content of the next member of `source`, a stored one, in chunks of at most 512 KiB.

    Args:
        source: The file, at the beginning of the member.
        size: The size of the content in bytes.

    Raises:
        ValueError: The member's bytes are not those that :func:`store_member` returns for this content.
    """
    _expect(source, _HEADER)
    crc = 0
    left = size
    while True:
        count = min(left, _BLOCKS_PER_READ * _BLOCK)
        blocks = max(1, -(-count // _BLOCK))
        data = memoryview(source.read(count + 5 * blocks))
        if len(data) != count + 5 * blocks:
            raise ValueError("cut short")
        parts = []
        for number in range(blocks):
            length = min(left, _BLOCK)
            left -= length
            begin = number * (5 + _BLOCK)
            if data[begin : begin + 5] != _block_header(length, final=left == 0):
                raise ValueError("a stored block is not framed as it is written")
            parts.append(data[begin + 5 : begin + 5 + length])
        content = b"".join(parts)  # joining takes less time than the caller would need for so many parts
        crc = crc32(content, crc)
        _clear_registers()
        yield content
        if left == 0:
            break
    _expect(source, _trailer(crc, size))


def decompress_members(data: Iterable[Buffer]) -> Iterator[bytes]:
    """Iterate over the content of consecutive gzip members, in chunks of at most 512 KiB.

    Raises:
        ValueError: The members are damaged, cut short, or followed by something else.
    """
    reader = BufferReader(data)
    while first := reader.read_some(1):
        reader.unread([first])
        content = _read_stored_chunk(reader)
        if content is None:
            yield from _decompress_member(reader)
        else:
            yield from content


def _read_stored_chunk(reader: BufferReader) -> list[bytes] | None:
    """Read the next member and return its content, where :func:`store_member` wrote it; otherwise read nothing.

    The content has at most the size of a chunk. This takes a fifth of the time of decompressing the member.
    """
    views: list[memoryview] = []

    def read(count: int) -> list[memoryview]:
        new = reader.read(count)
        views.extend(new)
        return new

    content: list[bytes] = []
    parts: list[memoryview] = []
    blocks = crc = size = 0
    final = b"".join(read(len(_HEADER))) != _HEADER
    while not final:
        framing = b"".join(read(5))
        length = int.from_bytes(framing[1:3], "little")
        final = framing == _block_header(length, final=True)
        if not (final or framing == _block_header(_BLOCK, final=False)) or size + length > CHUNK:
            break
        parts += read(length)
        blocks += 1
        size += length
        if final or blocks % _BLOCKS_PER_READ == 0:
            content.append(b"".join(parts))
            crc = crc32(content[-1], crc)
            parts = []
        if final and b"".join(read(8)) == _trailer(crc, size):
            _clear_registers()
            return content
    reader.unread(views)
    return None


def _decompress_member(reader: BufferReader) -> Iterator[bytes]:
    """Read the next member and iterate over its content."""
    member = _codec.decompressobj(_GZIP)
    while not member.eof:
        data: Any = reader.read_some(_BLOCK)
        if not data:
            raise ValueError("cut short")
        has_more = True
        while has_more and not member.eof:
            try:
                content = member.decompress(data, _MAX_OUTPUT)
            except (zlib.error, _codec.error) as error:
                raise ValueError(f"not gzip: {error}") from error
            _clear_registers()
            if content:
                yield content
            data = member.unconsumed_tail
            has_more = data or len(content) == _MAX_OUTPUT
    reader.unread([memoryview(member.unused_data)])


def _clear_registers() -> None:
    """Clear the vector registers, whose upper halves ISA-L leaves in use.

    While they are in use, SHA-256 takes a third longer in the same thread. SHA-512 clears them within a microsecond:
    OpenSSL's code for it ends with ``vzeroupper``, as the ABI of x86-64 requires.
    """
    if _codec is not zlib:
        hashlib.sha512().digest()


def _expect(source: IO[bytes], expected: bytes) -> None:
    if source.read(len(expected)) != expected:
        raise ValueError("a stored member is not framed as it is written")


def _block_header(length: int, *, final: bool) -> bytes:
    return struct.pack("<BHH", final, length, length ^ 0xFFFF)


def _trailer(crc: int, size: int) -> bytes:
    return struct.pack("<II", crc, size & 0xFFFFFFFF)
