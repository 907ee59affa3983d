"""Jobs as threads of this process, for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import attrs

from foundations.adapters.memory.stores import InStore, MemoryJob
from foundations.errors import CapabilityError, DamagedBundleError, ExecutionError, JobExistsError
from foundations.ports.execution import (
    BundleRunner,
    Capabilities,
    ExecutionEnvironment,
    JobHandle,
    JobStatus,
    Submission,
)
from foundations.ports.job import EndCause, JobEnd, JobState, check_job_name
from foundations.ports.job_layout import STREAMS

_CAPABILITIES = Capabilities(
    crosses_processes=False, survives_the_caller=False, cancel=False, live_logs=False, needs_bundle_file=False
)


@attrs.frozen
class MemoryExecutionEnvironment(InStore, ExecutionEnvironment):
    """Runs each job in a thread of this process. For tests: there are no logs, and a job ends with the process.

    Args:
        store: The name of the store of the jobs; environments of the same name share their jobs.
        bundle_runner: Runs a bundle in the calling thread; None where no job is submitted.
    """

    bundle_runner: BundleRunner | None = attrs.field(default=None, kw_only=True, eq=False, repr=False)

    @property
    def capabilities(self) -> Capabilities:
        """What this environment can do."""
        return _CAPABILITIES

    def handle(self, job_name: str) -> JobHandle:
        """Return the handle that a job of this name has, or would have, here."""
        return JobHandle(job_name=check_job_name(job_name), reference={"store": self.store})

    def submit(self, submission: Submission) -> None:
        """Run the job in a thread; where its bundle is damaged, that is how the job ends."""
        runner, job = self.bundle_runner, MemoryJob()
        if runner is None:
            raise ExecutionError(
                f"job {submission.job_name} cannot be started: this environment was constructed without a bundle_runner"
            )
        with self._store.lock:
            if submission.job_name in self._store.jobs:
                raise JobExistsError(f"job name {submission.job_name!r} is taken", job_name=submission.job_name)
            self._store.jobs[submission.job_name] = job

        def run() -> None:
            try:
                job.end = runner(submission.bundle)
            except BaseException as error:
                damaged = isinstance(error, DamagedBundleError)
                job.end = JobEnd(
                    job_name=submission.job_name,
                    state=JobState.ERROR,
                    cause=EndCause.DAMAGED_BUNDLE if damaged else EndCause.ENVIRONMENT_SETUP,
                    message=f"{type(error).__name__}: {error}",
                    ended_at=time.time(),
                )
            finally:
                job.ended.set()

        threading.Thread(target=run, name=f"job {submission.job_name}", daemon=True).start()

    def poll(self, handles: Sequence[JobHandle]) -> list[JobStatus | None]:
        """Return the status of each job now."""
        return [self._status(handle.job_name) for handle in handles]

    def wait(self, handles: Sequence[JobHandle], *, timeout: float | None, interval: float) -> None:
        """Return when one of the jobs has ended."""
        deadline = None if timeout is None else time.monotonic() + timeout
        jobs = [self._store.jobs.get(handle.job_name) for handle in handles]
        while not any(job is None or job.ended.is_set() for job in jobs):
            left = interval if len(jobs) == 1 else min(interval, 0.01)
            if deadline is not None:
                left = min(left, deadline - time.monotonic())
                if left <= 0:
                    return
            first = jobs[0]
            if first is not None:
                first.ended.wait(left)

    def cancel(self, handle: JobHandle) -> None:
        """Refuse: a thread cannot be ended from outside."""
        job = self._store.jobs.get(handle.job_name)
        if job is not None and job.end is None:
            raise CapabilityError(f"job {handle.job_name} runs in a thread of this process, which cannot be cancelled")

    def logs(self, handle: JobHandle, stream: str) -> bytes:
        """Return nothing: a thread writes to its process's own streams."""
        if stream not in STREAMS:
            raise ExecutionError(f"a job has the streams 'stdout' and 'stderr', not {stream!r}")
        return b""

    def read_fallback(self, handle: JobHandle, item: str) -> bytes | None:
        """Return None: items are stored in archives alone."""
        return None

    def release(self, handle: JobHandle) -> None:
        """Remove a job that has ended from the store."""
        with self._store.lock:
            job = self._store.jobs.get(handle.job_name)
            if job is not None and job.end is None:
                raise ExecutionError(f"job {handle.job_name} is Running; it cannot be released yet")
            self._store.jobs.pop(handle.job_name, None)

    def _status(self, job_name: str) -> JobStatus | None:
        job = self._store.jobs.get(job_name)
        if job is None:
            return None
        return JobStatus(job_name=job_name, state=JobState.RUNNING if job.end is None else job.end.state, end=job.end)
