"""Contract tests for adapters, and an SDK in memory for tests of pipelines.

A contract class tests an adapter of its port. :func:`in_memory_settings` and :func:`in_memory_sdk` run pipelines
without disk or processes; the latter is also a fixture of pytest, as soon as foundations is installed. pytest itself is
imported by the contract classes alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foundations.testing.contracts.archive import PipelineArchiveContract
    from foundations.testing.contracts.bundling import JobBundlerContract
    from foundations.testing.contracts.cache import CacheBackendContract
    from foundations.testing.contracts.execution import ExecutionEnvironmentContract
    from foundations.testing.contracts.listing import PipelineListingContract
    from foundations.testing.contracts.listing_queries import ListingQueriesContract
    from foundations.testing.in_memory import in_memory_sdk, in_memory_settings

__all__ = [
    "CacheBackendContract",
    "ExecutionEnvironmentContract",
    "JobBundlerContract",
    "ListingQueriesContract",
    "PipelineArchiveContract",
    "PipelineListingContract",
    "in_memory_sdk",
    "in_memory_settings",
]

_MODULES = {
    "CacheBackendContract": "foundations.testing.contracts.cache",
    "ExecutionEnvironmentContract": "foundations.testing.contracts.execution",
    "JobBundlerContract": "foundations.testing.contracts.bundling",
    "ListingQueriesContract": "foundations.testing.contracts.listing_queries",
    "PipelineArchiveContract": "foundations.testing.contracts.archive",
    "PipelineListingContract": "foundations.testing.contracts.listing",
    "in_memory_sdk": "foundations.testing.in_memory",
    "in_memory_settings": "foundations.testing.in_memory",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
