"""Bundling: everything that is needed to run one job, in one file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from foundations.errors import CapabilityError

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
        directory: Where the bundle is made; a private temporary directory serves where it cannot be written.
        extra_source_paths: Further source directories, absolute paths; they are packed beside the project's files.
        runtime_packages: The import packages that let a bare Python run the job: the SDK and what it needs.
        excluded: Directories, absolute paths, that are left out where one of the others contains them: those in which
            the job's adapters store data.
    """

    job_name: str
    members: Mapping[str, bytes]
    project: Path
    project_member: str
    directory: Path
    extra_source_paths: tuple[Path, ...] = ()
    runtime_packages: tuple[str, ...] = ()
    excluded: tuple[Path, ...] = ()


class BundleFile(NamedTuple):
    """The file that a bundler made of a bundle's contents.

    Attributes:
        job_name: The job.
        path: The file, for bundles that are files.
        index_size: The size in bytes of the index at the file's end: the manifest and the small members. They vouch for
            every byte before them.
        sha256: The SHA-256 of the index, in hexadecimal; it is sent beside the file.
        digest: The digest of the manifest: the same for the same contents.
        size: The size of the file in bytes.
    """

    job_name: str
    path: Path | None
    index_size: int
    sha256: str
    digest: str
    size: int


class ListedFile(NamedTuple):
    """A file of a project, and whether bundles hold it.

    Attributes:
        path: The path inside the extracted project, as in ``data/points.csv``; that of a directory ends in ``/``.
        size: The size in bytes; None for a directory, whose content is left out with it.
        reason: What leaves it out, as in ``line 3 of .foundationsignore (*.log)``; None where bundles hold it.
    """

    path: str
    size: int | None
    reason: str | None = None


class JobBundler(ABC):
    """Makes bundles.

    Promises, each tested by :class:`foundations.testing.JobBundlerContract`:

    - The same contents give the same digest, and the same bytes.
    - A file that grows, shrinks, appears or vanishes meanwhile stops nothing: it is packed as it is when it is opened.
    - What cannot be packed raises :class:`~foundations.errors.BundleError` with its path, and leaves nothing behind.
    - A file that is already there is never overwritten: :class:`~foundations.errors.BundleExistsError`.
    - ``verify`` raises :class:`~foundations.errors.DamagedBundleError` where anything differs from what was packed.
    - ``list_files`` names every file that a bundle would hold, and what leaves each other one out; it packs nothing.
    """

    __slots__ = ()

    in_this_process_only: ClassVar[bool] = False
    """True where another process cannot see what is stored here; a job in another process is then refused."""

    @abstractmethod
    def make(self, contents: BundleContents) -> BundleFile:
        """Make a bundle of `contents` and return its file.

        Raises:
            BundleExistsError: There is a file of its name; it is left as it is.
            BundleError: Something cannot be packed; nothing is left behind.
        """

    @abstractmethod
    def verify(self, bundle: BundleFile) -> None:
        """Raise :class:`~foundations.errors.DamagedBundleError` unless every byte is as it was packed."""

    @abstractmethod
    def read(self, bundle: BundleFile, member: str) -> bytes:
        """Return the content of the member at this path inside the bundle, as in ``job.bin``.

        Raises:
            DamagedBundleError: The bundle has no such member.
        """

    def explain_exclusion(self, project: Path, path: str) -> str | None:
        """Return what leaves a path out of the bundles of a project, for a message; None where nothing is known to.

        Args:
            project: The project directory, or a copy of it that has been extracted.
            path: The path of a file or directory, relative to `project`; it need not exist.
        """
        return None

    def list_files(
        self, project: Path, extra_source_paths: Sequence[Path] = (), excluded: Sequence[Path] = ()
    ) -> list[ListedFile]:
        """Return the files and links that a bundle of a project would hold now, and what it would leave out; make none.

        How large the project is makes no difference: that it is too large is found in the list.

        Args:
            project: The project directory, an absolute path.
            extra_source_paths: As in :class:`BundleContents`.
            excluded: As in :class:`BundleContents`.

        Raises:
            BundleError: Something cannot be packed.
            CapabilityError: This bundler cannot list files, which is the default.
        """
        raise CapabilityError(f"{type(self).__name__} cannot list the files of a bundle: it has no list_files().")

    @abstractmethod
    def discard(self, bundle: BundleFile) -> None:
        """Remove a bundle that this bundler made, and whatever was made for it; do nothing where it is gone already."""
