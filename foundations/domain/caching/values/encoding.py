"""The encodings of Python's plain values as bytes: a tag, and then content that delimits itself.

No encoding is a prefix of another, so that a row of encodings can be read in one way only.
"""

from __future__ import annotations

import re
import struct
import sys
from array import array
from collections.abc import Callable, Sequence
from itertools import chain
from types import EllipsisType, NoneType, NotImplementedType
from typing import Any

from foundations.ports.frames import Buffer

INLINE_SIZE = 1024
"""The size in bytes up to which content is encoded as it is; longer content is encoded as its digest."""

BufferDigest = Callable[[Buffer], bytes]

_NAN = struct.pack("<d", float("nan"))
_PLAIN_FORMAT = re.compile(r"[@=<>!]?[0-9]*[xcbB?hHiIlLqQnNefdsp]")


def encode_count(number: int) -> bytes:
    """Return the 8 bytes of a number from 0 to 2**64 - 1."""
    return struct.pack("<Q", number)


def encode_blob(data: Buffer, digest: BufferDigest) -> bytes:
    """Return the encoding of contiguous bytes: the bytes themselves, or 32 bytes of digest where they are many."""
    size = data.nbytes if isinstance(data, memoryview) else len(data)
    if size <= INLINE_SIZE:
        return b"-" + encode_count(size) + data
    return b"+" + encode_count(size) + digest(data)


def _encode_integer(value: int) -> bytes:
    if -(2**63) <= value < 2**63:
        return b"i" + struct.pack("<q", value)
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"I" + encode_count(len(data)) + data


def _encode_float(value: float) -> bytes:
    return b"f" + (struct.pack("<d", value) if value == value else _NAN)


LEAF_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    NoneType: lambda value: b"N",
    EllipsisType: lambda value: b"Z",
    NotImplementedType: lambda value: b"0",
    bool: lambda value: b"T" if value else b"F",
    int: _encode_integer,
    float: _encode_float,
    complex: lambda value: b"c" + _encode_float(value.real) + _encode_float(value.imag),
}
"""The encoders of values that are short and have no parts, by type."""


def encode_text(value: str, digest: BufferDigest) -> bytes:
    """Return the encoding of a string, surrogates included."""
    return b"s" + encode_blob(value.encode("utf-8", "surrogatepass"), digest)


def _encode_bytes(value: bytes, digest: BufferDigest) -> bytes:
    return b"b" + encode_blob(value, digest)


def _encode_bytearray(value: bytearray, digest: BufferDigest) -> bytes:
    return b"y" + encode_blob(memoryview(value), digest)


def _encode_view(value: memoryview, digest: BufferDigest) -> bytes:
    if not _PLAIN_FORMAT.fullmatch(value.format):
        raise ValueError(f"its items have the unknown format {value.format!r}")
    shape = struct.pack(f"<Q{value.ndim}Q", value.ndim, *(value.shape or ()))
    return b"v" + encode_blob(value.format.encode(), digest) + shape + encode_blob(_flatten(value), digest)


def _encode_array(value: array[Any], digest: BufferDigest) -> bytes:
    kind = f"{value.typecode}{value.itemsize}{sys.byteorder}".encode()
    return b"a" + encode_blob(kind, digest) + encode_blob(_flatten(memoryview(value)), digest)


def encode_memory(tag: bytes, value: Any, digest: BufferDigest) -> bytes:
    """Return the encoding of an object that offers its memory as one buffer.

    Raises:
        ValueError: The object is closed, or has been released.
    """
    return tag + encode_blob(_flatten(memoryview(value)), digest)


def _flatten(view: memoryview) -> Buffer:
    if view.nbytes == 0:
        return b""
    return view.cast("B") if view.c_contiguous else view.tobytes()


BUFFER_ENCODERS: dict[type, Callable[[Any, BufferDigest], bytes]] = {
    bytes: _encode_bytes,
    bytearray: _encode_bytearray,
    memoryview: _encode_view,
    array: _encode_array,
}
"""The encoders of values that may be long and have no parts, by type; they raise ValueError where reading fails."""


def encode_uniform(values: Sequence[Any], digest: BufferDigest) -> bytes | None:
    """Return one encoding of values that are all of the same plain type; None where their types differ."""
    kinds = set(map(type, values))
    pack = _UNIFORM_ENCODERS.get(kinds.pop()) if len(kinds) == 1 else None
    return None if pack is None else pack(values, digest)


def _pack_integers(values: Sequence[int], digest: BufferDigest) -> bytes | None:
    try:
        return b"q" + encode_blob(struct.pack(f"<{len(values)}q", *values), digest)
    except struct.error:  # one is too large
        return None


def _pack_floats(values: Sequence[float], digest: BufferDigest) -> bytes:
    total = sum(values)
    if total != total:  # there may be a NaN, and every NaN counts as the same
        values = [value if value == value else float("nan") for value in values]
    return b"d" + encode_blob(struct.pack(f"<{len(values)}d", *values), digest)


def _pack_strings(values: Sequence[str], digest: BufferDigest) -> bytes:
    lengths = struct.pack(f"<{len(values)}Q", *map(len, values))
    return b"u" + encode_blob(lengths, digest) + encode_blob("".join(values).encode("utf-8", "surrogatepass"), digest)


def _pack_bytes(values: Sequence[bytes], digest: BufferDigest) -> bytes:
    lengths = struct.pack(f"<{len(values)}Q", *map(len, values))
    return b"w" + encode_blob(lengths, digest) + encode_blob(b"".join(values), digest)


_UNIFORM_ENCODERS: dict[type, Callable[[Any, BufferDigest], bytes | None]] = {
    bool: lambda values, digest: b"?" + encode_blob(bytes(values), digest),
    int: _pack_integers,
    float: _pack_floats,
    str: _pack_strings,
    bytes: _pack_bytes,
}


def encode_strings(values: Sequence[str], digest: BufferDigest) -> bytes:
    """Return the encoding of any number of strings."""
    return encode_count(len(values)) + _pack_strings(values, digest)


def join_encodings(parts: Sequence[bytes]) -> bytes:
    """Return the encoding of several values that are encoded already."""
    return b"".join(chain((encode_count(len(parts)),), parts))
