"""Writing the file of an entry."""

from __future__ import annotations

import os
from collections.abc import Sequence

from foundations.adapters._shared.fs.files import write_all
from foundations.adapters.filesystem.cache import file_format
from foundations.adapters.filesystem.cache.compression import MIN_COMPRESSED, compress_frame
from foundations.ports.frames import ALIGNMENT, Buffer


def pack_small_entry(key: str, value: Sequence[Buffer], metadata: bytes, limit: int) -> bytes | None:
    """Return an entry for a file of several; None where it exceeds `limit` bytes, or contains another entry's magic."""
    if len(metadata) + sum([memoryview(buffer).nbytes for buffer in value]) > limit:
        return None
    _, body, size = _lay_out(key, [memoryview(buffer).cast("B") for buffer in value], metadata)
    if size > limit:
        return None
    entry = b"".join([file_format.pack_head(key, _frame_table(body), metadata, shares_file=True), *body])
    return entry if entry.find(file_format.MAGIC, 1) < 0 else None


def write_entry(
    descriptor: int, key: str, value: Sequence[Buffer], metadata: bytes, *, compress: bool, flush_above: int
) -> None:
    """Write an entry to an empty file, in bounded memory.

    The frames of an entry of more than `flush_above` bytes are flushed to the disk. The head need not be flushed: an
    entry whose head a power failure has damaged is recognised.

    Raises:
        ConfigurationError: The entry is to be compressed, and the library for it is not installed.
        OSError: The file could not be written.
    """
    views = [memoryview(buffer).cast("B") for buffer in value]
    if compress:
        size = _write_compressed(descriptor, key, views, metadata)
        if size > flush_above:
            os.fsync(descriptor)
    else:
        _write_uncompressed(descriptor, key, views, metadata, flush_above)


def _write_uncompressed(descriptor: int, key: str, views: list[memoryview], metadata: bytes, flush_above: int) -> None:
    begin, body, size = _lay_out(key, views, metadata)
    if size <= flush_above:
        write_all(descriptor, [file_format.pack_head(key, _frame_table(body), metadata), *body])
        return
    from concurrent.futures import ThreadPoolExecutor  # imported here because few outputs are so large

    os.lseek(descriptor, begin, os.SEEK_SET)
    write_all(descriptor, body)
    with ThreadPoolExecutor(max_workers=1) as pool:  # digest while the disk writes
        table = pool.submit(_frame_table, body)
        os.fsync(descriptor)
    os.lseek(descriptor, 0, os.SEEK_SET)
    write_all(descriptor, [file_format.pack_head(key, table.result(), metadata)])


def _lay_out(key: str, views: list[memoryview], metadata: bytes) -> tuple[int, list[memoryview], int]:
    """Return the end of the head, each frame's zeros and content in turn, and the size of the whole entry."""
    begin = position = file_format.head_length(key, len(views), metadata)
    body: list[memoryview] = []
    for view in views:
        zeros = memoryview(bytes(-position % ALIGNMENT))
        body += (zeros, view)
        position += zeros.nbytes + view.nbytes
    return begin, body, position


def _frame_table(body: list[memoryview]) -> list[tuple[int, int, bytes]]:
    """Return the head's record of each frame; `body` holds each frame's zeros and content in turn."""
    start = file_format.default_digester().start
    table = []
    for zeros, view in zip(body[::2], body[1::2], strict=True):
        hasher = start(zeros)
        hasher.update(view)
        table.append((view.nbytes, 0, file_format.final_digest(hasher)))
    return table


def _write_compressed(descriptor: int, key: str, views: list[memoryview], metadata: bytes) -> int:
    """Write the frames and then the head, which contains the compressed sizes; return the size of the whole entry."""
    start = file_format.default_digester().start
    position = file_format.head_length(key, len(views), metadata)
    table: list[tuple[int, int, bytes]] = []
    os.lseek(descriptor, position, os.SEEK_SET)
    for view in views:
        zeros = bytes(-position % ALIGNMENT)
        hasher = start(zeros)
        write_all(descriptor, [zeros])
        size = 0
        is_compressed = view.nbytes >= MIN_COMPRESSED
        for chunk in compress_frame(view) if is_compressed else [view]:
            hasher.update(chunk)
            write_all(descriptor, [chunk])
            size += len(chunk)
        table.append((view.nbytes, size if is_compressed else 0, file_format.final_digest(hasher)))
        position += len(zeros) + size
    os.lseek(descriptor, 0, os.SEEK_SET)
    write_all(descriptor, [file_format.pack_head(key, table, metadata)])
    return position
