import uuid

import pytest

from foundations.adapters.memory import (
    MemoryCacheBackend,
    MemoryPipelineArchive,
    MemoryPipelineListing,
    forget_store,
)
from foundations.errors import StorageUnavailableError
from foundations.ports.archive_listing import JobQuery, JobRecord
from foundations.testing.contracts.archive import PipelineArchiveContract
from foundations.testing.contracts.cache import CacheBackendContract
from foundations.testing.contracts.listing import PipelineListingContract


@pytest.fixture
def store():
    name = uuid.uuid4().hex
    yield name
    forget_store(name)


class TestMemoryCacheBackend(CacheBackendContract):
    @pytest.fixture
    def cache(self, store):
        return MemoryCacheBackend(store)


class TestMemoryPipelineArchive(PipelineArchiveContract):
    @pytest.fixture
    def archive(self, store):
        return MemoryPipelineArchive(store)

    def test_a_source_that_is_not_there_is_unavailable(self, archive, tmp_path):
        with pytest.raises(StorageUnavailableError, match="No such file"):
            archive.write_file("job", "item", tmp_path / "absent")

    def test_a_target_that_cannot_be_written_is_unavailable(self, archive, tmp_path):
        archive.write("job", "item", [b"content"])
        with pytest.raises(StorageUnavailableError, match="No such file"):
            archive.read_file("job", "item", tmp_path / "absent" / "target")


class TestMemoryPipelineListing(PipelineListingContract):
    @pytest.fixture
    def listing(self, store):
        return MemoryPipelineListing(store)


class TestStores:
    def test_adapters_of_one_name_share_what_they_keep(self, store):
        MemoryCacheBackend(store).put("key", [b"value"])
        assert [b"value"] == MemoryCacheBackend(store).get("key")
        assert MemoryCacheBackend(store + "-other").get("key") is None
        forget_store(store + "-other")

    def test_a_forgotten_store_is_empty(self, store):
        cache, archive, listing = MemoryCacheBackend(store), MemoryPipelineArchive(store), MemoryPipelineListing(store)
        cache.put("key", [b"value"])
        archive.write("job", "item", [b"content"])
        listing.track(JobRecord(job_name="job", submitted_at=1.0))
        forget_store(store)
        assert (None, [], []) == (cache.get("key"), list(archive.jobs()), listing.find(JobQuery()))

    def test_forgetting_a_store_that_is_not_there_does_nothing(self):
        forget_store("never used")

    def test_adapters_say_that_other_processes_cannot_see_them(self):
        adapters = (MemoryCacheBackend, MemoryPipelineArchive, MemoryPipelineListing)
        assert [True] * 3 == [adapter.in_this_process_only for adapter in adapters]
        assert ["default"] * 3 == [adapter().store for adapter in adapters]
