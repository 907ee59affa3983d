"""The archive: stores what jobs produced, by job name; it must never lose anything."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from foundations.ports.frames import Buffer
from foundations.ports.store import Store


class ArchiveItem(NamedTuple):
    """One item of a job.

    Attributes:
        name: Its name, ``/``-separated, as in ``artifacts/plot.png``.
        size: Bytes.
    """

    name: str
    size: int


class PipelineArchive(Store):
    """Stores named items under job names.

    An item name is 1 to 1,000 characters of one or more parts separated by ``/``; no part is empty, ``.`` or ``..``,
    and none holds NUL. Archives of several roles may share one store, since the roles prefix their item names.

    Promises, each tested by :class:`foundations.testing.PipelineArchiveContract`:

    - ``write``, ``write_file`` and ``append`` return only when a reader elsewhere would see the whole item.
    - A reader sees a whole item or none, whatever a writer does or dies of.
    - An item that is not there raises :class:`~foundations.errors.ItemNotFoundError`; an archive that cannot be
      read raises :class:`~foundations.errors.StorageUnavailableError`.
    - Files of any size go in and out in bounded memory.
    - A file written with a digest that the archive already holds is stored once, however many jobs refer to it.
    """

    __slots__ = ()

    @abstractmethod
    def write(self, job_name: str, item: str, data: Sequence[Buffer]) -> None:
        """Store the concatenation of `data` as `item`, replacing what was there."""

    @abstractmethod
    def write_file(self, job_name: str, item: str, source: Path, *, digest: str | None = None) -> None:
        """Store the content of the file `source` as `item`, replacing what was there.

        Args:
            job_name: The job.
            item: The item.
            source: A regular file.
            digest: 64 hexadecimal digits that identify its content, such as a SHA-256, where the caller has some:
                content that is stored under them already is referred to instead of being stored again.
        """

    @abstractmethod
    def append(self, job_name: str, item: str, data: Buffer) -> None:
        """Add `data` at the end of `item`, which is created where it is missing."""

    @abstractmethod
    def read(self, job_name: str, item: str) -> Buffer:
        """Return the content of `item`."""

    @abstractmethod
    def read_file(self, job_name: str, item: str, target: Path) -> None:
        """Write the content of `item` to the file `target`, which must not exist."""

    @abstractmethod
    def items(self, job_name: str, prefix: str = "") -> list[ArchiveItem]:
        """Return the items of a job whose names begin with `prefix`, by name; none for a job it does not know."""

    @abstractmethod
    def jobs(self) -> Iterator[str]:
        """Iterate over the names of the jobs that have items, in no particular order."""

    @abstractmethod
    def delete(self, job_name: str) -> None:
        """Remove a job's items, and what no other job refers to; nothing where there are none."""
