"""The entries of our tar streams, as bytes that depend on nothing but what they say.

A reader makes the header that it expects and compares, so nothing in a stream has to be interpreted. They are made
here, since what ``tarfile`` writes differs between patch releases of Python.
"""

from __future__ import annotations

import struct

from foundations.ports.job_layout import Entry

BLOCK = 512
END = bytes(2 * BLOCK)
"""What closes a stream; nothing follows."""

_KINDS = {"file": b"0", "project": b"0", "link": b"2", "directory": b"5"}
_USTAR = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x")
_LONGEST = 100
_TOO_LARGE = 8**11


def header(entry: Entry) -> bytes:
    """Return the header of an entry: ustar, after pax records where ustar alone cannot tell it (POSIX.1-2001).

    Times are 0, and owners are nobody in particular: a bundle is not there to keep them.
    """
    path = entry.path + "/" if entry.kind == "directory" else entry.path
    target = entry.digest if entry.kind == "link" else ""
    kind = _KINDS[entry.kind]
    if len(path) <= _LONGEST and len(target) <= _LONGEST and entry.size < _TOO_LARGE and (path + target).isascii():
        return _ustar(path.encode(), kind, entry.size, entry.mode, target.encode())
    records = b"".join(
        _record(key, value)
        for key, value, needed in (
            (b"hdrcharset", b"BINARY", not _is_unicode(target)),
            (b"path", path.encode(), len(path) > _LONGEST or not path.isascii()),
            (b"linkpath", target.encode(errors="surrogateescape"), len(target) > _LONGEST or not target.isascii()),
            (b"size", b"%d" % entry.size, entry.size >= _TOO_LARGE),
        )
        if needed
    )
    size = 0 if entry.size >= _TOO_LARGE else entry.size
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


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _ustar(path: bytes, kind: bytes, size: int, mode: int, target: bytes) -> bytes:
    numbers = (b"%07o\0" % mode, b"0000000\0", b"0000000\0", b"%011o\0" % size, b"00000000000\0", b" " * 8)
    made = _USTAR.pack(path, *numbers, kind, target, b"ustar\x0000", b"", b"", b"", b"", b"")
    total = sum(made.translate(None, b"\0"))  # most of it are zeros, which take as long to add as others
    return b"%b%06o\0%b" % (made[:148], total, made[155:])


def _record(key: bytes, value: bytes) -> bytes:
    """Return a pax record, which begins with its own length in decimal."""
    rest = len(key) + len(value) + 3  # blank, equals sign, newline
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %b=%b\n" % (length, key, value)
