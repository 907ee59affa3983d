"""The format of a cache entry's file.

Layout, all integers little-endian and unsigned:

| bytes        | content                                                                                               |
| ------------ | ----------------------------------------------------------------------------------------------------- |
| 8            | the magic ``FNDCACH2``                                                                                |
| 16           | the digest of everything between this field and the first frame                                       |
| 1, 1, 2      | the digests' algorithm; the key's length; 1 in a file of several entries, otherwise 0                 |
| 4, 4         | the length of the metadata; the number of frames                                                      |
|              | the key                                                                                               |
| 32 per frame | the frame's length; the bytes it takes in the file where it is compressed, otherwise 0; its digest    |
|              | the metadata                                                                                          |
|              | the frames, each behind zeros up to a multiple of 64 bytes; a frame's digest covers these zeros       |

A file of up to 4 KiB may hold several entries, each at a multiple of 64 bytes; the magic occurs in it only at the
beginning of an entry. The bytes behind an entry do not belong to it.

Digests are XXH3-128 or, where a job's own Python lacks xxhash, the first 16 bytes of SHA-256. They detect accidents,
and need not resist an attacker: nobody but the user can write the file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from foundations.ports.frames import ALIGNMENT, Buffer

CHANGED: Final = "it is not as it was written"
"""The reason for refusing an entry whose content has another digest."""

MAX_SHARED_FILE: Final = 1 << 12
"""The largest size of a file of several entries, in bytes: most file systems allocate as much for any file."""

MAGIC: Final = b"FNDCACH2"
"""The first bytes of an entry."""

_FORMER_MAGIC = b"FNDCACH1"
_FIXED = struct.Struct("<8s16sBBHII")
_FRAME = struct.Struct("<QQ16s")
_DIGESTED_FROM = 24
_KEY_LENGTH_AT = 25
_SHARES_FILE_AT = 26
_DIGEST_SIZE = 16
_XXH3, _SHA256 = 1, 2


class Digester(NamedTuple):
    """An algorithm for digests.

    Attributes:
        start: Returns a hash object that has digested some bytes, as the constructors of hashlib do.
        digest: Returns the digest of bytes.
    """

    start: Callable[[Buffer], Any]
    digest: Callable[[Buffer], bytes]


class FormerVersionError(Exception):
    """The entry was written by an earlier release, in a format that is no longer read."""


class MissingLibraryError(Exception):
    """The entry may be good, but this Python lacks the library that reads it; the message names the library."""


class Frame(NamedTuple):
    """The position of a frame: the zeros before it begin at ``start``, the frame lies from ``begin`` to ``end``."""

    start: int
    begin: int
    end: int
    length: int
    compressed: bool
    digest: bytes


class Head(NamedTuple):
    """The content of an entry's head, which precedes the frames; ``end`` is the end of the entry."""

    digester: Digester
    metadata: bytes
    frames: list[Frame]
    end: int


class _Fields(NamedTuple):
    """The fixed fields of a head."""

    magic: bytes
    digest: bytes
    algorithm: int
    key_length: int
    shares_file: int
    metadata_length: int
    frame_count: int

    @property
    def head_length(self) -> int:
        return _FIXED.size + self.key_length + self.frame_count * _FRAME.size + self.metadata_length


def head_length(key: str, frames: int, metadata: bytes) -> int:
    """Return the number of bytes before the first frame."""
    return _FIXED.size + len(key) + frames * _FRAME.size + len(metadata)


def pack_head(
    key: str, frames: Sequence[tuple[int, int, bytes]], metadata: bytes, *, shares_file: bool = False
) -> bytes:
    """Return the bytes before the first frame.

    Args:
        key: The key, of ASCII characters.
        frames: For each frame its length, the bytes it takes where it is compressed, otherwise 0, and its digest.
        metadata: The value's metadata.
        shares_file: Whether the entry lies in a file of several.
    """
    algorithm = _default_algorithm()
    table = [_FRAME.pack(*frame) for frame in frames]
    fixed = _FIXED.pack(MAGIC, b"", algorithm, len(key), shares_file, len(metadata), len(frames))
    digested = b"".join([fixed[_DIGESTED_FROM:], key.encode(), *table, metadata])
    return MAGIC + _digester(algorithm).digest(digested) + digested


def find_entry(key: str, data: bytearray) -> int:
    """Return the position of the entry of `key` in a file of several; 0 where it is missing, and in any other file."""
    encoded = key.encode()
    length = len(encoded)
    begin = 0
    while not (data.startswith(encoded, begin + _FIXED.size) and data[begin + _KEY_LENGTH_AT] == length):
        begin = data.find(MAGIC, begin + _FIXED.size)
        if begin < 0 or not data[_SHARES_FILE_AT]:
            return 0
    return begin


def expected_head_length(data: memoryview) -> int:
    """Return the number of bytes before the first frame of a file that begins with `data`.

    Raises:
        ValueError: The file is not an entry.
        FormerVersionError: It has an earlier version's format.
    """
    return _parse_fields(data).head_length


def parse_head(key: str, data: memoryview, size: int) -> Head:
    """Return the head of the entry at the beginning of `data`; the file has `size` bytes from there to its end.

    Raises:
        ValueError: The entry is not what was written under `key`.
        FormerVersionError: It has an earlier version's format.
        MissingLibraryError: The library for its digests is not installed here.
    """
    fields = _parse_fields(data)
    end = fields.head_length
    if end > len(data):
        raise ValueError("the file is truncated")
    digester = _digester(fields.algorithm)
    if digester.digest(data[_DIGESTED_FROM:end]) != fields.digest:
        raise ValueError(CHANGED)
    table_begin = _FIXED.size + fields.key_length
    if bytes(data[_FIXED.size : table_begin]) != key.encode():
        raise ValueError("it was written under another key")
    table_end = end - fields.metadata_length
    frames = []
    position = end
    for length, compressed, digest in _FRAME.iter_unpack(data[table_begin:table_end]):
        begin = position + -position % ALIGNMENT
        frame_end = begin + (compressed or length)
        frames.append(Frame(position, begin, frame_end, length, compressed > 0, digest))
        position = frame_end
    if position > size or (position < size and size > MAX_SHARED_FILE):
        raise ValueError(f"it has {size} bytes, and was written with {position}")
    return Head(digester, bytes(data[table_end:end]), frames, position)


def _parse_fields(data: memoryview) -> _Fields:
    if len(data) >= _FIXED.size:
        fields = _Fields._make(_FIXED.unpack_from(data))
        if fields.magic == MAGIC:
            return fields
    if data[:8] == _FORMER_MAGIC:
        raise FormerVersionError
    raise ValueError("the file does not begin with the header of a cache entry")


def default_digester() -> Digester:
    """Return the digester for entries that are written here."""
    return _digester(_default_algorithm())


def final_digest(hasher: Any) -> bytes:
    """Return the 16-byte digest of the bytes that `hasher` was given."""
    return bytes(hasher.digest()[:_DIGEST_SIZE])


@cache
def _default_algorithm() -> int:
    try:
        _digester(_XXH3)
    except MissingLibraryError:
        return _SHA256
    return _XXH3


@cache
def _digester(algorithm: int) -> Digester:
    if algorithm == _XXH3:
        try:
            from xxhash import xxh3_128, xxh3_128_digest
        except ImportError as error:
            raise MissingLibraryError("xxhash is not installed here: pip install xxhash") from error
        return Digester(xxh3_128, xxh3_128_digest)
    if algorithm == _SHA256:
        from hashlib import sha256

        return Digester(sha256, lambda data: final_digest(sha256(data)))
    raise ValueError(CHANGED)
