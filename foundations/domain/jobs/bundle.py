"""Bundles: everything that is needed to run one job, in one file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from foundations.domain.jobs.job import Job
from foundations.ports.bundling import (
    BUNDLE_CONFIG,
    BUNDLE_JOB,
    BUNDLE_RUN_SCRIPT,
    BUNDLE_RUNNER,
    BundleContents,
    BundleFile,
    JobBundler,
)
from foundations.ports.execution import ExecutionEnvironment, Submission
from foundations.ports.serialisation import Serialiser

RUNTIME_PACKAGES = ("foundations", "attr", "attrs", "cloudpickle", "structlog", "yaml")
"""The import packages that let a bare Python run a job."""


def bundle_contents(
    job: Job,
    configuration: Mapping[str, Any],
    *,
    project_member: str,
    extra_source_paths: tuple[Path, ...] = (),
    excluded: tuple[Path, ...] = (),
    serialiser: Serialiser,
    read_resource: Callable[[str], bytes],
) -> BundleContents:
    """Return what goes into the bundle of a job, which lies beside the job's project directory.

    Args:
        job: The job.
        configuration: What the job's process wires itself from, of JSON's own types.
        project_member: Where the packed project lies inside the bundle.
        extra_source_paths: Further source directories, absolute paths.
        excluded: Directories, absolute paths, that are left out of these.
        serialiser: Serialises the job.
        read_resource: Returns the content of the run script and of the runner by their names.

    Raises:
        NotSerialisableError: Something in the job cannot be pickled.
    """
    project = Path(job.project)
    return BundleContents(
        job_name=job.name,
        members={
            BUNDLE_JOB: b"".join(job.to_buffers(serialiser)),
            BUNDLE_CONFIG: json.dumps(configuration, indent=1).encode(),
            BUNDLE_RUN_SCRIPT: read_resource(BUNDLE_RUN_SCRIPT),
            BUNDLE_RUNNER: read_resource(BUNDLE_RUNNER),
        },
        project=project,
        project_member=project_member,
        directory=project.parent,
        extra_source_paths=extra_source_paths,
        runtime_packages=RUNTIME_PACKAGES,
        excluded=excluded,
    )


class Bundle:
    """Everything that is needed to run one job, in one file.

    It is made and submitted by the process that runs a pipeline, and discarded once its environment has it.

    Args:
        file: The file.
        bundler: The bundler that made it.

    Attributes:
        file: The file.
        job_name: The job.
    """

    def __init__(self, file: BundleFile, bundler: JobBundler) -> None:
        self.file = file
        self.job_name = file.job_name
        self._bundler = bundler

    @classmethod
    def make(cls, contents: BundleContents, bundler: JobBundler) -> Bundle:
        """Make a bundle.

        Raises:
            BundleExistsError: There is a file of its name; it is left as it is.
            BundleError: Something cannot be packed; nothing is left behind.
        """
        return cls(bundler.make(contents), bundler)

    def verify(self) -> None:
        """Raise :class:`~foundations.errors.DamagedBundleError` unless every byte is as it was packed."""
        self._bundler.verify(self.file)

    def read_job(self) -> bytes:
        """Return the serialised job, which :meth:`Job.from_buffer` reads.

        Raises:
            DamagedBundleError: The bundle has none.
        """
        return self._bundler.read(self.file, BUNDLE_JOB)

    def read_project(self, project_member: str) -> bytes:
        """Return the packed project.

        Args:
            project_member: Where it lies inside the bundle.

        Raises:
            DamagedBundleError: It does not lie there.
        """
        return self._bundler.read(self.file, project_member)

    def submit(self, environment: ExecutionEnvironment, variables: Mapping[str, str]) -> None:
        """Have an execution environment run the bundle.

        Args:
            environment: The environment.
            variables: Environment variables for the run script.

        Raises:
            JobExistsError: The job's name is taken there.
            DamagedBundleError: The bundle is not what was packed; nothing of it was run.
            ExecutionError: The job cannot be started; nothing is left behind.
        """
        environment.submit(Submission(job_name=self.job_name, bundle=self.file, variables=variables))

    def discard(self) -> None:
        """Remove the file and whatever was made for it; do nothing where it is gone already."""
        self._bundler.discard(self.file)

    def __repr__(self) -> str:
        return f"<bundle of job {self.job_name}>"
