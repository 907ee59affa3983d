"""Starting a job's supervisor, as a process that outlives whoever submitted the job."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from foundations.adapters._shared.supervision.job_directory import JobDirectory
from foundations.ports.execution import Submission

_PRIVATE_VARIABLES = ("FOUNDATIONS_PYTHON", "FOUNDATIONS_JOB_DIRECTORY", "FOUNDATIONS_RUNTIME", "FOUNDATIONS_LOCK")


class Supervisor(subprocess.Popen[bytes]):
    """A child that is meant to outlive this process: letting go of one that runs is nothing to warn of."""

    def __del__(self) -> None:
        super().__del__(_warn=lambda *arguments, **keywords: None)  # type: ignore[call-arg]


def start_supervisor(
    directory: JobDirectory, submission: Submission, runtime: Path, lock: int, grace_seconds: float
) -> Supervisor:
    """Start the run script of an extracted bundle, in a session of its own.

    Args:
        directory: The job's directory.
        submission: What was asked for.
        runtime: The directory of the extracted runtime.
        lock: A descriptor that holds the job's lock; the script inherits it.
        grace_seconds: How long a cancelled job may take to end by itself.

    Raises:
        OSError: It could not be started.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _PRIVATE_VARIABLES}
    environment.update(submission.variables)
    environment.update(
        FOUNDATIONS_PYTHON=sys.executable,
        FOUNDATIONS_JOB_DIRECTORY=str(directory.path),
        FOUNDATIONS_RUNTIME=str(runtime),
        FOUNDATIONS_LOCK=str(lock),
        FOUNDATIONS_GRACE_SECONDS=str(grace_seconds),
    )
    log = os.open(directory.stream("supervisor"), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return Supervisor(
            ["/bin/sh", str(directory.bundle / "run.sh")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=directory.project,
            start_new_session=True,
            pass_fds=(lock,),
        )
    finally:
        os.close(log)
