"""One configuration file, from YAML to checked settings.

Every error names the file, the line and the key, what was found, what was expected and the nearest valid name.
"""

from __future__ import annotations

import keyword
import math
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from foundations.app.config.document import Value, read_document, shortened
from foundations.app.config.settings import (
    ADAPTER_KEYS,
    ADAPTER_KINDS,
    TOP_LEVEL_KEYS,
    AdapterSettings,
    Origin,
    SourceBundleSettings,
)
from foundations.domain.text.redaction import is_secret_name, redact_text
from foundations.errors import ConfigurationError
from foundations.ports.job_layout import BUNDLE_MEMBERS

_ARGUMENTS = "constructor_arguments"
_KEYWORD_ARGUMENTS = "constructor_keyword_arguments"
_HISTORIC_KEYWORD_ARGUMENTS = "constructor_keword_arguments"
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_NOT_IN_A_FILE_NAME = re.compile(r"[/\\\x00-\x1f\x7f]")
_LONGEST_BUNDLE_NAME = 200
_SURELY_MEANT = 0.85
_DESCRIPTIONS = {
    "NoneType": "nothing",
    "dict": "a mapping",
    "list": "a list",
    "set": "a set",
    "str": "the string {}",
    "bool": "the boolean {}",
    "int": "the number {}",
    "float": "the number {}",
    "bytes": "the binary value {}",
}


@attrs.frozen
class Section:
    """What a file holds under one top-level key.

    Attributes:
        value: :class:`AdapterSettings`, :class:`SourceBundleSettings`, a number or a plain mapping.
        origin: The key's line.
        lines: The line of each value in it by its keys and indices, as in ``user_settings.rates[0]``.
    """

    value: Any
    origin: Origin
    lines: Mapping[str, int] = attrs.field(factory=dict, eq=False)


def read_config_file(
    path: Path, *, required: bool = False, check: Callable[[Path, bytes], None] | None = None
) -> dict[str, Section] | None:
    """Read and check one configuration file.

    Args:
        path: The file.
        required: Whether the user named this very file, so that it cannot be another tool's.
        check: Raises where the file, with this content, must not be parsed.

    Returns:
        Its sections by their top-level keys; None where it has no key of ours, so that it belongs to another tool.

    Raises:
        ConfigurationError: It cannot be read, is not YAML, or holds something that no configuration can hold.
    """
    file = str(path)
    document = read_document(path, check)
    keys = document.keys
    if not any(key in TOP_LEVEL_KEYS for key in keys):
        for key, line in keys.items():
            # No other tool has a key so much like one of ours.
            if required or nearest_name(key, TOP_LEVEL_KEYS, _SURELY_MEANT):
                raise _unknown(Value(None, file, line, key), key, TOP_LEVEL_KEYS)
        if required and not document.is_empty:
            expected = f"a mapping with some of the keys {', '.join(TOP_LEVEL_KEYS)}"
            raise _wrong(Value(None, file, 1), expected, found="no key")
        return None
    content = document.value().content
    _check_keys(content, TOP_LEVEL_KEYS)
    for value in content.values():
        _refuse_secrets(value)
    return {
        key: Section(_read_section(key, value), Origin(file, value.line), value.lines())
        for key, value in content.items()
    }


def nearest_name(name: str, names: Iterable[str], likeness: float = 0.6) -> str | None:
    """Return the one of `names` that somebody who wrote `name` may have meant, or None.

    Args:
        name: What was written.
        names: What there is.
        likeness: How alike they must be, from 0 to 1.
    """
    import difflib

    return next(iter(difflib.get_close_matches(name, list(names), n=1, cutoff=likeness)), None)


def _refuse_secrets(value: Value, name: object = None) -> None:
    """Refuse a secret in plain text: it would be shipped with every job, and stored with some."""
    content = value.content
    if isinstance(content, list):
        for item in content:
            _refuse_secrets(item, name)
    elif isinstance(content, dict):
        for key, item in content.items():
            _refuse_secrets(item, key)
    elif (
        isinstance(content, str)
        and content
        and "${" not in content
        and (is_secret_name(name) or redact_text(content) != content)
    ):
        variable = re.sub(r"[^A-Za-z0-9]+", "_", str(name)).upper()
        raise value.error(
            "this looks like a secret in plain text, which would be shipped with every job. Put it into an"
            f" environment variable, and write ${{{variable}}} here.",
            found="a secret in plain text",
            expected=f"${{{variable}}}",
        )


def _read_section(key: str, value: Value) -> Any:
    if key in ADAPTER_KEYS:
        return _read_adapter(key, value)
    if key == "job_source_bundle":
        return _read_source_bundle(value)
    if key == "artifact_path":
        path = "" if value.content == "" else _string(value)  # nothing, as it is written for the job
        if posixpath.isabs(path) or posixpath.normpath(path).split("/")[0] == "..":
            raise _wrong(value, "a directory inside the working directory, relative to it")
        return path and posixpath.normpath(path)
    if key == "run_script_environment":
        return _read_variables(value)
    if key == "cache_audit":
        share = value.content
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
            raise _wrong(value, "a share from 0 to 1")
        return float(share)
    _mapping(value)
    return value.plain()


def _read_adapter(key: str, value: Value) -> AdapterSettings:
    entries = _mapping(value)
    type_key = ADAPTER_KINDS[ADAPTER_KEYS[key]]
    _check_keys(entries, (type_key, _ARGUMENTS, _KEYWORD_ARGUMENTS), also_allowed=(_HISTORIC_KEYWORD_ARGUMENTS,))
    if type_key not in entries:
        raise value.error(
            f"{type_key} is missing: it names the class to use.",
            found=f"no {type_key}",
            expected=f"{type_key}: a dotted name",
        )
    keywords, historic = entries.get(_KEYWORD_ARGUMENTS), entries.get(_HISTORIC_KEYWORD_ARGUMENTS)
    if keywords and historic:
        raise historic.error(
            f"{_HISTORIC_KEYWORD_ARGUMENTS} is the historic spelling of {_KEYWORD_ARGUMENTS}; give one of them.",
            found=f"{_KEYWORD_ARGUMENTS} and {_HISTORIC_KEYWORD_ARGUMENTS}",
            expected=_KEYWORD_ARGUMENTS,
        )
    type_name = _dotted_name(entries[type_key])
    arguments = [_json_value(item) for item in _list(entries[_ARGUMENTS])] if _ARGUMENTS in entries else []
    keyword_arguments = _keyword_arguments(keywords or historic)
    origin = Origin(value.file, entries[type_key].line)
    return AdapterSettings(type_name, key, tuple(arguments), keyword_arguments, origin)


def _keyword_arguments(value: Value | None) -> dict[str, Any]:
    entries = {} if value is None else _mapping(value)
    for name, item in entries.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise _wrong(item, "a parameter's name", found=repr(name))
    return {name: _json_value(item) for name, item in entries.items()}


def _read_source_bundle(value: Value) -> SourceBundleSettings:
    entries = _mapping(value)
    _check_keys(entries, SourceBundleSettings._fields)
    given: dict[str, Any] = {}
    if "bundle_name" in entries:
        given["bundle_name"] = name = _string(entries["bundle_name"])
        too_long = len(name.encode(errors="replace")) > _LONGEST_BUNDLE_NAME
        if name in (".", "..") or _NOT_IN_A_FILE_NAME.search(name) or too_long:
            raise _wrong(entries["bundle_name"], f"a plain file name of at most {_LONGEST_BUNDLE_NAME} bytes")
    if "target_path" in entries:
        given["target_path"] = target = _string(entries["target_path"])
        if posixpath.isabs(target) or posixpath.normpath(target).split("/")[0] == "..":
            raise _wrong(entries["target_path"], "a relative path inside the bundle")
    if "extra_source_paths" in entries:
        given["extra_source_paths"] = tuple(map(_string, _list(entries["extra_source_paths"])))
    bundle = SourceBundleSettings(**given)
    taken = bundle.member.split("/")[0]
    if taken.lower() in BUNDLE_MEMBERS:
        raise value.error(
            f"the project would lie at {bundle.member!r} in the bundle, where {taken!r} is already.",
            line=min(item.line for item in entries.values()),
            found=bundle.member,
            expected=f"a place that is none of {', '.join(sorted(BUNDLE_MEMBERS))}",
        )
    return bundle


def _read_variables(value: Value) -> dict[str, str]:
    for name, item in _mapping(value).items():
        if not isinstance(name, str) or not _VARIABLE_NAME.match(name):
            raise _wrong(item, "a variable's name: letters, digits and '_'", found=repr(name), key=value.key)
        if isinstance(item.content, (dict, list, set)):
            raise _wrong(item, "a string")
        if not isinstance(item.content, str):
            raise _wrong(item, f'a string; quote it: "{item.text}"')
        if "\0" in item.content:
            raise _wrong(item, "a string without NUL")
    return dict(value.plain())


def _check_keys(entries: Mapping[Any, Value], allowed: tuple[str, ...], also_allowed: tuple[str, ...] = ()) -> None:
    for name, item in entries.items():
        if name not in allowed and name not in also_allowed:
            raise _unknown(item, name, allowed)


def _unknown(place: Value, name: object, allowed: tuple[str, ...]) -> ConfigurationError:
    nearest = nearest_name(str(name), allowed)
    hint = f"did you mean {nearest}?" if nearest else f"it is none of {', '.join(allowed)}."
    return place.error(
        f"this key is unknown; {hint}", found=str(name), expected=f"one of {', '.join(allowed)}", nearest=nearest
    )


def _wrong(value: Value, expected: str, *, found: str | None = None, **details: Any) -> ConfigurationError:
    if found is None:
        description = _DESCRIPTIONS.get(type(value.content).__name__, "the date {}")
        found = description.format(shortened(value.text))
    return value.error(f"expected {expected}, but found {found}.", found=found, expected=expected, **details)


def _mapping(value: Value) -> dict[Any, Value]:
    if not isinstance(value.content, dict):
        raise _wrong(value, "a mapping")
    return value.content


def _list(value: Value) -> list[Value]:
    if not isinstance(value.content, list):
        raise _wrong(value, "a list")
    return value.content


def _string(value: Value) -> str:
    if not isinstance(value.content, str) or not value.content or "\0" in value.content:
        raise _wrong(value, "a string that is not empty")
    return value.content


def _dotted_name(value: Value) -> str:
    parts = value.content.split(".") if isinstance(value.content, str) else []
    if len(parts) < 2 or not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        raise _wrong(value, "the dotted name of a class, as in package.module.Class")
    return str(value.content)


def _json_value(value: Value) -> Any:
    """Return the plain value where it is of JSON's types, so that it reaches the job as it is."""
    content = value.content
    if isinstance(content, dict):
        for name, item in content.items():
            if not isinstance(name, str):
                raise _wrong(item, "a string as the key; quote it", found=f"the key {name!r}", key=value.key)
        return {name: _json_value(item) for name, item in content.items()}
    if isinstance(content, list):
        return [_json_value(item) for item in content]
    if (
        content is None
        or isinstance(content, (str, bool, int))
        or (isinstance(content, float) and math.isfinite(content))
    ):
        return content
    raise _wrong(value, "a string, number, boolean, null, list or mapping; quote it if it is text")
