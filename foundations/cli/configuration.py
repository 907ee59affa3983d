"""Read the configuration of the working directory, and make the cache that it names."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from foundations.errors import ConfigurationError

if TYPE_CHECKING:
    from foundations.app.config.settings import AdapterSettings, Settings
    from foundations.ports.cache import CacheBackend


@attrs.frozen
class ConfiguredCache:
    """A cache of the configuration.

    Attributes:
        cache: The cache.
        name: Its class and arguments as they are configured.
    """

    cache: CacheBackend
    name: str

    def describe_empty(self) -> str:
        """Return the text for a cache without entries."""
        if self.cache.in_this_process_only:
            return f"{self.name} keeps its entries in the process that puts them: here it is empty."
        return (
            f"The cache is empty: {self.name}.\n"
            "Outputs of stages get into it that ask for it, as in train(data).enable_caching().run()."
        )


def read_cache(environment: str | None, files: Sequence[Path] | None) -> ConfiguredCache:
    """Return the cache of the working directory.

    Args:
        environment: The named environment to choose, as in ``set_environment``.
        files: Configuration files to add, as in ``add_config_path``.

    Raises:
        ConfigurationError: The configuration is wrong, or the working directory is gone.
    """
    from foundations.app.wiring import Wiring

    settings = read_settings(environment, files)
    return ConfiguredCache(Wiring(settings=settings).cache, _name(settings.cache))


def read_settings(environment: str | None, files: Sequence[Path] | None) -> Settings:
    """Return the configuration of the working directory; see :func:`read_cache`.

    Raises:
        ConfigurationError: The configuration is wrong, or the working directory is gone.
    """
    from foundations.app.config.manager import ConfigManager

    try:
        directory = os.getcwd()
    except OSError as error:
        raise ConfigurationError(
            f"the working directory, which says where the cache is, is gone: {error.strerror}. Change to another one."
        ) from error
    if directory not in sys.path:
        sys.path.append(directory)  # adapters of the project's own are modules there, as they are for its scripts
    manager = ConfigManager()
    for file in files or ():
        manager.add_config_path(file)
    manager.set_environment(environment)
    return manager.settings()


def _name(entry: AdapterSettings) -> str:
    """Return a class and its arguments as the file has them, so that no variable's value is shown."""
    arguments = [*map(str, entry.arguments), *(f"{name}={value}" for name, value in entry.keyword_arguments.items())]
    return f"{entry.type_name}({', '.join(arguments)})"
