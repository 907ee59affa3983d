"""Reading a number of bytes from a sequence of buffers, wherever one buffer ends and the next begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from foundations.ports.frames import Buffer


class BufferReader:
    """Reads bytes from buffers, as views of them: nothing is copied."""

    def __init__(self, buffers: Iterable[Buffer]) -> None:
        self._buffers = iter(buffers)
        self._views: list[memoryview] = []  # the last one is read next

    def read_some(self, limit: int) -> memoryview:
        """Return up to `limit` bytes that lie in one buffer; an empty view only at the end of the last buffer."""
        while not self._views:
            buffer = next(self._buffers, None)
            if buffer is None:
                return memoryview(b"")
            self.unread([memoryview(buffer)])
        view = self._views.pop()
        if len(view) > limit:
            self._views.append(view[limit:])
            return view[:limit]
        return view

    def read(self, count: int) -> list[memoryview]:
        """Return the next `count` bytes; fewer only at the end of the last buffer."""
        views = []
        while count and (view := self.read_some(count)):
            views.append(view)
            count -= len(view)
        return views

    def unread(self, views: Sequence[memoryview]) -> None:
        """Put back the bytes that were read last, so that they are read again."""
        self._views.extend([view for view in reversed(views) if view])
