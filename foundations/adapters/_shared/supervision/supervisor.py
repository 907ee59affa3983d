"""The supervisor: forks the worker that runs the pipeline, watches it, stores its output and records its end."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from foundations.adapters._shared.supervision.descendants import adopt_orphans, kill_children
from foundations.adapters._shared.supervision.end_determination import (
    WorkerExit,
    add_stage,
    count_out_of_memory_kills,
    determine_end,
)
from foundations.adapters._shared.supervision.end_record import write_end
from foundations.adapters._shared.supervision.end_requests import EndRequests
from foundations.adapters._shared.supervision.hooks import GuardedHooks, SupervisorHooks, guard
from foundations.adapters._shared.supervision.liveness import Announcement, declare_alive
from foundations.adapters._shared.supervision.log_pump import LogPump
from foundations.adapters._shared.supervision.worker import Progress, WorkerPipes, become_worker
from foundations.ports.job import JobState
from foundations.ports.job_layout import JobDirectory

GRACE_VARIABLE = "FOUNDATIONS_GRACE_SECONDS"
_DEFAULT_GRACE = 10.0
_DRAIN_SECONDS = 2.0


def supervise(path: str, lock: int, work: Callable[[Progress], int], make_hooks: Callable[[], SupervisorHooks]) -> int:
    """Run the job in a fork, wait for its end and record that end.

    Args:
        path: The job's directory.
        lock: A descriptor that holds the job's lock.
        work: Runs the pipeline in the worker and returns its exit code.
        make_hooks: Makes the hooks, in the supervisor, while the worker runs.

    Returns:
        0: how the job ended is what the end record says.
    """
    directory = JobDirectory(Path(path))
    requests = EndRequests()
    alive = declare_alive(directory)
    announcement = Announcement(directory)
    adopt_orphans()
    started_at = time.time()
    kills_before = count_out_of_memory_kills()
    progress = Progress()
    pipes = WorkerPipes.open()
    supervisor = os.getpid()
    worker = os.fork()
    if worker == 0:
        requests.leave()
        os.close(alive)
        announcement.close()
        become_worker(supervisor, lock, pipes, lambda: work(progress))
    requests.listen()
    os.setpgid(worker, worker)
    place = os.open(directory.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    pipes.close_worker_ends()
    pump = LogPump({pipes.output[0]: directory.stream("stdout"), pipes.error[0]: directory.stream("stderr")})
    hooks = GuardedHooks(make_hooks)
    hooks.record_start(started_at)
    cancelled = _watch(worker, pump, directory, requests)
    _, status, usage = os.wait4(worker, 0)
    kill_children()
    cut_short = pump.drain(_DRAIN_SECONDS)
    ended = WorkerExit(status, usage, count_out_of_memory_kills() > kills_before)
    end = determine_end(directory, ended, cancelled=cancelled, started_at=started_at, cut_short=cut_short)
    if end.state is not JobState.COMPLETED and end.stage is None:
        end = add_stage(end, hooks.stage_name(progress.get()))
    end = hooks.archive_files(hooks.archive_streams(end))
    write_end(directory, end)
    hooks.record_end(end)
    announcement.close()
    _clean_up(directory, place)
    return 0


def _watch(worker: int, pump: LogPump, directory: JobDirectory, requests: EndRequests) -> bool:
    """Pump output until the worker has ended; return whether that was requested."""
    grace = float(os.environ.get(GRACE_VARIABLE, _DEFAULT_GRACE))
    ended = os.pidfd_open(worker)
    poll = select.poll()
    for descriptor in (ended, requests.descriptor, *pump.sources()):
        poll.register(descriptor, select.POLLIN)
    deadline: float | None = None
    if directory.cancel_request.exists():
        requests.add()
    cancelled = False
    while True:
        wait = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        ready = {descriptor for descriptor, _ in poll.poll(wait)}
        if ended in ready:
            break
        for descriptor in pump.sources() & ready:
            if not pump.read(descriptor):
                poll.unregister(descriptor)
        if requests.descriptor in ready and os.read(requests.descriptor, 4096) and not cancelled:
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


def _clean_up(directory: JobDirectory, place: int) -> None:
    """Remove what only the running job needed; state and logs stay.

    The end is public by now, and another job may have the path already; `place` is a descriptor of this job's directory
    wherever it is.
    """
    from foundations.adapters._shared.fs.removal import remove_tree

    os.fchdir(place)
    for path in (directory.project, directory.bundle):
        guard(remove_tree, path.name)
