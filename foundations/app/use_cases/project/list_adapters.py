"""The use case behind ``foundations adapters``: the shipped adapters and the configured ones, by port."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module

import attrs

from foundations.app.config.settings import ADAPTER_KEYS, AdapterSettings, Settings
from foundations.app.construction import construct, load_class
from foundations.errors import FoundationsError
from foundations.ports.archive import PipelineArchive
from foundations.ports.archive_listing import PipelineListing
from foundations.ports.bundling import JobBundler
from foundations.ports.cache import CacheBackend
from foundations.ports.execution import ExecutionEnvironment

_PORTS: Mapping[type, str] = {
    CacheBackend: "cache_implementation",
    PipelineListing: "archive_listing_implementation",
    PipelineArchive: "artifact_archive_implementation",
    ExecutionEnvironment: "deployment_implementation",
    JobBundler: "job_bundler_implementation",
}
"""The ports whose adapters a configuration names, each with a key that names one."""


@attrs.frozen
class AdapterDescription:
    """A class that implements a port.

    Attributes:
        port: The name of the port.
        type_name: The dotted name, as a configuration has it.
        is_shipped: Whether it comes with foundations.
        keys: The top-level keys under which the configuration names it.
        capabilities: What it can do, by name; empty where it cannot be told.
        problem: Why it cannot be used as it is configured; None where it can, or is not configured.
    """

    port: str
    type_name: str
    is_shipped: bool
    keys: tuple[str, ...]
    capabilities: Mapping[str, bool]
    problem: str | None = None


def list_adapters(settings: Settings) -> list[AdapterDescription]:
    """Return the shipped and the configured adapters, in the order of their ports; the shipped ones first.

    Args:
        settings: The configuration.
    """
    configured = [getattr(settings, name) for name in ADAPTER_KEYS.values()]
    facade = import_module("foundations")
    shipped = [f"foundations.{name}" for name in dir(facade) if name[0].isupper()]
    found = []
    for port, key in _PORTS.items():
        names = [name for name in shipped if _implements(getattr(facade, name.rpartition(".")[2]), port)]
        entries = [entry for entry in configured if _port_of(entry) is port]
        for name in dict.fromkeys([*names, *(entry.type_name for entry in entries)]):
            own = [entry for entry in entries if entry.type_name == name]
            found.append(_describe(port, name, name in names, own or [AdapterSettings(name, key)], bool(own)))
    return found


def _implements(value: object, port: type) -> bool:
    return isinstance(value, type) and issubclass(value, port)


def _port_of(entry: AdapterSettings) -> type:
    keys = {key: port for port, key in _PORTS.items()}
    return keys.get(entry.key, PipelineArchive)


def _describe(
    port: type, name: str, is_shipped: bool, entries: list[AdapterSettings], is_configured: bool
) -> AdapterDescription:
    capabilities: Mapping[str, bool] = {}
    problem: str | None = None
    try:
        found = load_class(entries[0], port)
        if port is ExecutionEnvironment:
            environment = construct(entries[0], ExecutionEnvironment, os.environ, bundle_runner=None)
            capabilities = attrs.asdict(environment.capabilities)
        else:
            capabilities = {"in_this_process_only": bool(getattr(found, "in_this_process_only", False))}
    except FoundationsError as error:
        problem = str(error) if is_configured else None
    keys = tuple(entry.key for entry in entries) if is_configured else ()
    return AdapterDescription(port.__name__, name, is_shipped, keys, capabilities, problem)
