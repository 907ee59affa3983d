"""A job that did not complete, as an exception that a person can act upon."""

from __future__ import annotations

import re

from foundations.domain.jobs.result import Result
from foundations.errors import RemoteException
from foundations.escaping import escape_lines, escape_unprintable
from foundations.ports.job import EndCause, JobEnd, JobState

_LAST_LINES = 20
_CRASH = "Fatal Python error: "  # what faulthandler begins with
_OWN_FRAME = re.compile(r'  File ".*/(foundations/(domain|app|adapters)/[^"]*|bundle/main)\.py", line ')


def describe_failure(end: JobEnd, result: Result, stderr: str) -> RemoteException:
    """Return the exception for a job's end: the stage and its arguments, the user's frames, its last output.

    Args:
        end: How it ended.
        result: What it had archived by then.
        stderr: All it wrote there.
    """
    error = result["global_stage_context"]["error_information"]
    lines = [f"job {end.job_name} ended as {end.state.value}: {escape_unprintable(end.message)}"]
    if error and end.cause is not EndCause.NOT_SERIALISABLE:
        call = escape_unprintable(error["call"])
        lines += ["", f"in stage {call}:" if error["stage"] else "before the first stage:", ""]
        lines.append(error["traceback"])
    if error:
        stderr = stderr.replace(error["traceback"], "")  # the job wrote it there too
    written = stderr.rstrip().splitlines()
    crash = max((index for index, line in enumerate(written) if line.startswith(_CRASH)), default=None)
    if crash is None:
        last = written[-_LAST_LINES:]
    else:
        last = [line for line in written[crash:] if not _OWN_FRAME.search(line)][:_LAST_LINES]
    if last and end.state is JobState.ERROR:
        title = "The last lines of its stderr:" if crash is None else "Where it crashed, innermost call first:"
        lines += ["", title, *("  " + line for line in last)]
    lines += [f"not archived: {escape_unprintable(what)}" for what in end.not_archived]
    failure = RemoteException(
        escape_lines("\n".join(lines)),
        job_name=end.job_name,
        state=end.state.value,
        cause=end.cause.value if end.cause else None,
        stage=end.stage,
    )
    failure.result = result
    return failure
