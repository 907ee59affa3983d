"""Read the configuration of the working directory, and make the cache that it names."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from foundations.errors import ConfigurationError

if TYPE_CHECKING:
    from foundations.app.config.settings import Settings
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


def read_cache(
    environment: str | None, files: Sequence[Path] | None, *, imports_project: bool = False
) -> ConfiguredCache:
    """Return the cache of the working directory.

    Args:
        environment: The named environment to choose, as in ``set_environment``.
        files: Configuration files to add, as in ``add_config_path``.
        imports_project: Whether adapters may be modules of the working directory: code of whoever wrote it runs then,
            so a command that only looks imports none.

    Raises:
        ConfigurationError: The configuration is wrong, or the working directory is gone.
        UntrustedLocationError: Another user could have written a configuration file.
    """
    from foundations.app.use_cases.project.show_configuration import describe_adapter
    from foundations.app.wiring import Wiring

    settings = read_settings(environment, files, imports_project=imports_project)
    return ConfiguredCache(Wiring(settings=settings).cache, describe_adapter(settings.cache))


def read_settings(environment: str | None, files: Sequence[Path] | None, *, imports_project: bool = False) -> Settings:
    """Return the configuration of the working directory, for its adapters to be made; see :func:`read_cache`."""
    settings = read_configuration(environment, files)
    directory = os.getcwd()
    if not imports_project:
        _refuse_project_modules(settings, Path(directory))
    elif directory not in sys.path:
        sys.path.append(directory)  # adapters of the project's own are modules there, as they are for its scripts
    return settings


def read_configuration(environment: str | None, files: Sequence[Path] | None) -> Settings:
    """Return the configuration of the working directory, to be looked at; see :func:`read_cache`."""
    from foundations.app.config.manager import ConfigManager

    try:
        os.getcwd()
    except OSError as error:
        raise ConfigurationError(
            f"the working directory, which says where the cache is, is gone: {error.strerror}. Change to another one."
        ) from error
    manager = ConfigManager()
    for file in files or ():
        manager.add_config_path(file)
    manager.set_environment(environment)
    return manager.settings()


def _refuse_project_modules(settings: Settings, directory: Path) -> None:
    """Raise where an adapter's module is found only in the working directory."""
    from foundations.app.config.settings import ADAPTER_KEYS

    for entry in (getattr(settings, name) for name in ADAPTER_KEYS.values()):
        module = entry.type_name.split(".")[0]
        if not any((directory / name).exists() for name in (module, f"{module}.py")) or find_spec(module) is not None:
            continue
        raise ConfigurationError(
            f"{entry.type_name} is code of the working directory, and a command that only looks runs none of it. Where"
            " you trust it, set PYTHONPATH=. for the command, or install the module.",
            file=entry.origin.file,
            line=entry.origin.line,
            key=entry.key,
            found=entry.type_name,
            expected="the dotted name of an installed class",
        )
