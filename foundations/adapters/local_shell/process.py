"""Starting and signalling a job's supervisor, a process that outlives whoever submitted the job."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from foundations import events
from foundations.adapters._shared.supervision.liveness import read_liveness
from foundations.errors import ExecutionError
from foundations.ports.bundling import BUNDLE_RUN_SCRIPT
from foundations.ports.execution import Submission
from foundations.ports.frames import Buffer
from foundations.ports.job_layout import JobDirectory

_LOCATE_SECONDS = 60
_LOCATE = """
import importlib.util, json, os, sys
places = {}
for name in sys.argv[1:]:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is not None:
        places[name] = list(spec.submodule_search_locations or [spec.origin])
        if spec.submodule_search_locations is not None and spec.origin is not None:
            places[name].append(os.path.dirname(spec.origin))  # hooks of editable installs make up the other
print(json.dumps(places))
"""
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
    environment = _job_environment(submission.variables)
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


def locate_modules(names: Sequence[str], variables: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return where the interpreter of a job finds modules, each with its file or, of a package, its directories.

    Args:
        names: Top-level modules.
        variables: Environment variables for the run script.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _LOCATE, *names],
            env=_job_environment(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LOCATE_SECONDS,
            check=True,
        )
        located = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        events.warning("modules_not_located", interpreter=sys.executable, reason=str(error))
        return {}
    return {name: tuple(places) for name, places in located.items() if places}


def run_program(program: str, data: Sequence[Buffer], variables: Mapping[str, str]) -> bytes:
    """Run a Python program by the interpreter of a job, and return its standard output; errors are printed as usual.

    Args:
        program: Its source.
        data: What it reads from its standard input, to the end, before it prints anything.
        variables: Environment variables for the run script.

    Raises:
        ExecutionError: The program failed.
    """
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", program],
        env=_job_environment(variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        try:
            with suppress(BrokenPipeError):  # its exit code shows why
                for buffer in data:
                    child.stdin.write(buffer)  # type: ignore[union-attr]
            output, _ = child.communicate()
        except BaseException:
            child.kill()
            raise
    if child.returncode:
        raise ExecutionError(f"a process of {sys.executable} ended with exit code {child.returncode}; see its errors")
    return output


def _job_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of a job that is submitted here; relative paths of modules become absolute."""
    environment = {name: value for name, value in os.environ.items() if name not in _PRIVATE_VARIABLES}
    environment.update(variables)
    if environment.get("PYTHONPATH"):  # an empty one names no directory
        entries = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(os.path.abspath(entry) for entry in entries)
    return environment


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
