"""Bytes that come in buffers, taken by their number, wherever one buffer ends and the next begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from foundations.ports.frames import Buffer


class Pieces:
    """Takes bytes off buffers, as views: nothing is copied."""

    def __init__(self, buffers: Iterable[Buffer]) -> None:
        self._buffers = iter(buffers)
        self._held: list[memoryview] = []  # the next comes last

    def some(self, most: int) -> memoryview:
        """Take what one buffer has of the next `most` bytes; none only where nothing is left."""
        while not self._held:
            buffer = next(self._buffers, None)
            if buffer is None:
                return memoryview(b"")
            self.give_back([memoryview(buffer)])
        piece = self._held.pop()
        if len(piece) > most:
            self._held.append(piece[most:])
            return piece[:most]
        return piece

    def take(self, count: int) -> list[memoryview]:
        """Take the next `count` bytes; fewer only where no more are left."""
        taken = []
        while count and (piece := self.some(count)):
            taken.append(piece)
            count -= len(piece)
        return taken

    def give_back(self, pieces: Sequence[memoryview]) -> None:
        """Let what was taken last be taken again."""
        self._held.extend([piece for piece in reversed(pieces) if piece])
