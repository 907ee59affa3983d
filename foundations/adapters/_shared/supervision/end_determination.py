"""How a job ended: determined from what its worker wrote and from what the kernel reports."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from foundations.ports.job import EndCause, JobEnd, JobState, Outcome
from foundations.ports.job_layout import JobDirectory

_LOST = "the job's supervisor ended without writing an end record: it was killed, or the machine went down"
_UNRECORDED = {
    JobState.COMPLETED: "the job's supervisor ended after the pipeline had completed, without writing an end record",
    JobState.CANCELLED: "cancelled; its supervisor had to be killed",
}
_LONGEST_QUOTATION = 500


class WorkerExit(NamedTuple):
    """What the kernel reports of a worker that has ended.

    Attributes:
        status: Its wait status.
        usage: The ``struct rusage`` of it and its descendants.
        out_of_memory: Whether the kernel has killed a process for memory while it ran.
    """

    status: int
    usage: Any
    out_of_memory: bool

    @property
    def code(self) -> int | None:
        """The exit code; None where a signal killed it."""
        return os.WEXITSTATUS(self.status) if os.WIFEXITED(self.status) else None

    @property
    def signal_number(self) -> int | None:
        """The signal that killed it; None where it exited."""
        return os.WTERMSIG(self.status) if os.WIFSIGNALED(self.status) else None


def read_outcome(directory: JobDirectory) -> Outcome | None:
    """Return what the worker wrote of its pipeline's end; None where it did not get there or it is unreadable."""
    try:
        return Outcome.from_json(json.loads(directory.outcome.read_bytes()))
    except (OSError, ValueError):  # user code can write there: what it leaves is not worth a lost job
        return None


def read_not_archived(directory: JobDirectory, outcome: Outcome | None) -> tuple[str, ...]:
    """Return what the worker could not archive, also where it did not get as far as an outcome."""
    if outcome is not None:
        return outcome.not_archived
    lines: list[str] = []
    with suppress(OSError, ValueError):  # there is no such file, or the worker died while it wrote the last line
        for line in directory.not_archived.read_text(errors="replace").splitlines():
            lines.append(str(json.loads(line)))
    return tuple(lines)


def determine_end(
    directory: JobDirectory, worker: WorkerExit, *, cancelled: bool, started_at: float, cut_short: list[str]
) -> JobEnd:
    """Return how a job ended whose supervisor saw its worker end.

    Args:
        directory: Its directory.
        worker: What the kernel reports.
        cancelled: Whether its end was requested.
        started_at: Seconds since the epoch.
        cut_short: Which output streams are not complete and why, a line each.
    """
    outcome = read_outcome(directory)
    verdict = _known_verdict(outcome, cancelled) or _verdict_of_exit(worker)
    number = worker.signal_number
    return JobEnd(
        job_name=directory.job_name,
        **verdict._replace(not_archived=(*read_not_archived(directory, outcome), *cut_short))._asdict(),
        exit_code=worker.code,
        signal=None if number is None else _signal_name(number),
        started_at=started_at,
        ended_at=time.time(),
        resources={
            "max_rss_bytes": worker.usage.ru_maxrss * 1024,
            "user_seconds": worker.usage.ru_utime,
            "system_seconds": worker.usage.ru_stime,
        },
    )


def determine_unrecorded_end(directory: JobDirectory) -> JobEnd:
    """Return how a job ended whose supervisor recorded no end: as its worker wrote, where that got so far."""
    outcome = read_outcome(directory)
    verdict = _known_verdict(outcome, directory.cancel_request.exists())
    if verdict is None:
        verdict = Outcome(JobState.ERROR, EndCause.LOST, _LOST + _last_words(directory))
    elif verdict.state in _UNRECORDED:
        verdict = verdict._replace(message=_UNRECORDED[verdict.state])
    return JobEnd(
        job_name=directory.job_name,
        **verdict._replace(not_archived=read_not_archived(directory, outcome))._asdict(),
        ended_at=time.time(),
    )


def add_stage(end: JobEnd, stage: str | None) -> JobEnd:
    """Return `end` with the stage that was running, where that is known."""
    if stage is None:
        return end
    return end._replace(stage=stage, message=f"{end.message}, in stage {stage}")


def count_out_of_memory_kills() -> int:
    """Return how many processes the kernel has killed for memory: in this control group, else on this host."""
    try:
        group = Path("/proc/self/cgroup").read_text().rpartition("0::")[2].strip().lstrip("/")
        events = Path("/sys/fs/cgroup") / group / "memory.events"
        lines = (events if events.exists() else Path("/proc/vmstat")).read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _known_verdict(outcome: Outcome | None, cancelled: bool) -> Outcome | None:
    """Return the verdict of the worker, or of whoever cancelled the job; None where there is neither.

    A pipeline that had completed when its end was requested has completed.
    """
    if outcome is not None and outcome.state is JobState.COMPLETED:
        return outcome._replace(message="")
    if cancelled:
        return Outcome(JobState.CANCELLED, message="cancelled", stage=outcome and outcome.stage)
    return outcome


def _verdict_of_exit(worker: WorkerExit) -> Outcome:
    number = worker.signal_number
    if number is None:
        message = f"the job process exited with code {worker.code} before the pipeline had ended"
        return Outcome(JobState.ERROR, EndCause.EXITED, message)
    if number == signal.SIGKILL and worker.out_of_memory:
        message = "the kernel killed the job process because memory ran out"
        return Outcome(JobState.ERROR, EndCause.OUT_OF_MEMORY, message)
    description = signal.strsignal(number) or "unknown signal"
    message = f"the job process was killed by {_signal_name(number)} ({description})"
    return Outcome(JobState.ERROR, EndCause.KILLED, message)


def _last_words(directory: JobDirectory) -> str:
    """Return the last that a supervisor wrote to its own log, as the end of a message."""
    try:
        log = directory.supervisor_log.read_text(errors="replace").strip()
    except OSError:
        log = ""
    return f". Its last output: {log[-_LONGEST_QUOTATION:]}" if log else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # of the real-time signals, only the first and the last have a name
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"
