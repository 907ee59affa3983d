"""The configuration as frozen values. One process reads them from YAML; they reach every other as JSON.

Every job's process imports this module, so it loads neither YAML nor attrs.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from foundations.app.config.values import from_json_value, to_json_value
from foundations.concealment import remember_secret
from foundations.errors import ConfigurationError

ADAPTER_KINDS: Mapping[str, str] = {
    "cache": "cache_type",
    "archive_listing": "archive_listing_type",
    "stage_log_archive": "archive_type",
    "persisted_data_archive": "archive_type",
    "provenance_archive": "archive_type",
    "job_source_archive": "archive_type",
    "artifact_archive": "archive_type",
    "miscellaneous_archive": "archive_type",
    "deployment": "deployment_type",
    "job_bundler": "job_bundler_type",
}
"""The name of each part that can be swapped, and the key that holds the dotted name of its class."""

ADAPTER_KEYS: Mapping[str, str] = {f"{name}_implementation": name for name in ADAPTER_KINDS}
"""The top-level key of each part that can be swapped, and its name."""

SECTIONS = ("job_source_bundle", "artifact_path", "run_script_environment", "cache_audit", "user_settings")
"""The other top-level keys."""

TOP_LEVEL_KEYS = (*ADAPTER_KEYS, *SECTIONS)
"""Every top-level key of a configuration file."""

_VARIABLE = r"\$\$\{|\$\{(?P<name>[^{}]*)(?P<end>\}?)"
_VARIABLE_NAME = r"[A-Za-z_][A-Za-z0-9_]*\Z"


class Origin(NamedTuple):
    """The place of a part of the configuration.

    Attributes:
        file: The path of the file; None for a default.
        line: The line, from 1; None where it is unknown.
    """

    file: str | None = None
    line: int | None = None


class AdapterSettings(NamedTuple):
    """The class of an adapter, and the arguments of its constructor.

    Attributes:
        type_name: The dotted name of the class.
        key: The top-level key, as in ``cache_implementation``.
        arguments: The positional arguments, of JSON's types; ``${VAR}`` unresolved.
        keyword_arguments: The keyword arguments, likewise.
        origin: The line of the dotted name.
    """

    type_name: str
    key: str
    arguments: tuple[Any, ...] = ()
    keyword_arguments: Mapping[str, Any] = {}
    origin: Origin = Origin()

    def to_mapping(self) -> dict[str, Any]:
        """Return the entry as it is in a file."""
        return {
            ADAPTER_KINDS[ADAPTER_KEYS[self.key]]: self.type_name,
            "constructor_arguments": list(self.arguments),
            "constructor_keyword_arguments": dict(self.keyword_arguments),
        }

    @classmethod
    def from_mapping(cls, key: str, entry: Mapping[str, Any], origin: Origin) -> AdapterSettings:
        """Return the settings that :meth:`to_mapping` was called on."""
        return cls(
            entry[ADAPTER_KINDS[ADAPTER_KEYS[key]]],
            key,
            tuple(entry["constructor_arguments"]),
            dict(entry["constructor_keyword_arguments"]),
            origin,
        )


class SourceBundleSettings(NamedTuple):
    """Where the packed project is in the bundle.

    Attributes:
        bundle_name: The packed project's file name, without ``.tgz``.
        target_path: The directory of the packed project, relative to the bundle's root.
        extra_source_paths: Further source directories to pack, as configured.
    """

    bundle_name: str = "job_source"
    target_path: str = "."
    extra_source_paths: tuple[str, ...] = ()

    @property
    def member(self) -> str:
        """The packed project's path inside the bundle.

        >>> SourceBundleSettings("test_bundle", "./sub").member
        'sub/test_bundle.tgz'
        """
        return posixpath.normpath(posixpath.join(self.target_path, f"{self.bundle_name}.tgz"))


class Settings(NamedTuple):
    """The whole configuration of a run: an adapter for each part that can be swapped, and the other sections."""

    cache: AdapterSettings
    archive_listing: AdapterSettings
    stage_log_archive: AdapterSettings
    persisted_data_archive: AdapterSettings
    provenance_archive: AdapterSettings
    job_source_archive: AdapterSettings
    artifact_archive: AdapterSettings
    miscellaneous_archive: AdapterSettings
    deployment: AdapterSettings
    job_bundler: AdapterSettings
    job_source_bundle: SourceBundleSettings = SourceBundleSettings()
    artifact_path: str = ""
    """The directory whose files are archived as artifacts when a job ends, relative to its working directory."""
    run_script_environment: Mapping[str, str] = {}
    cache_audit: float = 0.0
    """The share of cache hits that are computed again and compared, from 0 to 1."""
    user_settings: Mapping[Any, Any] = {}
    origins: Mapping[str, Origin] = {}
    """The place of each top-level key and of each value below it, as in ``user_settings.rates[0]``; empty in a process
    that did not read the files."""

    @classmethod
    def from_sections(
        cls, sections: Mapping[str, Any], home: Callable[[], Path], origins: Mapping[str, Origin] | None = None
    ) -> Settings:
        """Return the settings of `sections`, with defaults for the missing ones.

        Args:
            sections: Values by top-level keys: :class:`AdapterSettings`, :class:`SourceBundleSettings`, mappings.
            home: Returns the directory of the default storage; called only where a default needs it.
            origins: The places of the keys and of the values below them.
        """
        given: dict[str, Any] = {key: value for key, value in sections.items() if key not in ADAPTER_KEYS}
        for key, name in ADAPTER_KEYS.items():
            given[name] = sections[key] if key in sections else _default_adapter(key, home)
        return cls(**given, origins=dict(origins or {}))

    def to_mapping(self) -> dict[str, Any]:
        """Return a new mapping of the shape that a configuration file with every key has."""
        mapping: dict[str, Any] = {key: getattr(self, name).to_mapping() for key, name in ADAPTER_KEYS.items()}
        bundle = self.job_source_bundle
        mapping["job_source_bundle"] = {
            "bundle_name": bundle.bundle_name,
            "target_path": bundle.target_path,
            "extra_source_paths": list(bundle.extra_source_paths),
        }
        mapping["artifact_path"] = self.artifact_path
        mapping["run_script_environment"] = dict(self.run_script_environment)
        mapping["cache_audit"] = self.cache_audit
        mapping["user_settings"] = dict(self.user_settings)
        return mapping

    def to_json(self) -> dict[str, Any]:
        """Return :meth:`to_mapping` in JSON's own types, for ``job.config.yaml``.

        Users' values of types that JSON lacks are encoded by :mod:`foundations.app.config.values`.
        """
        return {**self.to_mapping(), "user_settings": to_json_value(dict(self.user_settings))}

    @classmethod
    def from_json(cls, record: Mapping[str, Any], file: str | None = None) -> Settings:
        """Return the settings that :meth:`to_json` was called on.

        Args:
            record: The mapping that it returned.
            file: The file that held the mapping, for the messages of later errors.

        Raises:
            ConfigurationError: `record` is no such mapping.
        """
        try:
            bundle = record["job_source_bundle"]
            adapters: dict[str, Any] = {
                name: AdapterSettings.from_mapping(key, record[key], Origin(file)) for key, name in ADAPTER_KEYS.items()
            }
            return cls(
                **adapters,
                job_source_bundle=SourceBundleSettings(
                    bundle["bundle_name"], bundle["target_path"], tuple(bundle["extra_source_paths"])
                ),
                artifact_path=str(record.get("artifact_path", "")),
                run_script_environment=dict(record["run_script_environment"]),
                cache_audit=float(record["cache_audit"]),
                user_settings=dict(from_json_value(record["user_settings"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"the job's configuration is damaged: {type(error).__name__}: {error}. "
                "Submit the job again with this version of foundations.",
                file=file,
                found=type(error).__name__,
                expected="the configuration that the submitting process wrote",
            ) from error


def resolve_variables(value: Any, environ: Mapping[str, str], key: str, origin: Origin) -> Any:
    """Return `value` with every ``${VAR}`` in its strings replaced; ``$${`` stands for a plain ``${``.

    Lists and mappings are searched at any depth; a mapping's keys stay as they are.

    Args:
        value: A value of the configuration.
        environ: The environment variables.
        key: The top-level key of the value, for the message of an error.
        origin: The place of the value, likewise.

    Raises:
        ConfigurationError: A variable is not set, or ``${`` begins none.
    """
    if isinstance(value, str):
        if "${" not in value:
            return value
        return re.sub(_VARIABLE, lambda match: _variable(match, environ, key, origin), value)
    if isinstance(value, (list, tuple)):
        return type(value)(resolve_variables(item, environ, key, origin) for item in value)
    if isinstance(value, Mapping):
        return {name: _resolve_named(name, item, environ, key, origin) for name, item in value.items()}
    return value


def _resolve_named(name: Any, value: Any, environ: Mapping[str, str], key: str, origin: Origin) -> Any:
    resolved = resolve_variables(value, environ, key, origin)
    if isinstance(resolved, str) and resolved != value:
        from foundations.domain.text.redaction import is_sensitive_name

        if is_sensitive_name(name):
            remember_secret(resolved, value.removeprefix("${").removesuffix("}"))
    return resolved


def _variable(match: re.Match[str], environ: Mapping[str, str], key: str, origin: Origin) -> str:
    name = match["name"]
    if name is None:
        return "${"
    if not match["end"] or not re.match(_VARIABLE_NAME, name):
        found, expected = match[0], "${NAME} with the name of an environment variable"
        message = f"{found!r} names no environment variable; write $${{ where the two characters themselves are meant."
    elif name in environ:
        from foundations.domain.text.redaction import is_sensitive_name

        if is_sensitive_name(name):
            remember_secret(environ[name], name)
        return environ[name]
    else:
        found, expected = f"no variable {name}", f"an environment variable {name}"
        message = f"the environment variable {name} is not set; set it where this process runs."
    raise ConfigurationError(
        message,
        file=origin.file,
        line=origin.line,
        key=key,
        found=found,
        expected=expected,
        variable=name,
    )


def _default_adapter(key: str, home: Callable[[], Path]) -> AdapterSettings:
    name = ADAPTER_KEYS[key]
    if name == "deployment":
        return AdapterSettings("foundations.LocalShellJobDeployment", key)
    if name == "job_bundler":
        return AdapterSettings("foundations.TarballJobBundler", key)
    type_name, directory = {
        "cache": ("foundations.LocalFileSystemCacheBackend", "cache"),
        "archive_listing": ("foundations.LocalFileSystemPipelineListing", "archive"),
    }.get(name, ("foundations.LocalFileSystemPipelineArchive", "archive"))
    return AdapterSettings(type_name, key, (str(home() / directory).replace("${", "$${"),))
