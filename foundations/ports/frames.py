"""Several buffers as one byte string, and back: the format of a value with out-of-band buffers in a file.

Layout, all integers little-endian and unsigned: the magic ``FNDF``, a 4-byte count, an 8-byte length a frame, then
each frame at the next multiple of 64 bytes from the beginning, so that a mapped file holds aligned arrays.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Union

Buffer = Union[bytes, bytearray, memoryview]

MAGIC = b"FNDF"
ALIGNMENT = 64


def join_frames(frames: Sequence[Buffer]) -> list[Buffer]:
    """Return buffers whose concatenation holds all of `frames`, none of them copied.

    >>> b"".join(join_frames([b"ab", b""])).startswith(b"FNDF")
    True
    """
    views = [memoryview(frame).cast("B") for frame in frames]
    header = MAGIC + struct.pack(f"<I{len(views)}Q", len(views), *(view.nbytes for view in views))
    joined: list[Buffer] = [header]
    position = len(header)
    for view in views:
        padding = -position % ALIGNMENT
        if padding:
            joined.append(bytes(padding))
        joined.append(view)
        position += padding + view.nbytes
    return joined


def split_frames(data: Buffer) -> list[memoryview]:
    """Return the frames that :func:`join_frames` joined, as views of `data`.

    Raises:
        ValueError: `data` is no such byte string, or a truncated one.
    """
    view = memoryview(data).cast("B")
    if view.nbytes < 8 or bytes(view[:4]) != MAGIC:
        raise ValueError("not a sequence of frames")
    (count,) = struct.unpack_from("<I", view, 4)
    position = 8 + 8 * count
    if view.nbytes < position:
        raise ValueError("truncated sequence of frames")
    lengths = struct.unpack_from(f"<{count}Q", view, 8)
    frames = []
    for length in lengths:
        position += -position % ALIGNMENT
        if position + length > view.nbytes:
            raise ValueError("truncated sequence of frames")
        frames.append(view[position : position + length])
        position += length
    if position != view.nbytes:
        raise ValueError("more bytes than frames")
    return frames
