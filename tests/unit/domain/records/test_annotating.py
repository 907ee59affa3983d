import json
import threading
from types import SimpleNamespace

import pytest

from foundations.adapters.memory import MemoryPipelineArchive, MemoryPipelineListing, forget_store
from foundations.domain.jobs.archive_layout import ANNOTATIONS, JOB, Archives
from foundations.domain.records.annotating import annotate, archive_record
from foundations.domain.records.annotations import Annotations
from foundations.errors import JobNotFoundError, StorageUnavailableError
from foundations.ports.archive_listing import JobChange, JobRecord

WAIT = 60


@pytest.fixture
def stores(request):
    name = request.node.nodeid
    listing = MemoryPipelineListing(name)
    listing.track(JobRecord("job", 1.0, parameters={"rate": 0.5}))
    yield SimpleNamespace(listing=listing, archives=Archives(*[MemoryPipelineArchive(name)] * 6))
    forget_store(name)


def both(stores):
    """Return the annotations of the listing and of the archive."""
    record, archived = stores.listing.get("job"), stores.archives.read_annotations("job")
    return [(dict(record.tags), record.note), (dict(archived.tags), archived.note)]


def test_listing_and_archive_have_a_change(stores):
    annotate("job", JobChange(tags={"a": "1", "b": "2"}), stores)
    annotate("job", JobChange(removed_tags=("a", "absent"), note="good"), stores)
    assert [({"b": "2"}, "good")] * 2 == both(stores)


def test_a_job_that_begins_leaves_its_record_and_the_annotations_that_it_has(stores):
    archive_record("job", stores)
    assert ["job", [JOB]] == [
        stores.archives.read_record("job").job_name,
        [item.name for item in stores.archives.miscellaneous.items("job")],
    ]
    stores.listing.update("job", JobChange(tags={"a": "1"}))
    archive_record("job", stores)
    assert [({"a": "1"}, None)] * 2 == both(stores)


def test_a_job_that_has_not_begun_has_no_record_and_no_annotations(stores):
    assert (None, Annotations()) == (stores.archives.read_record("job"), stores.archives.read_annotations("job"))


def test_what_another_writer_changes_meanwhile_gets_into_the_archive(stores):
    """Between reading the listing and writing the archive, where the other has just written the newer state."""

    class Archive(MemoryPipelineArchive):
        def write(self, job_name, item, data):
            if not others:
                others.append("wrote")
                annotate("job", JobChange(tags={"b": "2"}), SimpleNamespace(**{**vars(stores), "archives": plain}))
            super().write(job_name, item, data)

    others, plain = [], stores.archives
    slow = Archives(*[Archive(plain.miscellaneous.store)] * 6)
    annotate("job", JobChange(tags={"a": "1"}), SimpleNamespace(**{**vars(stores), "archives": slow}))
    assert [({"a": "1", "b": "2"}, None)] * 2 == both(stores)


def test_changes_of_many_at_once_all_get_into_the_archive(stores):
    barrier = threading.Barrier(8)

    def work(number):
        barrier.wait(WAIT)
        for turn in range(20):
            annotate("job", JobChange(tags={f"{number}": f"{turn}"}), stores)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert [({str(number): "19" for number in range(8)}, None)] * 2 == both(stores)


def test_what_a_newer_version_has_added_is_kept(stores):
    stores.archives.miscellaneous.write("job", ANNOTATIONS, [b'{"format": 1, "colour": "red"}'])
    annotate("job", JobChange(note="x"), stores)
    document = json.loads(bytes(stores.archives.miscellaneous.read("job", ANNOTATIONS)))
    assert {"format": 1, "colour": "red", "tags": {}, "note": "x"} == document


@pytest.mark.parametrize(
    ("content", "reason"), [(b'{"format": 2}', "newer version"), (b"{", "cannot be read"), (b"\xff", "cannot be read")]
)
def test_what_cannot_be_read_is_not_written_over_and_the_listing_stays(stores, content, reason):
    stores.archives.miscellaneous.write("job", ANNOTATIONS, [content])
    with pytest.raises(StorageUnavailableError, match=reason):
        annotate("job", JobChange(note="x"), stores)
    assert (content, None) == (
        bytes(stores.archives.miscellaneous.read("job", ANNOTATIONS)),
        stores.listing.get("job").note,
    )


@pytest.mark.parametrize("content", [b'{"format": 2}', b"{", b"[]", b'{"format": 1, "job_name": "another"}'])
def test_a_record_that_cannot_be_read_is_an_error_that_names_it(stores, content):
    stores.archives.miscellaneous.write("job", JOB, [content])
    with pytest.raises(StorageUnavailableError, match=r"miscellaneous/job\.json of job job cannot be read"):
        stores.archives.read_record("job")


def test_a_job_that_the_listing_does_not_have_is_not_annotated(stores):
    stores.listing.remove("job")
    with pytest.raises(JobNotFoundError):
        annotate("job", JobChange(note="x"), stores)
    assert [] == stores.archives.miscellaneous.items("job")
