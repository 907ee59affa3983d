"""The SDK with in-memory adapters, wired through the same composition root as any other."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foundations.adapters.memory import forget_store
from foundations.app.config.manager import ConfigManager
from foundations.app.config.settings import ADAPTER_KEYS, AdapterSettings, Settings
from foundations.app.sdk import Sdk
from foundations.app.sdk import config_manager as global_config_manager

_CLASSES = {
    "cache": "foundations.MemoryCacheBackend",
    "archive_listing": "foundations.MemoryPipelineListing",
    "deployment": "foundations.MemoryExecutionEnvironment",
    "job_bundler": "foundations.MemoryJobBundler",
}


def in_memory_settings(store: str) -> Settings:
    """Return settings that name the in-memory adapter of each port.

    Args:
        store: The name of the store that all adapters share; see :func:`foundations.adapters.memory.forget_store`.
    """
    adapters = {
        key: AdapterSettings(_CLASSES.get(name, "foundations.MemoryPipelineArchive"), key, (store,))
        for key, name in ADAPTER_KEYS.items()
    }
    return Settings.from_sections(adapters, Path.home)


@contextmanager
def in_memory_sdk() -> Iterator[Sdk]:
    """Yield an SDK with in-memory adapters, in a store of its own that is deleted afterwards.

    Inside the block, the functions that ``from foundations import *`` gives use that store too, in all threads.
    Configuration files, ``FOUNDATIONS_HOME`` and the data of other SDKs are neither read nor written.
    """
    store = f"testing-{secrets.token_hex(8)}"
    settings = in_memory_settings(store)
    config_manager = ConfigManager()
    config_manager.freeze(settings)
    try:
        with global_config_manager.replaced(settings):
            yield Sdk(config_manager)
    finally:
        forget_store(store)
