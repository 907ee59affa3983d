"""Users' own values in JSON, without loss: YAML has types that JSON lacks.

Values of JSON's types are written as they are. A value of another type is an object with its type's name under ``!``
and the value under ``value``: ``{"!": "date", "value": "2020-01-31"}``. A mapping with a key that is not a string, or
with the key ``!``, is written as its pairs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_TAG = "!"


def to_json_value(value: Any) -> Any:
    """Return `value` in JSON's types.

    Raises:
        TypeError: It has a type that YAML's safe loader does not make.

    >>> to_json_value({"weights": {0: 1.5}})
    {'weights': {'!': 'pairs', 'value': [[0, 1.5]]}}
    """
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _encode("float", str(value))
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and key != _TAG for key in value):
            return {key: to_json_value(item) for key, item in value.items()}
        return _encode("pairs", [[to_json_value(key), to_json_value(item)] for key, item in value.items()])
    if isinstance(value, list):
        return [to_json_value(item) for item in value]
    if isinstance(value, set):
        return _encode("set", [to_json_value(item) for item in sorted(value, key=repr)])
    if isinstance(value, bytes):
        return _encode("binary", value.hex())
    return _encode_time(value)


def from_json_value(value: Any) -> Any:
    """Return the value from which :func:`to_json_value` made `value`.

    Raises:
        ValueError: :func:`to_json_value` returns no such value.
    """
    if isinstance(value, list):
        return [from_json_value(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if _TAG not in value:
        return {key: from_json_value(item) for key, item in value.items()}
    return _decode(value[_TAG], value.get("value"))


def _encode(name: str, value: Any) -> dict[str, Any]:
    return {_TAG: name, "value": value}


def _encode_time(value: Any) -> dict[str, Any]:
    import datetime

    if isinstance(value, datetime.datetime):
        return _encode("datetime", value.isoformat())
    if isinstance(value, datetime.date):
        return _encode("date", value.isoformat())
    raise TypeError(f"{type(value).__name__} is not a type of a configuration file")


def _decode(name: object, value: Any) -> Any:
    if name == "float":
        return float(value)
    if name == "pairs":
        return {from_json_value(key): from_json_value(item) for key, item in value}
    if name == "set":
        return {from_json_value(item) for item in value}
    if name == "binary":
        return bytes.fromhex(value)
    if name in ("date", "datetime"):
        import datetime

        kind = datetime.datetime if name == "datetime" else datetime.date
        return kind.fromisoformat(value)
    raise ValueError(f"{name!r} is not a type of a configuration file")
