"""Bundling: everything needed to run one job, in one file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, NamedTuple

BUNDLE_JOB = "job.bin"
BUNDLE_CONFIG = "job.config.yaml"
BUNDLE_RUN_SCRIPT = "run.sh"
BUNDLE_RUNNER = "main.py"


def extra_source_member(number: int) -> str:
    """Return where the extra source path of this number lies inside the extracted project."""
    return f".foundations_extra/{number}"


class BundleContents(NamedTuple):
    """What goes into a bundle.

    Attributes:
        job_name: The job, and the bundle's top directory.
        members: Small files at its root by name: ``run.sh``, ``main.py``, ``job.bin``, ``job.config.yaml``.
        project: The project directory, an absolute path; packed whole but for what its ignore file leaves out.
        project_member: Where the packed project lies inside the bundle, as in ``test_bundle.tgz``.
        directory: Where the bundle should be made; a private temporary directory serves where it cannot be written.
        extra_source_paths: Further source directories, absolute, packed beside the project's files.
        runtime_packages: The import packages that let a bare Python run the job: the SDK and what it needs.
    """

    job_name: str
    members: Mapping[str, bytes]
    project: Path
    project_member: str
    directory: Path
    extra_source_paths: tuple[Path, ...] = ()
    runtime_packages: tuple[str, ...] = ()


class Bundle(NamedTuple):
    """A bundle that was made.

    Attributes:
        job_name: The job.
        path: The file, for bundles that are files.
        index_size: How many bytes at the file's end are its index: the manifest and the small members. They vouch for
            every byte before them.
        sha256: Of the index, in hexadecimal; sent beside the file.
        digest: The manifest's digest: the same for the same contents.
        size: Bytes.
    """

    job_name: str
    path: Path | None
    index_size: int
    sha256: str
    digest: str
    size: int


class JobBundler(ABC):
    """Makes bundles.

    Promises, each tested by :class:`foundations.testing.JobBundlerContract`:

    - The same contents give the same digest, and the same bytes.
    - What cannot be packed raises :class:`~foundations.errors.BundleError` with its path, and leaves nothing behind.
    - A file that is already there is never overwritten: :class:`~foundations.errors.BundleExistsError`.
    - ``verify`` raises :class:`~foundations.errors.DamagedBundleError` where anything differs from what was packed.
    """

    __slots__ = ()

    in_this_process_only: ClassVar[bool] = False
    """True where another process cannot see what is stored here; a job in another process is then refused."""

    @abstractmethod
    def make(self, contents: BundleContents) -> Bundle:
        """Make a bundle."""

    @abstractmethod
    def verify(self, bundle: Bundle) -> None:
        """Raise :class:`~foundations.errors.DamagedBundleError` unless every byte is as it was packed."""

    @abstractmethod
    def read(self, bundle: Bundle, member: str) -> bytes:
        """Return one of the members at the root, as in ``job.bin``."""

    @abstractmethod
    def discard(self, bundle: Bundle) -> None:
        """Remove a bundle of this bundler's and whatever was made for it; nothing where it is gone already."""
