"""How a job ended: judged by its supervisor from what the worker left and what the kernel tells."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from foundations.adapters._shared.supervision.job_directory import JobDirectory, read_json
from foundations.ports.job import EndCause, JobEnd, JobState

_LOST = "the job's supervisor vanished without recording an end: it was killed, or the machine went down"
_UNRECORDED = {
    JobState.COMPLETED: "the job's supervisor vanished after the pipeline had completed",
    JobState.CANCELLED: "cancelled; its supervisor had to be killed",
}


def read_outcome(directory: JobDirectory) -> dict[str, Any]:
    """Return what the worker wrote of how its pipeline ended; where it did not get there, what was not archived."""
    try:
        outcome = read_json(directory.outcome)
        if isinstance(outcome, dict):
            JobState(outcome["state"])
            EndCause(outcome["cause"] or EndCause.EXITED)
            return outcome
    except (OSError, ValueError, KeyError):
        pass  # user code can write there: what it leaves is not worth a lost job
    return {"not_archived": _not_archived(directory)}


def _not_archived(directory: JobDirectory) -> list[str]:
    """Return what the worker noted while it ran; a line that it did not finish is left out."""
    noted = []
    try:
        for line in (directory.state / "not_archived").read_text(errors="replace").splitlines():
            noted.append(str(json.loads(line)))
    except (OSError, ValueError):
        pass  # there is none, or the worker died while it wrote the last
    return noted


def judged(
    directory: JobDirectory,
    status: int,
    cancelled: bool,
    outcome: dict[str, Any],
    out_of_memory: bool,
    started_at: float,
    usage: Any,
) -> JobEnd:
    """Return how a job ended.

    Args:
        directory: Its directory.
        status: The worker's wait status.
        cancelled: Whether its end was asked for.
        outcome: What :func:`read_outcome` returned.
        out_of_memory: Whether the kernel has killed a process for memory meanwhile.
        started_at: Seconds since the epoch.
        usage: The worker's ``struct rusage``, and its descendants'.
    """
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    name = None if number is None else _signal_name(number)
    noted = _noted(outcome, cancelled)
    if noted is not None:
        state, cause, message = noted
    else:
        state, cause = JobState.ERROR, EndCause.EXITED
        message = f"the job process exited with code {code} before the pipeline had ended"
        if number == signal.SIGKILL and out_of_memory:
            cause, message = EndCause.OUT_OF_MEMORY, "the kernel killed the job process because memory ran out"
        elif number is not None:
            cause = EndCause.KILLED
            message = f"the job process was killed by {name} ({signal.strsignal(number) or 'unknown signal'})"
    return JobEnd(
        job_name=directory.path.name,
        state=state,
        cause=cause,
        message=message,
        exit_code=code,
        signal=name,
        stage=outcome.get("stage"),
        started_at=started_at,
        ended_at=time.time(),
        resources={
            "max_rss_bytes": usage.ru_maxrss * 1024,
            "user_seconds": usage.ru_utime,
            "system_seconds": usage.ru_stime,
        },
        not_archived=tuple(outcome.get("not_archived") or ()),
    )


def _noted(outcome: dict[str, Any], cancelled: bool) -> tuple[JobState, EndCause | None, str] | None:
    """Return state, cause and message as the worker noted them, or whoever cancelled it; None where nobody did.

    A pipeline that had completed when its end was asked for has completed.
    """
    if outcome.get("state") == JobState.COMPLETED:
        return JobState.COMPLETED, None, ""
    if cancelled:
        return JobState.CANCELLED, None, "cancelled"
    if outcome.get("state") == JobState.ERROR:
        return JobState.ERROR, EndCause(outcome["cause"]), str(outcome["message"])
    return None


def unrecorded_end(directory: JobDirectory) -> JobEnd:
    """Return how a job ended whose supervisor recorded no end: as its worker saw it, where that got so far."""
    outcome = read_outcome(directory)
    noted = _noted(outcome, directory.cancel_request.exists())
    if noted is not None:
        state, cause, message = noted
        message = _UNRECORDED.get(state, message)
    else:
        state, cause, message = JobState.ERROR, EndCause.LOST, _LOST
        try:
            said = directory.stream("supervisor").read_text(errors="replace").strip()
        except OSError:
            said = ""
        message += f". It last said: {said[-500:]}" if said else ""
    return JobEnd(
        job_name=directory.path.name,
        state=state,
        cause=cause,
        message=message,
        stage=outcome.get("stage"),
        ended_at=time.time(),
        not_archived=tuple(outcome.get("not_archived") or ()),
    )


def at_stage(end: JobEnd, stage: str | None) -> JobEnd:
    """Return `end` with the stage that was running, where that is known."""
    if stage is None:
        return end
    return end._replace(stage=stage, message=f"{end.message}, in stage {stage}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # of the real-time signals, only the first and the last have a name
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"


def out_of_memory_kills() -> int:
    """Return how many processes the kernel has killed for memory: in this control group, else on this host."""
    try:
        group = Path("/proc/self/cgroup").read_text().rpartition("0::")[2].strip().lstrip("/")
        events = Path("/sys/fs/cgroup") / group / "memory.events"
        lines = (events if events.exists() else Path("/proc/vmstat")).read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
