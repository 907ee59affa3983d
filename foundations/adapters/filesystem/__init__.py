"""Storage in directories of a local or mounted file system; all of it may share one root."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foundations.adapters.filesystem.archive import LocalFileSystemPipelineArchive
    from foundations.adapters.filesystem.cache.backend import LocalFileSystemCacheBackend
    from foundations.adapters.filesystem.listing import LocalFileSystemPipelineListing

_MODULES = {
    "LocalFileSystemCacheBackend": "cache.backend",
    "LocalFileSystemPipelineArchive": "archive",
    "LocalFileSystemPipelineListing": "listing",
}

__all__ = ["LocalFileSystemCacheBackend", "LocalFileSystemPipelineArchive", "LocalFileSystemPipelineListing"]


def __getattr__(name: str) -> Any:
    """Load an adapter when it is asked for: a job's processes need few, and wait for each."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
