"""Writing an entry's file."""

from __future__ import annotations

import os
from collections.abc import Sequence

from foundations.adapters._shared.fs.files import write_all
from foundations.adapters.filesystem.cache.compression import WORTH_COMPRESSING, compressed
from foundations.adapters.filesystem.cache.file_format import MAGIC, digest_of, head_length, own_digester, packed_head
from foundations.ports.frames import ALIGNMENT, Buffer


def small_entry(key: str, value: Sequence[Buffer], about: bytes, most: int) -> bytes | None:
    """Return an entry for a file of several; None where it has more than `most` bytes, or what looks like another."""
    if len(about) + sum([memoryview(buffer).nbytes for buffer in value]) > most:
        return None
    _, body, size = _laid_out(key, [memoryview(buffer).cast("B") for buffer in value], about)
    if size > most:
        return None
    entry = b"".join([packed_head(key, _table(body), about, shares_file=True), *body])
    return entry if entry.find(MAGIC, 1) < 0 else None


def write_entry(
    descriptor: int, key: str, value: Sequence[Buffer], about: bytes, *, compress: bool, flushed_above: int
) -> None:
    """Write an entry's file, an empty one, in bounded memory.

    The frames of one that has more than `flushed_above` bytes are flushed to the disk. What lies before them need not
    be: where a power failure takes it, the entry is recognised as damaged.

    Raises:
        ConfigurationError: It is to be compressed, and the library for it is not installed.
        OSError: It could not be written.
    """
    views = [memoryview(buffer).cast("B") for buffer in value]
    if compress:
        size = _write_compressed(descriptor, key, views, about)
        if size > flushed_above:
            os.fsync(descriptor)
    else:
        _write_as_it_is(descriptor, key, views, about, flushed_above)


def _write_as_it_is(descriptor: int, key: str, views: list[memoryview], about: bytes, flushed_above: int) -> None:
    begin, body, size = _laid_out(key, views, about)
    if size <= flushed_above:
        write_all(descriptor, [packed_head(key, _table(body), about), *body])
        return
    from concurrent.futures import ThreadPoolExecutor  # few outputs are so large

    os.lseek(descriptor, begin, os.SEEK_SET)
    write_all(descriptor, body)
    with ThreadPoolExecutor(max_workers=1) as elsewhere:  # the disk and the processor are busy at the same time
        table = elsewhere.submit(_table, body)
        os.fsync(descriptor)
    os.lseek(descriptor, 0, os.SEEK_SET)
    write_all(descriptor, [packed_head(key, table.result(), about)])


def _laid_out(key: str, views: list[memoryview], about: bytes) -> tuple[int, list[memoryview], int]:
    """Return where the first frame would lie, the zeros and the content of each frame in turn, and the whole's size."""
    begin = position = head_length(key, len(views), about)
    body: list[memoryview] = []
    for view in views:
        zeros = memoryview(bytes(-position % ALIGNMENT))
        body += (zeros, view)
        position += zeros.nbytes + view.nbytes
    return begin, body, position


def _table(body: list[memoryview]) -> list[tuple[int, int, bytes]]:
    """Return what the head says of each frame, from the zeros and the content of each in turn."""
    begin = own_digester().begin
    table = []
    for zeros, view in zip(body[::2], body[1::2], strict=True):
        hashed = begin(zeros)
        hashed.update(view)
        table.append((view.nbytes, 0, digest_of(hashed)))
    return table


def _write_compressed(descriptor: int, key: str, views: list[memoryview], about: bytes) -> int:
    """Write the frames first: what they compress to is known afterwards."""
    begin = own_digester().begin
    position = head_length(key, len(views), about)
    table: list[tuple[int, int, bytes]] = []
    os.lseek(descriptor, position, os.SEEK_SET)
    for view in views:
        zeros = bytes(-position % ALIGNMENT)
        hashed = begin(zeros)
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
