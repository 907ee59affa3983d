"""Writing an entry's file."""

from __future__ import annotations

import os
from collections.abc import Sequence

from foundations.adapters._shared.files import write_all
from foundations.adapters.filesystem.cache_file import digest_of, head_length, own_hasher, packed_head
from foundations.adapters.filesystem.compression import WORTH_COMPRESSING, compressed
from foundations.ports.frames import ALIGNMENT, Buffer


def write_entry(descriptor: int, key: str, value: Sequence[Buffer], about: bytes, *, compress: bool) -> int:
    """Write an entry's file, an empty one, in bounded memory; return its length in bytes.

    Raises:
        ConfigurationError: It is to be compressed, and the library for it is not installed.
        OSError: It could not be written.
    """
    views = [memoryview(buffer).cast("B") for buffer in value]
    return (_write_compressed if compress else _write_as_it_is)(descriptor, key, views, about)


def _write_as_it_is(descriptor: int, key: str, views: list[memoryview], about: bytes) -> int:
    hasher = own_hasher()
    position = head_length(key, len(views), about)
    table: list[tuple[int, int, bytes]] = []
    body: list[Buffer] = []
    for view in views:
        zeros = bytes(-position % ALIGNMENT)
        hashed = hasher(zeros)
        hashed.update(view)
        table.append((view.nbytes, 0, digest_of(hashed)))
        body += (zeros, view)
        position += len(zeros) + view.nbytes
    write_all(descriptor, [packed_head(key, table, about), *body])
    return position


def _write_compressed(descriptor: int, key: str, views: list[memoryview], about: bytes) -> int:
    """Write the frames first: what they compress to is known afterwards."""
    hasher = own_hasher()
    position = head_length(key, len(views), about)
    table: list[tuple[int, int, bytes]] = []
    os.lseek(descriptor, position, os.SEEK_SET)
    for view in views:
        zeros = bytes(-position % ALIGNMENT)
        hashed = hasher(zeros)
        write_all(descriptor, [zeros])
        taken = 0
        worth_it = view.nbytes >= WORTH_COMPRESSING
        for piece in compressed(view) if worth_it else [view]:
            hashed.update(piece)
            write_all(descriptor, [piece])
            taken += len(piece)
        table.append((view.nbytes, taken if worth_it else 0, digest_of(hashed)))
        position += len(zeros) + taken
    os.lseek(descriptor, 0, os.SEEK_SET)
    write_all(descriptor, [packed_head(key, table, about)])
    return position
