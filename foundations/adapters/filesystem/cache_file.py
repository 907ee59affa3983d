"""The file of a cache entry.

Layout, all integers little-endian and unsigned:

| bytes      | what                                                                                                    |
| ---------- | ------------------------------------------------------------------------------------------------------- |
| 8          | the magic ``FNDCACH2``                                                                                  |
| 16         | the digest of all that follows, up to the first frame                                                   |
| 1, 1, 2    | the digests' algorithm; the key's length; zeros                                                         |
| 4, 4       | the length of what is known about the value; the number of frames                                       |
|            | the key                                                                                                 |
| 32 a frame | its length; the bytes it takes here where it is compressed, otherwise 0; its digest                     |
|            | what is known about the value                                                                           |
|            | the frames, each after as many zeros, digested with it, as bring it to a multiple of 64 bytes           |

Digests are XXH3-128 or, where a job's own Python lacks xxhash, the first 16 bytes of SHA-256. They find accidents, and
need not withstand anybody who could write the file: that is nobody but the user.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from foundations.ports.frames import ALIGNMENT, Buffer

CHANGED: Final = "it is not as it was written"
"""Why an entry is refused whose content has another digest."""

_MAGIC = b"FNDCACH2"
_FORMER_MAGIC = b"FNDCACH1"
_FIXED = struct.Struct("<8s16sBBHII")
_FRAME = struct.Struct("<QQ16s")
_DIGESTED_FROM = 24
_DIGEST_SIZE = 16
_XXH3, _SHA256 = 1, 2

Hasher = Callable[[Buffer], Any]


class OtherVersionError(Exception):
    """The entry was written by an earlier release, in a format that is read no more."""


class NotReadableHereError(Exception):
    """The entry may be good, but this Python lacks what reads it; the message says what."""


class Frame(NamedTuple):
    """Where a frame lies: the zeros before it from ``start``, itself from ``begin`` to ``end``."""

    start: int
    begin: int
    end: int
    length: int
    compressed: bool
    digest: bytes


class Head(NamedTuple):
    """What an entry's file says before its frames."""

    hasher: Hasher
    about: bytes
    frames: list[Frame]


def head_length(key: str, frames: int, about: bytes) -> int:
    """Return how many bytes lie before the first frame."""
    return _FIXED.size + len(key) + frames * _FRAME.size + len(about)


def packed_head(key: str, frames: Sequence[tuple[int, int, bytes]], about: bytes) -> bytes:
    """Return what lies before the first frame.

    Args:
        key: The key, of ASCII characters.
        frames: Of each its length, the bytes it takes where it is compressed, otherwise 0, and its digest.
        about: What is known about the value.
    """
    algorithm = _own_algorithm()
    table = [_FRAME.pack(*frame) for frame in frames]
    fixed = _FIXED.pack(_MAGIC, b"", algorithm, len(key), 0, len(about), len(frames))
    digested = b"".join([fixed[_DIGESTED_FROM:], key.encode(), *table, about])
    return _MAGIC + digest_of(_hasher(algorithm)(digested)) + digested


def expected_head_length(data: bytearray) -> int:
    """Return how many bytes lie before the first frame of a file that begins with `data`.

    Raises:
        ValueError: It is no entry's.
        OtherVersionError: It is of an earlier version's format.
    """
    _, _, end, _, _ = _beginning(data)
    return end


def parsed_head(key: str, data: bytearray, size: int) -> Head:
    """Return what a file of `size` bytes that begins with `data` says.

    Raises:
        ValueError: It is not what was written under `key`.
        OtherVersionError: It is of an earlier version's format.
        NotReadableHereError: What it was digested with is not installed here.
    """
    digest, algorithm, end, of_key, count = _beginning(data)
    if end > len(data):
        raise ValueError("it is shorter than it was written")
    hasher = _hasher(algorithm)
    if digest_of(hasher(memoryview(data)[_DIGESTED_FROM:end])) != digest:
        raise ValueError(CHANGED)
    table = _FIXED.size + of_key
    if data[_FIXED.size : table] != key.encode():
        raise ValueError("it was written under another key")
    known = table + count * _FRAME.size
    frames = []
    position = end
    for length, compressed, digest in _FRAME.iter_unpack(data[table:known]):
        begin = position + -position % ALIGNMENT
        frame = Frame(position, begin, begin + (compressed or length), length, compressed > 0, digest)
        frames.append(frame)
        position = frame.end
    if position != size:
        raise ValueError(f"it has {size} bytes, and was written with {position}")
    return Head(hasher, bytes(data[known:end]), frames)


def _beginning(data: bytearray) -> tuple[bytes, int, int, int, int]:
    """Return the digest, the algorithm, the length of the head, that of the key, and the number of frames."""
    if data[:8] == _FORMER_MAGIC:
        raise OtherVersionError
    if len(data) < _FIXED.size or data[:8] != _MAGIC:
        raise ValueError("it does not begin as a cache entry does")
    _, digest, algorithm, of_key, _, of_about, count = _FIXED.unpack_from(data)
    return digest, algorithm, _FIXED.size + of_key + count * _FRAME.size + of_about, of_key, count


def own_hasher() -> Hasher:
    """Return what begins a digest of an entry that is written here."""
    return _hasher(_own_algorithm())


def digest_of(hashed: Any) -> bytes:
    """Return the 16 bytes that stand for what was hashed."""
    return bytes(hashed.digest()[:_DIGEST_SIZE])


@cache
def _own_algorithm() -> int:
    try:
        _hasher(_XXH3)
    except NotReadableHereError:
        return _SHA256
    return _XXH3


@cache
def _hasher(algorithm: int) -> Hasher:
    if algorithm == _XXH3:
        try:
            from xxhash import xxh3_128
        except ImportError as error:
            raise NotReadableHereError("xxhash is not installed here: pip install xxhash") from error
        return xxh3_128
    if algorithm == _SHA256:
        from hashlib import sha256

        return sha256
    raise ValueError(CHANGED)
