"""The use case behind ``foundations config show``: each value of the configuration, and where it comes from."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs

from foundations.app.config.settings import ADAPTER_KEYS, AdapterSettings, Origin, Settings
from foundations.domain.text.redaction import is_hidden, redact_text

CONCEALED = "<concealed: its name looks like a secret's>"
_HISTORIC = re.compile(r"\.constructor_keyword_arguments\b")
_REFERENCE = r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)\}"


@attrs.frozen
class ConfiguredValue:
    """A value of the configuration.

    Attributes:
        key: The keys and indices that lead to it, as in ``user_settings.rates[0]``.
        value: It as it is written, with ``${VAR}`` unresolved and without secrets.
        source: ``file``, ``default``, or ``environment`` for a default that an environment variable decides.
        file: The file; None where it is in none.
        line: The line, from 1; likewise.
        variables: The environment variables that it needs, and whether each is set.
    """

    key: str
    value: Any
    source: Literal["file", "default", "environment"]
    file: str | None
    line: int | None
    variables: Mapping[str, bool]


def list_values(settings: Settings, environ: Mapping[str, str]) -> list[ConfiguredValue]:
    """Return every value of the configuration, in the order of the reference.

    Args:
        settings: The configuration, as it was read from files.
        environ: The environment variables.
    """
    return [
        _configured(key, value, settings.origins, environ)
        for top, entry in settings.to_mapping().items()
        for key, value in _leaves(top, entry)
    ]


def describe_adapter(entry: AdapterSettings) -> str:
    """Return a class and its arguments as the file has them, so that no variable's value is shown."""
    keywords = {
        name: CONCEALED if _is_concealed(name, value) else value for name, value in entry.keyword_arguments.items()
    }
    arguments = [*map(str, entry.arguments), *(f"{name}={value}" for name, value in keywords.items())]
    return redact_text(f"{entry.type_name}({', '.join(arguments)})")


def _leaves(key: str, value: Any, name: object = None) -> Iterator[tuple[str, Any]]:
    if _is_concealed(name, value):
        yield key, CONCEALED
    elif value and isinstance(value, Mapping):
        for part, item in value.items():
            yield from _leaves(f"{key}.{part}", item, part)
    elif value and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(f"{key}[{index}]", item, name)
    elif isinstance(value, str):
        yield key, redact_text(value)
    else:
        yield key, value if _is_json(value) else str(value)


def _is_json(value: Any) -> bool:
    is_number = isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value))
    return value is None or is_number or value in ([], {})


def _is_concealed(name: object, value: object) -> bool:
    """Return whether a value may be a secret; the name of a variable alone is none."""
    return is_hidden(name, value) and not (isinstance(value, str) and re.fullmatch(_REFERENCE, value))


def _configured(key: str, value: Any, origins: Mapping[str, Origin], environ: Mapping[str, str]) -> ConfiguredValue:
    origin = origins.get(key) or origins.get(_HISTORIC.sub(".constructor_keword_arguments", key))
    names = re.findall(_REFERENCE, value) if isinstance(value, str) else []
    variables = {name: name in environ for name in names}
    top = re.split(r"[.\[]", key)[0]
    if origin is not None:
        return ConfiguredValue(key, value, "file", origin.file, origin.line, variables)
    if (
        top in ADAPTER_KEYS
        and top not in origins
        and ".constructor_arguments[" in key
        and "FOUNDATIONS_HOME" in environ
    ):
        return ConfiguredValue(key, value, "environment", None, None, {"FOUNDATIONS_HOME": True})
    return ConfiguredValue(key, value, "default", None, None, variables)
