"""Requests that a job end: signals to its supervisor."""

from __future__ import annotations

import os
import signal
from contextlib import suppress


class EndRequests:
    """Receives SIGTERM and SIGINT from the moment it is made, as bytes on a pipe that a poll can wait for.

    They are held back until :meth:`listen` in the supervisor and :meth:`leave` in the worker, so that neither takes
    one that is meant for the other. What the submitter ignored or blocked is neither, here and in the worker.

    Attributes:
        descriptor: The reading end of the pipe.
    """

    _NUMBERS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self.descriptor, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._NUMBERS)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where it is ignored, nobody learns how a child ended
        for number in self._NUMBERS:
            signal.signal(number, lambda number, frame: self.add())

    def add(self) -> None:
        """Request the end as a signal would."""
        with suppress(BlockingIOError):  # the pipe is full of requests already
            os.write(self._writing, b"!")

    def listen(self) -> None:
        """Receive the signals from now on, and those that came since."""
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def leave(self) -> None:
        """Let the signals do in this process, the worker, what they do in any program."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.close(self.descriptor)
        os.close(self._writing)
