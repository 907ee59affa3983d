"""The local shell: a job is a process of this machine that outlives whoever submitted it."""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from foundations import events
from foundations.adapters._shared.bundle.unpack import unpack_bundle
from foundations.adapters._shared.fs import trusted
from foundations.adapters._shared.fs.files import locked_directory
from foundations.adapters._shared.fs.removal import remove_tree
from foundations.adapters._shared.supervision.liveness import Announcement, hold_lock, read_liveness
from foundations.adapters._shared.supervision.status import read_status
from foundations.adapters.local_shell.options import check_seconds, resolve_root
from foundations.adapters.local_shell.process import (
    Supervisor,
    locate_modules,
    run_program,
    signal_supervisor,
    start_supervisor,
)
from foundations.adapters.local_shell.requirements import check_requirements
from foundations.errors import ExecutionError, JobExistsError, StorageUnavailableError, UnsupportedPlatformError
from foundations.ports.execution import Capabilities, ExecutionEnvironment, JobHandle, JobStatus, Submission
from foundations.ports.frames import Buffer
from foundations.ports.job import check_job_name
from foundations.ports.job_layout import STREAMS, JobDirectory

_CAPABILITIES = Capabilities(
    crosses_processes=True, survives_the_caller=True, cancel=True, live_logs=True, needs_bundle_file=True
)


class LocalShellJobDeployment(ExecutionEnvironment):
    """Runs each job by its run script, under the submitting interpreter, in a session of its own.

    Args:
        root: The directory of all job directories, absolute; ``~/.foundations/local_shell`` by default.
        grace_seconds: How long a cancelled job may take to end by itself before it is killed.
        check_requirements: Whether ``requirements.txt`` is compared with what is installed before a job is submitted.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        *,
        grace_seconds: float = 10.0,
        check_requirements: bool = True,
    ) -> None:
        self.root = resolve_root(root)
        self.grace_seconds = check_seconds(grace_seconds)
        self._checks_requirements = check_requirements
        self._children: dict[str, Supervisor] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.root)!r})"

    @property
    def capabilities(self) -> Capabilities:
        """What this environment can do."""
        return _CAPABILITIES

    def check(self, project: Path) -> None:
        """Raise where `project` could not run here: another platform, an untrusted root."""
        if sys.platform != "linux":
            raise UnsupportedPlatformError(
                f"the local shell supervises jobs by means that only Linux has; this is {sys.platform}. Use a Linux"
                " machine, a container or WSL."
            )
        trusted.check_private_directory(self.root)

    def check_requirements(self, project: Path, imported: Callable[[], Collection[str]]) -> None:
        """Raise unless this interpreter has what ``requirements.txt`` lists and the stages import; warn of the rest."""
        if self._checks_requirements:
            check_requirements(project, imported)

    def locate_modules(self, names: Sequence[str], variables: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
        """Return where a fresh interpreter with a job's environment variables finds modules."""
        return locate_modules(names, variables)

    def run_program(self, program: str, data: Sequence[Buffer], variables: Mapping[str, str]) -> bytes:
        """Run a program by this interpreter, with a job's environment variables."""
        return run_program(program, data, variables)

    def handle(self, job_name: str) -> JobHandle:
        """Return the handle that a job of this name has, or would have, here."""
        return JobHandle(job_name=job_name, reference={"directory": str(self._jobs / check_job_name(job_name))})

    def submit(self, submission: Submission) -> None:
        """Verify and extract the bundle, and start its run script."""
        steps = events.Stopwatch()
        target = self._jobs / check_job_name(submission.job_name)
        for place in (self._jobs, self._runtimes, self._transit):
            trusted.ensure_private_directory(place)
        if target.exists():
            raise self._exists(target)
        self._reap()
        self._remove_abandoned()
        made = self._transit / os.urandom(8).hex()
        directory = JobDirectory(target)
        published = started = False
        lock = -1
        try:
            with locked_directory(self._transit):
                made.mkdir(mode=0o700)
                JobDirectory(made).state.mkdir(mode=0o700)
                lock = hold_lock(JobDirectory(made).lock)
            self._publish(made, target)  # Queued from now on, as long as the lock is held
            published = True
            runtime = unpack_bundle(submission.bundle, directory.bundle, directory.project, self._runtimes)
            events.debug("bundle_extracted", job_name=submission.job_name, took=steps.lap())
            self._children[submission.job_name] = start_supervisor(
                directory, submission, runtime, lock, self.grace_seconds
            )
            started = True
            events.debug(
                "job_started",
                job_name=submission.job_name,
                directory=str(target),
                runtime=str(runtime),
                took=steps.lap(),
            )
        except OSError as error:
            raise StorageUnavailableError(
                f"{error.filename or target}: the job directory could not be prepared, and the job was not"
                f" started: {error.strerror or error}",
                path=str(error.filename or target),
            ) from error
        finally:
            if published and not started:
                self._withdraw(target)
            elif not published:
                remove_tree(made)
            if lock >= 0:
                os.close(lock)

    def poll(self, handles: Sequence[JobHandle]) -> list[JobStatus | None]:
        """Return what is known of each job now."""
        self._reap()
        return [read_status(self._directory(handle)) for handle in handles]

    def wait(self, handles: Sequence[JobHandle], *, timeout: float | None, interval: float) -> None:
        """Return when one of the jobs has ended: the kernel wakes this process, where their supervisors run."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            all_started = True
            with ExitStack() as ends:
                poll = select.poll()
                for handle in handles:
                    end = Announcement.descriptor(self._directory(handle))
                    if end is None:
                        all_started = False
                    else:
                        ends.callback(os.close, end)
                        poll.register(end, select.POLLIN)
                    status = read_status(self._directory(handle))
                    if status is None or status.state.is_final:
                        return
                left = interval if all_started else min(interval, 0.02)
                if deadline is not None:
                    left = min(left, deadline - time.monotonic())
                    if left <= 0:
                        return
                poll.poll(left * 1000)
                self._reap()

    def cancel(self, handle: JobHandle) -> None:
        """Ask the supervisor to end the job, and end both where it does not."""
        directory = self._directory(handle)
        status = read_status(directory)
        if status is None or status.state.is_final:
            return
        directory.cancel_request.touch(mode=0o600)
        # Where the supervisor hangs and is killed, the kernel ends the worker with it.
        for number, seconds in ((signal.SIGTERM, 2 * self.grace_seconds + 5), (signal.SIGKILL, 5)):
            signal_supervisor(directory, number)
            self.wait([handle], timeout=seconds, interval=0.1)
            status = read_status(directory)
            if status is None or status.state.is_final:
                return
        raise ExecutionError(
            f"job {handle.job_name} could not be ended: some of its processes survived SIGKILL. Inspect the"
            f" processes whose environment has FOUNDATIONS_JOB_DIRECTORY={directory.path}"
        )

    def logs(self, handle: JobHandle, stream: str) -> bytes:
        """Return what the job has written so far to a stream."""
        if stream not in STREAMS:
            raise ExecutionError(f"a job has the streams 'stdout' and 'stderr', not {stream!r}")
        return _read_if_present(self._directory(handle).stream(stream)) or b""

    def read_fallback(self, handle: JobHandle, item: str) -> bytes | None:
        """Return an item that the job stored in its directory because its archive failed."""
        directory = self._directory(handle)
        if not directory.fallback.is_dir():
            return None
        trusted.is_private_directory(directory.fallback)  # else it raises: what it holds is unpickled
        return _read_if_present(directory.fallback_item(item))

    def release(self, handle: JobHandle) -> None:
        """Remove the directory of a job that has ended."""
        directory = self._directory(handle)
        status = read_status(directory)
        if status is None:
            return
        if not status.state.is_final:
            raise ExecutionError(f"job {handle.job_name} is {status.state.value}; cancel it before releasing it")
        self._withdraw(directory.path)

    # -- inside -------------------------------------------------------------------------------------------------------

    @property
    def _jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def _runtimes(self) -> Path:
        return self.root / "runtimes"

    @property
    def _transit(self) -> Path:
        """Where jobs' directories are made and removed, so that nobody ever sees part of one."""
        return self.root / "transit"

    def _remove_abandoned(self) -> None:
        """Remove what is left of processes that died while they made or removed a job's directory."""
        with locked_directory(self._transit):
            abandoned = [path for path in self._transit.iterdir() if not read_liveness(JobDirectory(path)).alive]
        for path in abandoned:
            try:
                remove_tree(path)
            except OSError as error:  # it is in nobody's way
                events.info("abandoned_directory_not_removed", path=str(path), reason=str(error))

    def _directory(self, handle: JobHandle) -> JobDirectory:
        return JobDirectory(Path(handle.reference["directory"]))

    def _exists(self, target: Path) -> JobExistsError:
        return JobExistsError(
            f"job name {target.name!r} is taken: {target} is the directory of an earlier job. Choose another name.",
            job_name=target.name,
        )

    def _publish(self, made: Path, target: Path) -> None:
        try:
            made.rename(target)  # refused where the target is a directory with anything in it, as each of ours is
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise self._exists(target) from error
            raise

    def _withdraw(self, path: Path) -> None:
        """Remove a job's directory at once: part of it would look like a lost job."""
        trusted.ensure_private_directory(self._transit)
        removed = self._transit / os.urandom(8).hex()
        try:
            path.rename(removed)
        except FileNotFoundError:  # another process was faster
            return
        remove_tree(removed)

    def _reap(self) -> None:
        """Reap the supervisors that this process started and that have ended."""
        for name, child in list(self._children.items()):
            if child.poll() is not None:
                del self._children[name]


def _read_if_present(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
