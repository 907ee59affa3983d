"""The headers of our tar streams, whose bytes depend on the entry alone.

A reader creates the header that it expects and compares it with the stream, so it interprets nothing in the stream.
``tarfile`` is not used, because the headers that it writes differ between patch releases of Python.
"""

from __future__ import annotations

import struct

from foundations.ports.job_layout import Entry

BLOCK = 512
END = bytes(2 * BLOCK)
"""The end of a stream; nothing follows."""

_KINDS = {"file": b"0", "project": b"0", "link": b"2", "directory": b"5"}
_USTAR = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x")
_MAX_USTAR_NAME = 100
_MAX_USTAR_SIZE = 8**11 - 1


def header(entry: Entry) -> bytes:
    """Return the header of an entry in the ustar format, behind pax records where ustar cannot express it.

    Both formats are those of POSIX.1-2001.

    Times are 0 and owners are empty: a bundle does not preserve them.
    """
    path = entry.path + "/" if entry.kind == "directory" else entry.path
    target = entry.digest if entry.kind == "link" else ""
    kind = _KINDS[entry.kind]
    if _fits_ustar(path) and _fits_ustar(target) and entry.size <= _MAX_USTAR_SIZE:
        return _ustar(path.encode(), kind, entry.size, entry.mode, target.encode())
    records = b"".join(
        _pax_record(key, value)
        for key, value, needed in (
            (b"hdrcharset", b"BINARY", not _is_unicode(target)),
            (b"path", path.encode(), not _fits_ustar(path)),
            (b"linkpath", target.encode(errors="surrogateescape"), not _fits_ustar(target)),
            (b"size", b"%d" % entry.size, entry.size > _MAX_USTAR_SIZE),
        )
        if needed
    )
    size = 0 if entry.size > _MAX_USTAR_SIZE else entry.size
    return b"".join(
        (
            _ustar(b"././@PaxHeader", b"x", len(records), 0o644, b""),
            records,
            bytes(padding(len(records))),
            _ustar(path.encode("ascii", "replace"), kind, size, entry.mode, target.encode("ascii", "replace")),
        )
    )


def padding(size: int) -> int:
    """Return how many zero bytes follow content of this size."""
    return -size % BLOCK


def _fits_ustar(name: str) -> bool:
    return len(name) <= _MAX_USTAR_NAME and name.isascii()


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _ustar(path: bytes, kind: bytes, size: int, mode: int, target: bytes) -> bytes:
    numbers = (b"%07o\0" % mode, b"0000000\0", b"0000000\0", b"%011o\0" % size, b"00000000000\0", b" " * 8)
    block = _USTAR.pack(path, *numbers, kind, target, b"ustar\x0000", b"", b"", b"", b"", b"")
    checksum = sum(block.translate(None, b"\0"))  # without the zeros, which are most of it and take as long to add
    return b"%b%06o\0%b" % (block[:148], checksum, block[155:])


def _pax_record(key: bytes, value: bytes) -> bytes:
    """Return a pax record, which begins with its own length in decimal."""
    rest = len(key) + len(value) + 3  # blank, equals sign, newline
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %b=%b\n" % (length, key, value)
