"""Annotating a job: the listing is changed first, and the document in the archive is made from it.

The listing applies each change atomically. Whoever writes the document reads the listing again afterwards, until both
agree: so the last of several writers at once leaves all their changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from foundations.ports.archive_listing import JobChange, JobRecord, PipelineListing

if TYPE_CHECKING:  # a job's supervisor, which loads this module, needs neither
    from foundations.domain.records.annotations import Annotations
    from foundations.ports.execution import JobHandle


class RecordArchives(Protocol):
    """Where the records of a job are archived."""

    def write_record(self, record: JobRecord) -> None:
        """Write what is fixed of a job's record."""

    def read_annotations(self, job_name: str) -> Annotations:
        """Return the annotations of a job; empty ones where there are none."""

    def write_annotations(self, job_name: str, annotations: Annotations) -> None:
        """Replace the annotations of a job."""


class RecordStores(Protocol):
    """The archives and the listing of a job."""

    @property
    def archives(self) -> RecordArchives:
        """The archives."""

    @property
    def listing(self) -> PipelineListing:
        """The archive listing."""


def annotate(job_name: str, change: JobChange, stores: RecordStores) -> None:
    """Change a job's record in the listing, and bring the annotations in its archive into line.

    Raises:
        JobNotFoundError: The listing has no such job; nothing was changed.
        StorageError: A newer version of foundations has written the annotations, or they cannot be read: nothing was
            changed. Or the archive cannot be written: the listing has the change.
    """
    archived = stores.archives.read_annotations(job_name)
    stores.listing.update(job_name, change)
    archive_annotations(job_name, stores, archived)


def archive_annotations(job_name: str, stores: RecordStores, archived: Annotations) -> None:
    """Write the annotations that the listing has of a job into its archive, where that has others.

    Args:
        job_name: The job.
        stores: Its archives and listing.
        archived: The annotations that the archive has.
    """
    while True:
        record = stores.listing.get(job_name)
        present = archived._replace(tags=dict(record.tags), note=record.note)
        if (present.tags, present.note) == (dict(archived.tags), archived.note):
            return
        stores.archives.write_annotations(job_name, present)
        archived = present


def archive_record(job_name: str, stores: RecordStores) -> None:
    """Write what the listing has of a job that begins into its archive: its record, and its annotations if any.

    Raises:
        StorageError: The listing cannot be read, or the archive cannot be written.
    """
    record = stores.listing.get(job_name)
    stores.archives.write_record(record)
    if record.tags or record.note is not None:
        archive_annotations(job_name, stores, stores.archives.read_annotations(job_name))


class WithAnnotations:
    """The methods of a deployment that annotate its job: at any time, by anybody who can write listing and archive."""

    _handle: JobHandle
    _stores: RecordStores

    def set_tag(self, name: str, value: str | float | bool = "") -> None:
        """Tag the job; a tag of the same name is replaced.

        Args:
            name: Any text that is not blank.
            value: Text, a number or a truth value, which is stored as text.

        Raises:
            FoundationsError: Name or value is of another kind.
            JobNotFoundError: The listing has the job no longer.
            StorageError: The listing or the archive cannot be written.
        """
        from foundations.domain.records.labels import check_tag

        annotate(self._handle.job_name, JobChange(tags=dict([check_tag(name, value)])), self._stores)

    def remove_tag(self, name: str) -> None:
        """Remove a tag of the job; nothing where it has none of that name.

        Raises:
            FoundationsError: The name is of another kind.
            JobNotFoundError: The listing has the job no longer.
            StorageError: The listing or the archive cannot be written.
        """
        from foundations.domain.records.labels import check_tag

        annotate(self._handle.job_name, JobChange(removed_tags=(check_tag(name)[0],)), self._stores)

    def set_note(self, text: str) -> None:
        """Replace the note of the job; an empty text removes it.

        Raises:
            FoundationsError: It is no text.
            JobNotFoundError: The listing has the job no longer.
            StorageError: The listing or the archive cannot be written.
        """
        from foundations.domain.records.labels import check_note

        annotate(self._handle.job_name, JobChange(note=check_note(text)), self._stores)
