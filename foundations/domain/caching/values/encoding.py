"""How Python's plain values read as bytes: a tag, and then what tells by itself where it ends.

No encoding is the beginning of another, so that those of several values in a row read in one way only.
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

SMALL = 1024
"""Bytes up to which something stands for itself; of what is longer stands a digest."""

Digest = Callable[[Buffer], bytes]

_NAN = struct.pack("<d", float("nan"))
_PLAIN_FORMAT = re.compile(r"[@=<>!]?[0-9]*[xcbB?hHiIlLqQnNefdsp]")


def count(number: int) -> bytes:
    """Return the 8 bytes of a number from 0 to 2**64 - 1."""
    return struct.pack("<Q", number)


def blob(data: Buffer, digest: Digest) -> bytes:
    """Return the encoding of contiguous bytes, which have 16 bytes as their digest where there are many."""
    size = data.nbytes if isinstance(data, memoryview) else len(data)
    if size <= SMALL:
        return b"-" + count(size) + data
    return b"+" + count(size) + digest(data)


def _integer(value: int) -> bytes:
    if -(2**63) <= value < 2**63:
        return b"i" + struct.pack("<q", value)
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"I" + count(len(data)) + data


def _float(value: float) -> bytes:
    return b"f" + (struct.pack("<d", value) if value == value else _NAN)


LEAVES: dict[type, Callable[[Any], bytes]] = {
    NoneType: lambda value: b"N",
    EllipsisType: lambda value: b"Z",
    NotImplementedType: lambda value: b"0",
    bool: lambda value: b"T" if value else b"F",
    int: _integer,
    float: _float,
    complex: lambda value: b"c" + _float(value.real) + _float(value.imag),
}
"""What encodes values that are short and have no parts."""


def text(value: str, digest: Digest) -> bytes:
    """Return the encoding of a string, surrogates included."""
    return b"s" + blob(value.encode("utf-8", "surrogatepass"), digest)


def _bytes(value: bytes, digest: Digest) -> bytes:
    return b"b" + blob(value, digest)


def _bytearray(value: bytearray, digest: Digest) -> bytes:
    return b"y" + blob(memoryview(value), digest)


def _view(value: memoryview, digest: Digest) -> bytes:
    if not _PLAIN_FORMAT.fullmatch(value.format):
        raise ValueError(f"items of the format {value.format!r} are not known")
    shape = struct.pack(f"<Q{value.ndim}Q", value.ndim, *(value.shape or ()))
    return b"v" + blob(value.format.encode(), digest) + shape + blob(_flat(value), digest)


def _array(value: array[Any], digest: Digest) -> bytes:
    kind = f"{value.typecode}{value.itemsize}{sys.byteorder}".encode()
    return b"a" + blob(kind, digest) + blob(_flat(memoryview(value)), digest)


def raw(tag: bytes, value: Any, digest: Digest) -> bytes:
    """Return the encoding of what offers its memory as one buffer.

    Raises:
        ValueError: It is closed, or has been released.
    """
    return tag + blob(_flat(memoryview(value)), digest)


def _flat(view: memoryview) -> Buffer:
    if view.nbytes == 0:
        return b""
    return view.cast("B") if view.c_contiguous else view.tobytes()


BUFFERS: dict[type, Callable[[Any, Digest], bytes]] = {
    bytes: _bytes,
    bytearray: _bytearray,
    memoryview: _view,
    array: _array,
}
"""What encodes values that may be long and have no parts; it raises ValueError where it cannot."""


def packed(values: Sequence[Any], digest: Digest) -> bytes | None:
    """Return one encoding of values that are all of the same plain type; None where they are not."""
    kinds = set(map(type, values))
    pack = _PACKS.get(kinds.pop()) if len(kinds) == 1 else None
    return None if pack is None else pack(values, digest)


def _pack_integers(values: Sequence[int], digest: Digest) -> bytes | None:
    try:
        return b"q" + blob(struct.pack(f"<{len(values)}q", *values), digest)
    except struct.error:  # one is too large
        return None


def _pack_floats(values: Sequence[float], digest: Digest) -> bytes:
    total = sum(values)
    if total != total:  # there may be a NaN, and all are the same
        values = [value if value == value else float("nan") for value in values]
    return b"d" + blob(struct.pack(f"<{len(values)}d", *values), digest)


def _pack_strings(values: Sequence[str], digest: Digest) -> bytes:
    lengths = struct.pack(f"<{len(values)}Q", *map(len, values))
    return b"u" + blob(lengths, digest) + blob("".join(values).encode("utf-8", "surrogatepass"), digest)


def _pack_bytes(values: Sequence[bytes], digest: Digest) -> bytes:
    lengths = struct.pack(f"<{len(values)}Q", *map(len, values))
    return b"w" + blob(lengths, digest) + blob(b"".join(values), digest)


_PACKS: dict[type, Callable[[Any, Digest], bytes | None]] = {
    bool: lambda values, digest: b"?" + blob(bytes(values), digest),
    int: _pack_integers,
    float: _pack_floats,
    str: _pack_strings,
    bytes: _pack_bytes,
}


def strings(values: Sequence[str], digest: Digest) -> bytes:
    """Return the encoding of several strings, none included."""
    return count(len(values)) + _pack_strings(values, digest)


def joined(parts: Sequence[bytes]) -> bytes:
    """Return the encoding of several encodings, each complete in itself."""
    return b"".join(chain((count(len(parts)),), parts))
