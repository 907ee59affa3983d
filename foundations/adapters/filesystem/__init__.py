"""Storage in directories of a local or mounted file system; all of it may share one root."""

from foundations.adapters.filesystem.archive import LocalFileSystemPipelineArchive
from foundations.adapters.filesystem.cache import LocalFileSystemCacheBackend
from foundations.adapters.filesystem.listing import LocalFileSystemPipelineListing

__all__ = ["LocalFileSystemCacheBackend", "LocalFileSystemPipelineArchive", "LocalFileSystemPipelineListing"]
