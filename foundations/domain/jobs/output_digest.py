"""The digest of a stage's stored output, computed by all processors where it is large."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from foundations.ports.frames import Buffer

PIECE = 2**24
"""Bytes that one processor hashes at a time."""


class OutputDigest:
    """The SHA-256 of `buffers`, one after the other; where they are longer than a piece, that of their pieces' SHA-256.

    Constructing one begins the work, in threads where there are several pieces; the buffers must stay as they are until
    :meth:`hexdigest` returns.
    """

    def __init__(self, buffers: Sequence[Buffer]) -> None:
        pieces = list(_pieces(buffers))
        self._is_single = len(pieces) <= 1
        self._pool: Any = None
        if self._is_single:
            self._digests = [_hash(piece) for piece in pieces or [[]]]
            return
        from concurrent.futures import ThreadPoolExecutor  # only large outputs are worth it

        self._pool = ThreadPoolExecutor(thread_name_prefix="foundations-hash")
        self._results = self._pool.map(_hash, pieces)

    def hexdigest(self) -> str:
        """Return the digest in hexadecimal, once it is computed."""
        if self._pool is not None:
            self._digests = list(self._results)
            self._pool.shutdown()
            self._pool = None
        return (self._digests[0] if self._is_single else hashlib.sha256(b"".join(self._digests)).digest()).hex()


def _hash(piece: Sequence[memoryview]) -> bytes:
    digest = hashlib.sha256()
    for part in piece:
        digest.update(part)
    return digest.digest()


def _pieces(buffers: Sequence[Buffer]) -> Iterator[list[memoryview]]:
    """Iterate over pieces of equal length, each as parts of the buffers; the last may be shorter."""
    piece: list[memoryview] = []
    room = PIECE
    for buffer in buffers:
        view = memoryview(buffer).cast("B")
        while view.nbytes:
            part = view[:room]
            piece.append(part)
            view = view[part.nbytes :]
            room -= part.nbytes
            if not room:
                yield piece
                piece, room = [], PIECE
    if piece:
        yield piece
