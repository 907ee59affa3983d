"""Storage in directories of a local or mounted file system; all adapters may share one root.

``archive``, ``cache`` and ``listing`` hold an adapter each; ``root`` checks the directory that an adapter is given.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foundations.adapters.filesystem.archive.pipeline_archive import LocalFileSystemPipelineArchive
    from foundations.adapters.filesystem.cache.backend import LocalFileSystemCacheBackend
    from foundations.adapters.filesystem.listing.pipeline_listing import LocalFileSystemPipelineListing

_MODULES = {
    "LocalFileSystemCacheBackend": "cache.backend",
    "LocalFileSystemPipelineArchive": "archive.pipeline_archive",
    "LocalFileSystemPipelineListing": "listing.pipeline_listing",
}

__all__ = ["LocalFileSystemCacheBackend", "LocalFileSystemPipelineArchive", "LocalFileSystemPipelineListing"]


def __getattr__(name: str) -> Any:
    """Import an adapter when it is first used: a job's processes use few of them, and each import takes time."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
