"""One configuration file, from YAML to checked settings.

Every mistake is told with its file, line and key, what was found, what was expected and the nearest valid name.
"""

from __future__ import annotations

import keyword
import math
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from foundations.app.config.document import read_document
from foundations.app.config.nodes import Marked, mistake
from foundations.app.config.settings import (
    ADAPTER_KEYS,
    ADAPTER_KINDS,
    TOP_LEVEL_KEYS,
    AdapterSettings,
    Origin,
    SourceBundleSettings,
)
from foundations.domain.text.redaction import is_secret_name
from foundations.errors import ConfigurationError
from foundations.ports.job_layout import BUNDLE_MEMBERS

_ARGUMENTS = "constructor_arguments"
_KEYWORD_ARGUMENTS = "constructor_keyword_arguments"
_HISTORIC_KEYWORD_ARGUMENTS = "constructor_keword_arguments"
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_NOT_IN_A_FILE_NAME = re.compile(r"[/\\\x00-\x1f\x7f]")
_LONGEST_BUNDLE_NAME = 200
_SURELY_MEANT = 0.85


class Section(NamedTuple):
    """What one top-level key of a file says.

    Attributes:
        value: :class:`AdapterSettings`, :class:`SourceBundleSettings`, or a plain mapping.
        origin: The key's line.
    """

    value: Any
    origin: Origin


def read_config_file(path: Path, *, required: bool = False) -> dict[str, Section] | None:
    """Read and check one configuration file.

    Args:
        path: The file.
        required: Whether the user named this very file, so that it cannot be another tool's.

    Returns:
        Its sections by their top-level keys; None where it has no key of ours, so that it belongs to another tool.

    Raises:
        ConfigurationError: It cannot be read, is not YAML, or says something that no configuration can say.
    """
    file = str(path)
    document = read_document(path)
    if not any(key in TOP_LEVEL_KEYS for key in document.keys):
        if required and not document.is_empty:
            raise _without_keys(file, document.keys)
        for key, line in document.keys.items():
            if nearest_name(key, TOP_LEVEL_KEYS, _SURELY_MEANT):  # no other tool has a key so much like one of ours
                raise _unknown(file, line, key, TOP_LEVEL_KEYS)
        return None
    content = document.values().content
    _check_keys(file, "", content, TOP_LEVEL_KEYS)
    for key, value in content.items():
        _refuse_secrets(file, key, value)
    return {key: Section(_read_section(file, key, value), Origin(file, value.line)) for key, value in content.items()}


def nearest_name(name: str, names: Iterable[str], likeness: float = 0.6) -> str | None:
    """Return the one of `names` that somebody who wrote `name` may have meant, or None.

    Args:
        name: What was written.
        names: What there is.
        likeness: How alike they must be, from 0 to 1.
    """
    import difflib

    return next(iter(difflib.get_close_matches(name, list(names), n=1, cutoff=likeness)), None)


def _refuse_secrets(file: str, key: str, item: Marked) -> None:
    """Refuse a secret in plain text: it would be shipped with every job, and stored with some."""
    if isinstance(item.content, list):
        for index, value in enumerate(item.content):
            _refuse_secrets(file, f"{key}[{index}]", value)
    if not isinstance(item.content, dict):
        return
    for name, value in item.content.items():
        inner = f"{key}.{name}"
        if is_secret_name(name) and isinstance(value.content, str) and value.content and "${" not in value.content:
            variable = re.sub(r"[^A-Za-z0-9]+", "_", str(name)).upper()
            raise mistake(
                file,
                value.line,
                "this looks like a secret in plain text, which would be shipped with every job. Put it into an"
                f" environment variable, and write ${{{variable}}} here.",
                key=inner,
                found="a secret in plain text",
                expected=f"${{{variable}}}",
            )
        _refuse_secrets(file, inner, value)


def _read_section(file: str, key: str, value: Marked) -> Any:
    if key == "cache_audit":
        share = value.content
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
            raise _wrong(file, key, value, "a share from 0 to 1")
        return float(share)
    entries = _mapping(file, key, value)
    if key in ADAPTER_KEYS:
        return _read_adapter(file, key, value.line, entries)
    readers: Mapping[str, Callable[[str, str, Mapping[Any, Marked]], Any]] = {
        "job_source_bundle": _read_source_bundle,
        "run_script_environment": _read_variables,
    }
    return readers[key](file, key, entries) if key in readers else value.plain()


def _read_adapter(file: str, key: str, line: int, entries: Mapping[Any, Marked]) -> AdapterSettings:
    type_key = ADAPTER_KINDS[ADAPTER_KEYS[key]]
    _check_keys(
        file, key, entries, (type_key, _ARGUMENTS, _KEYWORD_ARGUMENTS), also_allowed=(_HISTORIC_KEYWORD_ARGUMENTS,)
    )
    if type_key not in entries:
        raise mistake(
            file,
            line,
            f"{type_key} is missing: it names the class to use.",
            key=key,
            found=f"no {type_key}",
            expected=f"{type_key}: a dotted name",
        )
    if _KEYWORD_ARGUMENTS in entries and _HISTORIC_KEYWORD_ARGUMENTS in entries:
        raise mistake(
            file,
            entries[_HISTORIC_KEYWORD_ARGUMENTS].line,
            f"{_HISTORIC_KEYWORD_ARGUMENTS} is the historic spelling of {_KEYWORD_ARGUMENTS}; give one of them.",
            key=f"{key}.{_HISTORIC_KEYWORD_ARGUMENTS}",
            found=f"{_KEYWORD_ARGUMENTS} and {_HISTORIC_KEYWORD_ARGUMENTS}",
            expected=_KEYWORD_ARGUMENTS,
        )
    written = _HISTORIC_KEYWORD_ARGUMENTS if _HISTORIC_KEYWORD_ARGUMENTS in entries else _KEYWORD_ARGUMENTS
    type_name = _dotted_name(file, f"{key}.{type_key}", entries[type_key])
    arguments: list[Any] = []
    if _ARGUMENTS in entries:
        name = f"{key}.{_ARGUMENTS}"
        items = _list(file, name, entries[_ARGUMENTS])
        arguments = [_json_value(file, f"{name}[{index}]", item) for index, item in enumerate(items)]
    keyword_arguments: dict[str, Any] = {}
    if written in entries:
        name = f"{key}.{written}"
        for keyword_name, item in _mapping(file, name, entries[written]).items():
            if not isinstance(keyword_name, str) or not keyword_name.isidentifier():
                raise _wrong(file, name, item, "a parameter's name", found=repr(keyword_name))
            keyword_arguments[keyword_name] = _json_value(file, f"{name}.{keyword_name}", item)
    origin = Origin(file, entries[type_key].line)
    return AdapterSettings(type_name, key, tuple(arguments), keyword_arguments, origin)


def _read_source_bundle(file: str, key: str, entries: Mapping[Any, Marked]) -> SourceBundleSettings:
    _check_keys(file, key, entries, SourceBundleSettings._fields)
    given: dict[str, Any] = {}
    if "bundle_name" in entries:
        item, name = entries["bundle_name"], f"{key}.bundle_name"
        given["bundle_name"] = bundle_name = _string(file, name, item)
        too_long = len(bundle_name.encode(errors="replace")) > _LONGEST_BUNDLE_NAME
        if bundle_name in (".", "..") or _NOT_IN_A_FILE_NAME.search(bundle_name) or too_long:
            raise _wrong(file, name, item, f"a plain file name of at most {_LONGEST_BUNDLE_NAME} bytes")
    if "target_path" in entries:
        item, name = entries["target_path"], f"{key}.target_path"
        given["target_path"] = target_path = _string(file, name, item)
        if posixpath.isabs(target_path) or posixpath.normpath(target_path).split("/")[0] == "..":
            raise _wrong(file, name, item, "a relative path inside the bundle")
    if "extra_source_paths" in entries:
        name = f"{key}.extra_source_paths"
        items = _list(file, name, entries["extra_source_paths"])
        given["extra_source_paths"] = tuple(_string(file, f"{name}[{index}]", item) for index, item in enumerate(items))
    bundle = SourceBundleSettings(**given)
    taken = bundle.member.split("/")[0]
    if taken.lower() in BUNDLE_MEMBERS:
        raise mistake(
            file,
            min(item.line for item in entries.values()),
            f"the project would lie at {bundle.member!r} in the bundle, where {taken!r} is already.",
            key=key,
            found=bundle.member,
            expected=f"a place that is none of {', '.join(sorted(BUNDLE_MEMBERS))}",
        )
    return bundle


def _read_variables(file: str, key: str, entries: Mapping[Any, Marked]) -> dict[str, str]:
    variables: dict[str, str] = {}
    for name, item in entries.items():
        if not isinstance(name, str) or not _VARIABLE_NAME.match(name):
            raise _wrong(file, key, item, "a variable's name: letters, digits and '_'", found=repr(name))
        if isinstance(item.content, (dict, list, set)):
            raise _wrong(file, f"{key}.{name}", item, "a string")
        if not isinstance(item.content, str):
            raise _wrong(file, f"{key}.{name}", item, f'a string; quote it: "{item.written}"')
        if "\0" in item.content:
            raise _wrong(file, f"{key}.{name}", item, "a string without NUL")
        variables[name] = item.content
    return variables


def _check_keys(
    file: str, key: str, entries: Mapping[Any, Marked], allowed: tuple[str, ...], also_allowed: tuple[str, ...] = ()
) -> None:
    for name, item in entries.items():
        if name not in allowed and name not in also_allowed:
            raise _unknown(file, item.line, name, allowed, key)


def _unknown(file: str, line: int, name: object, allowed: tuple[str, ...], key: str = "") -> ConfigurationError:
    nearest = nearest_name(str(name), allowed)
    hint = f"did you mean {nearest}?" if nearest else f"it is none of {', '.join(allowed)}."
    return mistake(
        file,
        line,
        f"this key is unknown; {hint}",
        key=f"{key}.{name}" if key else str(name),
        found=str(name),
        expected=f"one of {', '.join(allowed)}",
        nearest=nearest,
    )


def _without_keys(file: str, keys: Mapping[str, int]) -> ConfigurationError:
    for key, line in keys.items():
        return _unknown(file, line, key, TOP_LEVEL_KEYS)
    expected = f"a mapping with some of the keys {', '.join(TOP_LEVEL_KEYS)}"
    return mistake(file, 1, f"expected {expected}, but found no key.", found="no key", expected=expected)


def _wrong(file: str, key: str, item: Marked, expected: str, *, found: str | None = None) -> ConfigurationError:
    found = found or _described(item)
    return mistake(file, item.line, f"expected {expected}, but found {found}.", key=key, found=found, expected=expected)


def _described(item: Marked) -> str:
    content = item.content
    if content is None:
        return "nothing"
    if isinstance(content, dict):
        return "a mapping"
    if isinstance(content, list):
        return "a list"
    if isinstance(content, set):
        return "a set"
    shown = repr(item.written if len(item.written) <= 60 else item.written[:57] + "...")
    if isinstance(content, str):
        return f"the string {shown}"
    kinds = {"bool": "the boolean", "int": "the number", "float": "the number", "bytes": "the binary value"}
    return f"{kinds.get(type(content).__name__, 'the date')} {shown}"


def _mapping(file: str, key: str, item: Marked) -> Mapping[Any, Marked]:
    if not isinstance(item.content, dict):
        raise _wrong(file, key, item, "a mapping")
    return item.content


def _list(file: str, key: str, item: Marked) -> list[Marked]:
    if not isinstance(item.content, list):
        raise _wrong(file, key, item, "a list")
    return item.content


def _string(file: str, key: str, item: Marked) -> str:
    if not isinstance(item.content, str) or not item.content or "\0" in item.content:
        raise _wrong(file, key, item, "a string that is not empty")
    return item.content


def _dotted_name(file: str, key: str, item: Marked) -> str:
    parts = item.content.split(".") if isinstance(item.content, str) else []
    if len(parts) < 2 or not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        raise _wrong(file, key, item, "the dotted name of a class, as in package.module.Class")
    return str(item.content)


def _json_value(file: str, key: str, item: Marked) -> Any:
    """Return the plain value where it is of JSON's types, so that it reaches the job as it is."""
    content = item.content
    if isinstance(content, dict):
        for name, value in content.items():
            if not isinstance(name, str):
                raise _wrong(file, key, value, "a string as the key; quote it", found=f"the key {name!r}")
        return {name: _json_value(file, f"{key}.{name}", value) for name, value in content.items()}
    if isinstance(content, list):
        return [_json_value(file, f"{key}[{index}]", value) for index, value in enumerate(content)]
    if content is None or isinstance(content, (str, bool, int)):
        return content
    if isinstance(content, float) and math.isfinite(content):
        return content
    raise _wrong(file, key, item, "a string, number, boolean, null, list or mapping; quote it if it is text")
