"""What the tests of whole deployments share: projects in directories of their own, and processes to watch."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 90
"""Seconds after which a test gives up; nothing takes nearly as long."""

THOROUGH = bool(os.environ.get("FOUNDATIONS_THOROUGH"))
"""Whether repetitions of one kind are all run, as ``make thorough`` has them; else some stand for the others."""

REPORT = """
import json, sys
from foundations import *
deployment = load_job(sys.argv[1])
cause, message, original = None, "", None
try:
    result = deployment.fetch_job_results(timeout=60)
except RemoteException as error:
    result, cause, message, original = error.result, error.cause, str(error), repr(error.__cause__)
contexts = [context for context in result["stage_contexts"].values() if context["has_stage_output"]]
print(json.dumps({
    "status": deployment.get_job_status(),
    "cause": cause,
    "message": message,
    "original": original,
    "stdout": deployment.get_job_logs("stdout"),
    "stderr": deployment.get_job_logs("stderr"),
    "outputs": sorted(repr(context["stage_output"]) for context in contexts),
}))
"""
"""A script that prints, as JSON, how the job of a name ended."""

MEETING = """
import os
def meet():
    with open({say!r}, "w") as stream:
        stream.write(f"{{os.getpid()}} {{os.getppid()}}\\n")
    with open({hear!r}) as stream:
        stream.readline()
"""
"""Source of ``meet()``: a stage tells the test the process ids of its worker and supervisor, and waits for it."""


class Project:
    """A project directory, a home for foundations, and two FIFOs, all below a test's own directory."""

    def __init__(self, place: Path, warm_home: Path | None = None) -> None:
        self.place = place
        self.root = place / "work" / "project"
        self.home = place / "home"
        self.root.mkdir(parents=True)
        self.home.mkdir(mode=0o700)
        if warm_home is not None:
            for part in ("runtime", "local_shell/runtimes"):
                shutil.copytree(warm_home / part, self.home / part, copy_function=os.link)
            for made in ("runtime", "local_shell", "local_shell/runtimes"):
                (self.home / made).chmod(0o700)
        self._say, self._hear = place / "say", place / "hear"
        os.mkfifo(self._say)
        os.mkfifo(self._hear)
        self._open: list[int] = []
        self._children: list[subprocess.Popen[str]] = []

    def close(self) -> None:
        """End what a failing test left."""
        for name in self.job_names():
            for pid in processes_of(self.job_directory(name)):
                kill(pid)
        for child in self._children:
            if child.poll() is None:
                child.kill()
            child.communicate()
        for descriptor in self._open:
            os.close(descriptor)

    def settle(self) -> None:
        """Wait until what ended jobs needed is removed: a job's end is told before that."""
        for name in self.job_names():
            assert wait_until_gone(processes_of(self.job_directory(name)))
        listing = self.home / "archive" / "listing.sqlite3"
        if listing.exists():  # whoever closes it last tidies up what it had beside it; that may have been killed
            with closing(sqlite3.connect(listing)) as connection:
                connection.execute("PRAGMA user_version").fetchone()

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write files into the project."""
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def environment(self, variables: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment that its processes get."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FOUNDATIONS_", "PYTEST_", "PYTHON")) and name != "VIRTUAL_ENV"
        }
        return {**inherited, "FOUNDATIONS_HOME": str(self.home), **(variables or {})}

    def start(
        self,
        *arguments: str,
        cwd: Path | None = None,
        variables: Mapping[str, str] | None = None,
        python: str = sys.executable,
    ) -> subprocess.Popen[str]:
        """Start Python in the project's directory."""
        child = subprocess.Popen(
            [python, *arguments],
            cwd=cwd or self.root,
            env=self.environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._children.append(child)
        return child

    def attempt(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run Python in the project's directory to its end, whatever it is."""
        child = self.start(*arguments, **options)
        stdout, stderr = child.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(child.args, child.returncode, stdout, stderr)

    def run(self, *arguments: str, **options: Any) -> str:
        """Run Python in the project's directory and return what it prints."""
        return succeeded(self.attempt(*arguments, **options))

    def refusal(self, *arguments: str, **options: Any) -> str:
        """Run Python in the project's directory, have it fail, and return the last line of its errors."""
        done = self.attempt(*arguments, **options)
        assert 1 == done.returncode, (done.stdout, done.stderr)
        return done.stderr

    def report(self, job_name: str, **options: Any) -> dict[str, Any]:
        """Return how a job ended, as a fresh process tells it."""
        report: dict[str, Any] = json.loads(self.run("-c", REPORT, job_name, **options))
        return report

    def reports(self, job_name: str, count: int) -> list[dict[str, Any]]:
        """Return how a job ended, as several processes tell it that ask at once."""
        children = [self.start("-c", REPORT, job_name) for _ in range(count)]
        found = []
        for child in children:
            stdout, stderr = child.communicate(timeout=PATIENCE)
            assert 0 == child.returncode, stderr
            found.append(json.loads(stdout))
        return found

    # -- talking with a running stage ---------------------------------------------------------------------------------

    @property
    def meeting(self) -> str:
        """Source that defines ``meet()``."""
        return MEETING.format(say=str(self._say), hear=str(self._hear))

    def met(self) -> list[int]:
        """Wait until a stage calls ``meet()`` and return the numbers that it tells: worker, supervisor."""
        descriptor = os.open(self._say, os.O_RDWR | os.O_NONBLOCK)
        self._open.append(descriptor)
        return [int(number) for number in _read_line(descriptor).split()]

    def go_on(self) -> None:
        """Let the stage that called ``meet()`` go on."""
        descriptor = os.open(self._hear, os.O_RDWR)
        self._open.append(descriptor)
        os.write(descriptor, b"\n")

    def said(self, name: str, text: str) -> None:
        """Wait until a running job's supervisor has kept `text`, which its worker has written to stdout."""
        stdout = self.job_directory(name) / "state" / "stdout"
        deadline = time.monotonic() + PATIENCE
        while text.encode() not in stdout.read_bytes():
            assert time.monotonic() < deadline, f"{text!r} was not kept"
            os.sched_yield()

    # -- looking ------------------------------------------------------------------------------------------------------

    def job_names(self) -> list[str]:
        """Return the names of what lies in the jobs' directory."""
        jobs = self.home / "local_shell" / "jobs"
        return sorted(os.listdir(jobs)) if jobs.is_dir() else []

    def job_directory(self, name: str) -> Path:
        """Return a job's directory."""
        return self.home / "local_shell" / "jobs" / name

    def beside(self) -> list[str]:
        """Return what lies in the project's parent."""
        return sorted(os.listdir(self.root.parent))


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a directory of this name that is made once for all workers of a run; nobody changes it later."""
    own = factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    place, made = shared / name, shared / f"{name}.made"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            place.mkdir()
            make(place)
            made.touch()
    return place


def warm_home(factory: pytest.TempPathFactory) -> Path:
    """Return a home for foundations in which a job has run, so that the runtime is packed and extracted."""
    return once(factory, "warm", _warm_up) / "home"


def _warm_up(place: Path) -> None:
    project = Project(place)
    project.write({"train.py": "from foundations import *\npipeline.stage(int).run().fetch_job_results()\n"})
    project.run("train.py")
    project.close()


def succeeded(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a process printed that was to succeed."""
    assert 0 == done.returncode, (done.stdout, done.stderr)
    return done.stdout


def tree(*roots: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return everything below some directories: mode, a file's time, and content by path."""
    found = {}
    for root in roots:
        for path in [root, *root.rglob("*")]:
            status = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found[str(path)] = (status.st_mode, 0 if path.is_dir() else status.st_mtime_ns, content)
    return found


def processes_of(directory: Path) -> list[int]:
    """Return the processes that were started for the job in this directory."""
    wanted = f"FOUNDATIONS_JOB_DIRECTORY={directory}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                variables = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if wanted in variables:
                found.append(int(entry.name))
    return found


def wait_until_gone(pids: Iterable[int]) -> bool:
    """Wait for the end of processes; return whether all have ended."""
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            if not poll.poll(PATIENCE * 1000):
                return False
        finally:
            os.close(descriptor)
    return True


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Signal a process, where it is still there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _read_line(descriptor: int) -> str:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    data = b""
    while not data.endswith(b"\n"):
        assert poll.poll(PATIENCE * 1000), "nothing was said"
        data += os.read(descriptor, 4096)
    return data.decode()
