"""The supervisor: forks the worker that runs the pipeline, watches it, keeps its output and records its end.

When it dies, the kernel kills the worker and its whole process group: they hold the reading end of a pipe whose writing
end only the supervisor has, with ``F_SETSIG`` set to ``SIGKILL``. The worker itself it kills even where that has closed
its end.
"""

from __future__ import annotations

import fcntl
import functools
import mmap
import os
import select
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

from foundations.adapters._shared.supervision.descendants import adopt_orphans, end_with_parent, kill_children
from foundations.adapters._shared.supervision.job_directory import Announcement, JobDirectory, declare_alive
from foundations.adapters._shared.supervision.log_pump import LogPump
from foundations.adapters._shared.supervision.verdict import at_stage, judged, out_of_memory_kills, read_outcome
from foundations.ports.job import JobEnd, JobState

_T = TypeVar("_T")

GRACE_VARIABLE = "FOUNDATIONS_GRACE_SECONDS"
_DEFAULT_GRACE = 10.0
_DRAIN_SECONDS = 2.0


class Progress:
    """The name of the stage that runs, in memory that the supervisor and the worker share."""

    __slots__ = ("_memory",)

    _INDEX = struct.Struct("<q")

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)
        self.set(-1)

    def set(self, index: int) -> None:
        """Note that the stage at `index` runs; -1 for none."""
        self._INDEX.pack_into(self._memory, 0, index)

    def get(self) -> int:
        """Return the position of the stage that runs, or -1."""
        index: int = self._INDEX.unpack_from(self._memory, 0)[0]
        return index


class Attendant(Protocol):
    """What the application does around the worker, in the supervisor."""

    def begin(self, started_at: float) -> None:
        """Tell the listing that the job runs."""

    def stage_name(self, index: int) -> str | None:
        """Return the name of the stage at `index` of the job's pipeline."""

    def finish(self, end: JobEnd, outcome: dict[str, Any]) -> JobEnd:
        """Archive what the worker could not; return the end with what could not be archived."""

    def ended(self, end: JobEnd, outcome: dict[str, Any]) -> None:
        """Tell the listing, after the end record."""


def supervise(path: str, lock: int, work: Callable[[Progress], int], attend: Callable[[], Attendant]) -> int:
    """Run the job in a fork, see it to its end and record that end.

    Args:
        path: The job's directory.
        lock: A descriptor that holds the job's lock.
        work: Runs the pipeline in the worker and returns its exit code.
        attend: Makes the attendant, in the supervisor, while the worker runs.

    Returns:
        0: how the job ended is what the end record says.
    """
    directory = JobDirectory(Path(path))
    asked = _AskedToEnd()
    alive = declare_alive(directory)
    announcement = Announcement(directory)
    adopt_orphans()
    started_at = time.time()
    kills_before = out_of_memory_kills()
    progress = Progress()
    output, error = os.pipe(), os.pipe()
    leash = os.pipe()
    supervisor = os.getpid()
    worker = os.fork()
    if worker == 0:
        asked.forget()
        os.close(alive)
        announcement.close()
        _become_worker(supervisor, lock, output, error, leash, lambda: work(progress))
    asked.listen()
    os.setpgid(worker, worker)
    place = os.open(directory.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for descriptor in (output[1], error[1], leash[0]):
        os.close(descriptor)
    pump = LogPump({output[0]: directory.stream("stdout"), error[0]: directory.stream("stderr")})
    attendant = _Attendance(attend)
    attendant.begin(started_at)
    cancelled = _watch(worker, pump, directory, asked)
    status, usage = _reap(worker)
    cut_short = pump.drain(_DRAIN_SECONDS)
    outcome = read_outcome(directory)
    outcome["not_archived"] = [*(outcome.get("not_archived") or ()), *cut_short]
    end = judged(directory, status, cancelled, outcome, out_of_memory_kills() > kills_before, started_at, usage)
    if end.state is not JobState.COMPLETED and end.stage is None:
        end = at_stage(end, attendant.stage_name(progress.get()))
    end = attendant.finish(end, outcome)
    directory.write_end(end)
    attendant.ended(end, outcome)
    announcement.close()
    _clean_up(directory, place)
    return 0


def _become_worker(
    supervisor: int,
    lock: int,
    output: tuple[int, int],
    error: tuple[int, int],
    leash: tuple[int, int],
    work: Callable[[], int],
) -> NoReturn:
    code = 70
    try:
        os.setpgid(0, 0)
        fcntl.fcntl(leash[0], fcntl.F_SETOWN, -os.getpid())
        fcntl.fcntl(leash[0], fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(leash[0], fcntl.F_SETFL, fcntl.fcntl(leash[0], fcntl.F_GETFL) | os.O_ASYNC)
        os.close(leash[1])
        os.close(lock)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (output[1], 1), (error[1], 2)):
            os.dup2(source, target)
        for descriptor in (nothing, *output, *error):
            os.close(descriptor)
        end_with_parent()
        if os.getppid() != supervisor:  # the supervisor died before the leash was on
            os._exit(code)
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        code = work()
    except BaseException:
        traceback.print_exc()
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End this process as Python does, but for taking its modules down, which nobody has anything of.

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


class _AskedToEnd:
    """Notes SIGTERM and SIGINT from the moment it is made, as bytes on a pipe that a poll can wait for.

    They are held back until :meth:`listen` in the supervisor and :meth:`forget` in the worker, so that neither takes
    one that is meant for the other. What the submitter ignored or blocked is neither, here and in the worker.
    """

    _NUMBERS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._NUMBERS)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where it is ignored, nobody learns how a child ended
        for number in self._NUMBERS:
            signal.signal(number, self._note)

    def _note(self, number: int, frame: object) -> None:
        self.ask()

    def ask(self) -> None:
        """Ask as a signal would."""
        with suppress(BlockingIOError):  # asked more often than the pipe can hold
            os.write(self._writing, b"!")

    def listen(self) -> None:
        """Have the signals noted, also those that came since."""
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def forget(self) -> None:
        """Let the signals do in this process, the worker, what they do in any program."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.close(self.reading)
        os.close(self._writing)


class _Attendance:
    """Has the attendant made and asked; a failure of it never keeps the end record from being written."""

    def __init__(self, attend: Callable[[], Attendant]) -> None:
        self._attendant: Attendant | None = _guarded(attend, None)

    def begin(self, started_at: float) -> None:
        if self._attendant is not None:
            begin = self._attendant.begin
            _guarded(lambda: begin(started_at), None)

    def stage_name(self, index: int) -> str | None:
        if self._attendant is None or index < 0:
            return None
        name = self._attendant.stage_name
        return _guarded(lambda: name(index), None)

    def finish(self, end: JobEnd, outcome: dict[str, Any]) -> JobEnd:
        if self._attendant is None:
            return end
        try:
            return self._attendant.finish(end, outcome)
        except Exception as error:
            traceback.print_exc()
            said = f"stdout and stderr: {type(error).__name__}: {error}"
            return end._replace(not_archived=(*end.not_archived, said))

    def ended(self, end: JobEnd, outcome: dict[str, Any]) -> None:
        if self._attendant is not None:
            ended = self._attendant.ended
            _guarded(lambda: ended(end, outcome), None)


def _guarded(action: Callable[[], _T], otherwise: _T) -> _T:
    try:
        return action()
    except Exception:
        traceback.print_exc()  # into the supervisor's own log
        return otherwise


def _watch(worker: int, pump: LogPump, directory: JobDirectory, asked: _AskedToEnd) -> bool:
    """Pump output until the worker has ended; return whether that was asked for."""
    grace = float(os.environ.get(GRACE_VARIABLE, _DEFAULT_GRACE))
    ended = os.pidfd_open(worker)
    poll = select.poll()
    for descriptor in (ended, asked.reading, *pump.sources()):
        poll.register(descriptor, select.POLLIN)
    deadline: float | None = None
    if directory.cancel_request.exists():
        asked.ask()
    cancelled = False
    while True:
        wait = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        ready = {descriptor for descriptor, _ in poll.poll(wait)}
        if ended in ready:
            break
        for descriptor in pump.sources() & ready:
            if not pump.read(descriptor):
                poll.unregister(descriptor)
        if asked.reading in ready and os.read(asked.reading, 4096) and not cancelled:
            cancelled = True
            deadline = time.monotonic() + grace
            _kill_group(worker, signal.SIGTERM)
        elif deadline is not None and time.monotonic() >= deadline:
            deadline = None
            _kill_group(worker, signal.SIGKILL)
    _kill_group(worker, signal.SIGKILL)  # what it left behind
    os.close(ended)
    return cancelled


def _kill_group(worker: int, number: signal.Signals) -> None:
    """Signal the worker, not reaped yet, and the group that it was put into, even where it has left that."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(worker, number)
    if number == signal.SIGKILL or os.getpgid(worker) != worker:
        os.kill(worker, number)


def _reap(worker: int) -> tuple[int, Any]:
    _, status, usage = os.wait4(worker, 0)
    kill_children()
    return status, usage


def _clean_up(directory: JobDirectory, place: int) -> None:
    """Remove what only the running job needed; state and logs stay.

    The end is known by now, and another job may have the path already; `place` is this job's directory wherever it is.
    """
    from foundations.adapters._shared.fs.removal import remove_tree

    os.fchdir(place)
    for path in (directory.project, directory.bundle):
        _guarded(functools.partial(remove_tree, path.name), None)
