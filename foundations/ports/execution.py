"""Execution environments: where jobs run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import attrs

from foundations.ports.bundling import BundleFile
from foundations.ports.frames import Buffer
from foundations.ports.job import JobEnd, JobState

BundleRunner: TypeAlias = Callable[[BundleFile], JobEnd]
"""Verifies a bundle, runs its job to its end in the calling thread and returns the end record.

An environment that runs jobs in its own process takes one as the keyword argument ``bundle_runner`` of its constructor.
The composition root supplies it; it is None where no job is submitted. Whoever supplies it also discards the bundle.
"""


@attrs.frozen
class Capabilities:
    """What an execution environment can do; the needs of a run are compared with it before anything is packed.

    Attributes:
        crosses_processes: Jobs run in other processes, so storage must be reachable from there. Jobs
            in the submitter's own process are run by a :data:`BundleRunner`.
        survives_the_caller: Jobs go on when the submitting process ends.
        cancel: Jobs can be cancelled.
        live_logs: Logs can be read while the job runs.
        needs_bundle_file: Bundles must be files.
    """

    crosses_processes: bool
    survives_the_caller: bool
    cancel: bool
    live_logs: bool
    needs_bundle_file: bool


@attrs.frozen
class JobHandle:
    """How any process finds a job again in its environment.

    Attributes:
        job_name: The job.
        reference: What the environment finds it by, of JSON's own types.
    """

    job_name: str
    reference: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class JobStatus:
    """What an environment knows of a job now.

    Attributes:
        job_name: The job.
        state: Where it is.
        end: The end record, where the state is final.
    """

    job_name: str
    state: JobState
    end: JobEnd | None = None


@attrs.frozen
class Submission:
    """What an environment is to run.

    Attributes:
        job_name: The job.
        bundle: The file to run; its SHA-256 goes beside it and is verified before anything of it runs.
        variables: Environment variables for the run script.
    """

    job_name: str
    bundle: BundleFile
    variables: Mapping[str, str] = attrs.field(factory=dict)


class ExecutionEnvironment(ABC):
    """Runs bundles.

    Promises, each tested by :class:`foundations.testing.ExecutionEnvironmentContract`:

    - ``submit`` verifies the bundle before anything of it runs, and returns without waiting for the job.
    - A job name is taken once: submitting it again raises :class:`~foundations.errors.JobExistsError`.
    - A job's end is the same for every reader, in any process, however often it is read; it never changes.
    - A job whose process has vanished is ``Error`` with the cause ``lost``, never ``Running``.
    - ``poll`` returns None for a job that the environment does not know.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What this environment can do."""

    def check(self, project: Path) -> None:
        """Raise :class:`~foundations.errors.ExecutionError` where `project` could not run here. Optional."""

    def locate_modules(self, names: Sequence[str], variables: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
        """Return where a job's interpreter here would find modules outside the project; import nothing. Optional.

        Args:
            names: Top-level modules.
            variables: Environment variables for the run script.

        Returns:
            The file of each module, or its directories where it is a package. A module that would be missing is left
            out, and so is every module where the interpreter cannot be asked.
        """
        return {}

    def run_program(self, program: str, data: Sequence[Buffer], variables: Mapping[str, str]) -> bytes | None:
        """Run a Python program by a job's interpreter, outside any job, and return what it prints. Optional.

        ``stage.explain()`` computes content keys so. The program finds the files of the caller by their paths.

        Args:
            program: The source of the program.
            data: What it reads from its standard input.
            variables: Environment variables for the run script.

        Returns:
            Its standard output; None where no program can be run so.

        Raises:
            ExecutionError: The program failed.
        """
        return None

    def check_requirements(self, project: Path, imported: Callable[[], Collection[str]]) -> None:
        """Raise unless the job's interpreter has the packages that `project` lists and its stages need. Optional.

        Args:
            project: The project directory.
            imported: Returns the dotted names of what the modules of the stages import, and of the packages of these.

        Raises:
            MissingRequirementsError: Some are missing.
        """

    @abstractmethod
    def handle(self, job_name: str) -> JobHandle:
        """Return the handle that a job of this name has, or would have, here; start nothing."""

    @abstractmethod
    def submit(self, submission: Submission) -> None:
        """Start a job.

        Raises:
            JobExistsError: The name is taken here.
            DamagedBundleError: The bundle is not what was packed; nothing of it was run.
            ExecutionError: The job cannot be started; nothing is left behind.
        """

    @abstractmethod
    def poll(self, handles: Sequence[JobHandle]) -> list[JobStatus | None]:
        """Return what is known of each job now, in order; None for one that the environment does not know."""

    @abstractmethod
    def wait(self, handles: Sequence[JobHandle], *, timeout: float | None, interval: float) -> None:
        """Return when any of `handles` has ended or is not known, or after `timeout` seconds.

        Args:
            handles: Jobs to wait for, at least one.
            timeout: Seconds; None waits for ever.
            interval: The longest time in seconds between two checks, where the environment is not notified of an end.
        """

    @abstractmethod
    def cancel(self, handle: JobHandle) -> None:
        """End a job and every process of it, politely at first, and return when it has ended, whichever way.

        Do nothing where it has ended already or is not known.

        Raises:
            CapabilityError: The job runs, and jobs cannot be cancelled here.
        """

    @abstractmethod
    def logs(self, handle: JobHandle, stream: str) -> bytes:
        """Return what the job has written so far to `stream`, ``stdout`` or ``stderr``."""

    @abstractmethod
    def read_fallback(self, handle: JobHandle, item: str) -> bytes | None:
        """Return an item that the job stored here because its archive failed; None where there is none."""

    @abstractmethod
    def release(self, handle: JobHandle) -> None:
        """Remove what the environment still stores of a job that has ended."""
