"""What proves an adapter, and what tests of pipelines need; pytest is imported only by what needs it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foundations.testing.contracts.archive import PipelineArchiveContract
    from foundations.testing.contracts.cache import CacheBackendContract
    from foundations.testing.contracts.listing import PipelineListingContract

__all__ = ["CacheBackendContract", "PipelineArchiveContract", "PipelineListingContract"]

_MODULES = {
    "CacheBackendContract": "foundations.testing.contracts.cache",
    "PipelineArchiveContract": "foundations.testing.contracts.archive",
    "PipelineListingContract": "foundations.testing.contracts.listing",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
