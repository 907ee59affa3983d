"""Jobs that prove an execution environment: real bundles of pipelines of Python's own functions."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from foundations.adapters.cloudpickling import CloudpickleSerialiser
from foundations.app.config.manager import ConfigManager
from foundations.app.config.settings import Settings
from foundations.app.sdk import Sdk
from foundations.app.use_cases.deploy import read_resource
from foundations.app.use_cases.run_inline import run_pipeline
from foundations.domain.jobs.bundle import Bundle, bundle_contents
from foundations.domain.jobs.job import Job
from foundations.domain.pipeline.graph import Pipeline
from foundations.domain.pipeline.stage import Stage
from foundations.ports.bundling import BundleFile, JobBundler
from foundations.ports.execution import BundleRunner, Submission
from foundations.ports.job import EndCause, JobEnd, JobState


class Gate:
    """Holds a job up until it is opened: a FIFO that the job reads a byte from."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._descriptor = os.open(path, os.O_RDWR)

    def open(self) -> None:
        """Let the job go on; again is nothing."""
        os.write(self._descriptor, b"!")

    def close(self) -> None:
        """Close the gate, at which no job waits any more."""
        os.close(self._descriptor)


class JobMaker:
    """Makes submissions.

    Args:
        bundler: Makes their bundles.
        directory: A new directory for the files that the jobs read and write.

    Attributes:
        names: The names of all jobs that were made.
    """

    def __init__(self, bundler: JobBundler, directory: Path) -> None:
        self.names: list[str] = []
        self._bundler = bundler
        self._directory = directory
        self._gates: list[Gate] = []
        self._serialiser = CloudpickleSerialiser()
        sdk = Sdk(ConfigManager())
        self._stage = sdk.pipeline.stage
        self._settings = Settings.from_sections({}, lambda: directory / "storage")
        (directory / "project").mkdir(parents=True)
        (directory / "project" / "data.txt").write_text("data of the project")

    def writing(self, name: str) -> tuple[Submission, Path]:
        """Return a job that writes ``it ran`` into a file, and the file."""
        written = self._directory / f"{name}.written"
        return self._submission(name, self._stage(Path.write_text, written, "it ran")), written

    def writing_variable(self, name: str, variable: str) -> tuple[Submission, Path]:
        """Return a job that writes the value of an environment variable into a file, and the file."""
        written = self._directory / f"{name}.written"
        return self._submission(name, self._stage(Path.write_text, written, self._stage(os.getenv, variable))), written

    def failing(self, name: str) -> Submission:
        """Return a job whose function raises ValueError."""
        return self._submission(name, self._stage(int, "no number"))

    def gated(self, name: str) -> tuple[Submission, Gate]:
        """Return a job that runs until its gate is opened, and the gate."""
        return self._behind_gate(name, ())

    def printing(self, name: str) -> Submission:
        """Return a job that prints ``a line``."""
        return self._submission(name, self._stage(print, "a line"))

    def printing_before_gate(self, name: str) -> tuple[Submission, Gate]:
        """Return a job that prints ``a line`` and runs on until its gate is opened, and the gate."""
        return self._behind_gate(name, (self._stage(print, "a line", flush=True),))

    def killing_its_supervisor(self, name: str) -> Submission:
        """Return a job whose process kills its supervisor."""
        killed = self._stage(os.kill, self._stage(os.getppid), signal.SIGKILL)
        return self._submission(name, self._stage(signal.pause).require(killed))

    def open_gates(self) -> None:
        """Open all gates, also for jobs that have not come to them yet."""
        for gate in self._gates:
            gate.open()

    def close_gates(self) -> None:
        """Close all gates, when every job has ended."""
        for gate in self._gates:
            gate.close()
        self._gates.clear()

    def _behind_gate(self, name: str, first: tuple[Stage, ...]) -> tuple[Submission, Gate]:
        path = self._directory / f"{name}.gate"
        gate = Gate(path)
        self._gates.append(gate)
        opened = self._stage(os.open, str(path), os.O_RDONLY).require(*first)
        return self._submission(name, self._stage(os.read, opened, 1)), gate

    def _submission(self, name: str, stage: Stage) -> Submission:
        self.names.append(name)
        project = self._directory / "project"
        job = Job(name=name, pipeline=Pipeline.of(stage), parameters={}, project=str(project), import_paths=())
        contents = bundle_contents(
            job,
            self._settings.to_json(),
            project_member="project.tgz",
            serialiser=self._serialiser,
            read_resource=read_resource,
        )
        return Submission(job_name=name, bundle=self._bundler.make(contents))


def make_bundle_runner(bundler: JobBundler) -> BundleRunner:
    """Return what runs the bundles of a :class:`JobMaker` in the calling thread, without archives and a listing."""

    def run(file: BundleFile) -> JobEnd:
        bundle = Bundle(file, bundler)
        bundle.verify()
        job = Job.from_buffer(bundle.read_job(), CloudpickleSerialiser())
        try:
            run_pipeline(job.pipeline, job.parameters)
        except Exception as error:
            return JobEnd(
                job_name=job.name,
                state=JobState.ERROR,
                cause=EndCause.USER_CODE,
                message=str(error),
                ended_at=time.time(),
            )
        return JobEnd(job_name=job.name, state=JobState.COMPLETED, ended_at=time.time())

    return run
