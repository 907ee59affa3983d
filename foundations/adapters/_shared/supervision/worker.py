"""The worker: the fork of the supervisor that runs the pipeline.

When the supervisor dies, the kernel kills the worker and its whole process group: they hold the reading end of a pipe,
the leash, whose writing end only the supervisor has, with ``F_SETSIG`` set to ``SIGKILL``. The worker itself it kills
even where that has closed its end.
"""

from __future__ import annotations

import faulthandler
import fcntl
import mmap
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from foundations.adapters._shared.supervision.descendants import end_with_parent


class Progress:
    """The position of the stage that runs, in memory that the supervisor and the worker share."""

    def __init__(self) -> None:
        self._memory = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("q")
        self.set(-1)

    def set(self, index: int) -> None:
        """Note that the stage at `index` runs; -1 for none."""
        self._memory[0] = index

    def get(self) -> int:
        """Return the position of the stage that runs, or -1."""
        return self._memory[0]


class WorkerPipes(NamedTuple):
    """The pipes between a supervisor and its worker, each as reading and writing end.

    Attributes:
        output: The worker's stdout.
        error: The worker's stderr.
        leash: Nothing is written to it; its closing kills the worker.
    """

    output: tuple[int, int]
    error: tuple[int, int]
    leash: tuple[int, int]

    @classmethod
    def open(cls) -> WorkerPipes:
        """Open the three pipes."""
        return cls(os.pipe(), os.pipe(), os.pipe())

    def close_worker_ends(self) -> None:
        """Close what only the worker needs, in the supervisor."""
        for descriptor in (self.output[1], self.error[1], self.leash[0]):
            os.close(descriptor)


def become_worker(supervisor: int, lock: int, pipes: WorkerPipes, work: Callable[[], int]) -> NoReturn:
    """Run the pipeline in this process, a fork of the supervisor, and end it.

    Args:
        supervisor: The process id of the supervisor.
        lock: The descriptor of the job's lock, in which the worker has no part.
        pipes: What connects it to the supervisor.
        work: Runs the pipeline and returns the exit code.
    """
    code = 70
    try:
        os.setpgid(0, 0)
        _put_on_leash(pipes.leash)
        os.close(lock)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (pipes.output[1], 1), (pipes.error[1], 2)):
            os.dup2(source, target)
        for descriptor in (nothing, *pipes.output, *pipes.error):
            os.close(descriptor)
        faulthandler.enable(2)  # writes the Python stack of a crash into the job's stderr
        end_with_parent()
        if os.getppid() != supervisor:  # the supervisor died before the leash was on
            os._exit(code)
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        code = work()
    except BaseException:
        traceback.print_exc()
    _exit(code)


def _put_on_leash(leash: tuple[int, int]) -> None:
    fcntl.fcntl(leash[0], fcntl.F_SETOWN, -os.getpid())
    fcntl.fcntl(leash[0], fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(leash[0], fcntl.F_SETFL, fcntl.fcntl(leash[0], fcntl.F_GETFL) | os.O_ASYNC)
    os.close(leash[1])


def _exit(code: int) -> NoReturn:
    """End this process as Python does, except for tearing down its modules, which is of use to nobody.

    It is what ``multiprocessing.popen_fork`` does in its children.
    """
    import atexit
    import threading

    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except BaseException:
        traceback.print_exc()
    os._exit(code)
