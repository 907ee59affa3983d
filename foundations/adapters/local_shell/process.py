"""Starting and signalling a job's supervisor, a process that outlives whoever submitted the job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from foundations.adapters._shared.supervision.liveness import read_liveness
from foundations.ports.bundling import BUNDLE_RUN_SCRIPT
from foundations.ports.execution import Submission
from foundations.ports.job_layout import JobDirectory

_PRIVATE_VARIABLES = ("FOUNDATIONS_PYTHON", "FOUNDATIONS_JOB_DIRECTORY", "FOUNDATIONS_RUNTIME", "FOUNDATIONS_LOCK")


class Supervisor(subprocess.Popen[bytes]):
    """A child that is meant to outlive this process: dropping one that runs deserves no warning."""

    def __del__(self) -> None:
        super().__del__(_warn=lambda *arguments, **keywords: None)  # type: ignore[call-arg]


def start_supervisor(
    directory: JobDirectory, submission: Submission, runtime: Path, lock: int, grace_seconds: float
) -> Supervisor:
    """Start the run script of an extracted bundle, in a session of its own.

    Args:
        directory: The job's directory.
        submission: What was submitted.
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
    log = os.open(directory.supervisor_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return Supervisor(
            ["/bin/sh", str(directory.bundle / BUNDLE_RUN_SCRIPT)],
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


def signal_supervisor(directory: JobDirectory, number: signal.Signals) -> None:
    """Send a signal to the supervisor of a job; nothing where it has not started yet, or is gone."""
    pid = read_liveness(directory).pid
    if pid is None:  # one that has not started yet finds the cancel request
        return
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            if read_liveness(directory).pid == pid:  # otherwise it has ended, and the number may be another's
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)
