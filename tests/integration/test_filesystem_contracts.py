from pathlib import Path

import pytest

from foundations.adapters.filesystem import (
    LocalFileSystemCacheBackend,
    LocalFileSystemPipelineArchive,
    LocalFileSystemPipelineListing,
)
from foundations.testing.contracts.archive import PipelineArchiveContract
from foundations.testing.contracts.cache import CacheBackendContract
from foundations.testing.contracts.listing import PipelineListingContract
from foundations.testing.contracts.listing_queries import ListingQueriesContract


class TestLocalFileSystemCacheBackend(CacheBackendContract):
    @pytest.fixture
    def cache(self, tmp_path: Path) -> LocalFileSystemCacheBackend:
        return LocalFileSystemCacheBackend(tmp_path / "store")


class TestLocalFileSystemCacheBackendThatVerifiesEverything(CacheBackendContract):
    @pytest.fixture
    def cache(self, tmp_path: Path) -> LocalFileSystemCacheBackend:
        return LocalFileSystemCacheBackend(tmp_path / "store", verify="full")


class TestLocalFileSystemCacheBackendThatCompresses(CacheBackendContract):
    @pytest.fixture
    def cache(self, tmp_path: Path) -> LocalFileSystemCacheBackend:
        return LocalFileSystemCacheBackend(tmp_path / "store", compress="zstd")


class TestLocalFileSystemPipelineArchive(PipelineArchiveContract):
    @pytest.fixture
    def archive(self, tmp_path: Path) -> LocalFileSystemPipelineArchive:
        return LocalFileSystemPipelineArchive(tmp_path / "store")


class TestLocalFileSystemPipelineListing(PipelineListingContract, ListingQueriesContract):
    @pytest.fixture
    def listing(self, tmp_path: Path) -> LocalFileSystemPipelineListing:
        return LocalFileSystemPipelineListing(tmp_path / "store")
