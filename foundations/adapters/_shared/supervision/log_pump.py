"""Output streams into files of bounded size: their beginning and their end; the bytes between are counted."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Mapping
from pathlib import Path

LONGEST_HEAD = 16 * 2**20
LONGEST_TAIL = 2**20
_CHUNK = 2**16


class _Stream:
    """One stream: its file holds the head, its tail waits in memory until the stream ends."""

    def __init__(self, target: Path) -> None:
        self._file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._room = LONGEST_HEAD
        self._tail = bytearray()
        self._left_out = 0
        self.failure: OSError | None = None

    def add(self, data: bytes) -> None:
        head, rest = data[: self._room], data[self._room :]
        self._room -= len(head)
        self._write(head)
        self._tail += rest
        if len(self._tail) > 2 * LONGEST_TAIL:
            self._shorten_tail()

    def close(self) -> None:
        self._shorten_tail()
        if self._left_out:
            self._write(f"\n[... {self._left_out} bytes left out here ...]\n".encode())
        self._write(self._tail)
        os.close(self._file)

    def _shorten_tail(self) -> None:
        excess = max(0, len(self._tail) - LONGEST_TAIL)
        self._left_out += excess
        del self._tail[:excess]

    def _write(self, data: bytes | bytearray) -> None:
        view = memoryview(data)
        try:
            while view and self.failure is None:
                view = view[os.write(self._file, view) :]
        except OSError as error:  # a full disk must not block the job: the rest of the stream is lost and reported
            self.failure = error


class LogPump:
    """Moves the output that arrives on pipes into files.

    Args:
        targets: The file for each descriptor to read from; the pump closes the descriptors.
    """

    def __init__(self, targets: Mapping[int, Path]) -> None:
        self._streams = {descriptor: _Stream(target) for descriptor, target in targets.items()}
        self._targets = dict(targets)
        self._failures: list[str] = []
        for descriptor in targets:
            os.set_blocking(descriptor, False)

    def sources(self) -> set[int]:
        """Return the descriptors that may still deliver."""
        return set(self._streams)

    def read(self, descriptor: int) -> bool:
        """Move what is there now; return False when the stream has ended, its file then being complete."""
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return True
        if data:
            self._streams[descriptor].add(data)
            return True
        self._end(descriptor)
        return False

    def drain(self, seconds: float) -> list[str]:
        """Move what is left, waiting at most `seconds` for writers that are still there; complete the files.

        Returns:
            What could not be written and why, a line each.
        """
        deadline = time.monotonic() + seconds
        while self._streams:
            ready, _, _ = select.select(list(self._streams), [], [], max(0.0, deadline - time.monotonic()))
            for descriptor in ready:
                self.read(descriptor)
            if not ready or time.monotonic() > deadline:
                break
        for descriptor in list(self._streams):
            self._end(descriptor)
        return self._failures

    def _end(self, descriptor: int) -> None:
        stream = self._streams.pop(descriptor)
        stream.close()
        os.close(descriptor)
        if stream.failure is not None:
            self._failures.append(f"{self._targets[descriptor].name} is cut short: {stream.failure}")
