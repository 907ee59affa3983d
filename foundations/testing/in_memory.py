"""The SDK on memory alone, wired through the same composition root as always."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foundations.adapters.memory import forget_store
from foundations.app.config.manager import ConfigManager
from foundations.app.config.settings import ADAPTER_KEYS, AdapterSettings, Settings
from foundations.app.sdk import Sdk

_CLASSES = {
    "cache": "foundations.MemoryCacheBackend",
    "archive_listing": "foundations.MemoryPipelineListing",
    "deployment": "foundations.MemoryExecutionEnvironment",
    "job_bundler": "foundations.MemoryJobBundler",
}


def in_memory_settings(store: str) -> Settings:
    """Return settings that name the in-memory adapter for each part.

    Args:
        store: The name of the store that all of them share; see :func:`foundations.adapters.memory.forget_store`.
    """
    adapters = {
        key: AdapterSettings(_CLASSES.get(name, "foundations.MemoryPipelineArchive"), key, (store,))
        for key, name in ADAPTER_KEYS.items()
    }
    return Settings.from_sections(adapters, Path.home)


@contextmanager
def in_memory_sdk() -> Iterator[Sdk]:
    """Give an SDK of which every part is in memory, in a store of its own that is forgotten afterwards.

    Configuration files, ``FOUNDATIONS_HOME`` and what other SDKs have stored are neither read nor written.
    """
    store = f"testing-{secrets.token_hex(8)}"
    config_manager = ConfigManager()
    config_manager.freeze(in_memory_settings(store))
    try:
        yield Sdk(config_manager)
    finally:
        forget_store(store)
