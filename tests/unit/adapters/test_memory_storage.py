import uuid

import pytest

from foundations import events
from foundations.adapters.memory import (
    MemoryCacheBackend,
    MemoryPipelineArchive,
    MemoryPipelineListing,
    forget_store,
)
from foundations.adapters.memory.stores import memory_store
from foundations.errors import StorageUnavailableError
from foundations.ports.archive_listing import JobRecord
from foundations.ports.cache import CachedValue
from foundations.ports.job_query import JobQuery
from foundations.testing.contracts.archive import PipelineArchiveContract
from foundations.testing.contracts.cache import CacheBackendContract
from foundations.testing.contracts.listing import PipelineListingContract
from foundations.testing.contracts.listing_queries import ListingQueriesContract


@pytest.fixture
def store():
    name = uuid.uuid4().hex
    yield name
    forget_store(name)


class TestMemoryCacheBackend(CacheBackendContract):
    @pytest.fixture
    def cache(self, store):
        return MemoryCacheBackend(store)

    def test_what_was_set_aside_is_kept_with_the_reason(self, cache, store, monkeypatch):
        told = []
        monkeypatch.setattr(events, "warning", lambda event, **keys: told.append((event, keys)))
        cache.put("key", [b"value"], b"known")
        cache.set_aside("key", "damaged")
        value, reason = memory_store(store).aside["key"]
        assert ((b"value",), b"known", "damaged") == (value.buffers, value.metadata, reason)
        assert [("cache_entry_damaged", {"key": "key", "reason": "damaged", "store": store})] == told

    def test_a_holder_that_has_not_renewed_its_lease_for_a_minute_is_overtaken(self, cache, store):
        first = cache.lease("key")
        first.renewed_at -= 59.0
        assert cache.lease("key") is None
        first.renewed_at -= 2.0
        second = cache.lease("key")
        first.release()
        first.renew()
        assert second is not None
        assert cache.lease("key") is None


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


class TestMemoryPipelineListing(PipelineListingContract, ListingQueriesContract):
    @pytest.fixture
    def listing(self, store):
        return MemoryPipelineListing(store)


class TestStores:
    def test_adapters_of_one_name_share_what_they_keep(self, store):
        MemoryCacheBackend(store).put("key", [b"value"], b"known")
        assert CachedValue(b"known", [b"value"]) == MemoryCacheBackend(store).get("key")
        assert MemoryCacheBackend(store + "-other").get("key") is None
        forget_store(store + "-other")

    def test_a_forgotten_store_is_empty(self, store):
        cache, archive, listing = MemoryCacheBackend(store), MemoryPipelineArchive(store), MemoryPipelineListing(store)
        cache.put("key", [b"value"])
        archive.write("job", "item", [b"content"])
        listing.track(JobRecord(job_name="job", submitted_at=1.0))
        forget_store(store)
        assert (None, [], []) == (cache.get("key"), list(archive.jobs()), list(listing.find(JobQuery())))

    def test_forgetting_a_store_that_is_not_there_does_nothing(self):
        forget_store("never used")

    def test_adapters_say_that_other_processes_cannot_see_them(self):
        adapters = (MemoryCacheBackend, MemoryPipelineArchive, MemoryPipelineListing)
        assert [True] * 3 == [adapter.in_this_process_only for adapter in adapters]
        assert ["default"] * 3 == [adapter().store for adapter in adapters]
