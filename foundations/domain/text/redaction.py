"""Redaction: values under names that look like those of secrets are never recorded."""

from __future__ import annotations

import functools
import re
from typing import Any

_SECRET_WORDS = re.compile(
    r"(^|[_\W])(pass(word|wd|phrase)?|pwd|secrets?|token|credentials?|(api|access|private|secret|signing|auth)_?keys?)"
    r"($|[_\W])"
)
_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
REDACTED = "<not recorded: its name looks like a secret's>"


def is_secret_name(name: object) -> bool:
    """Return whether `name` looks like the name of a secret.

    >>> [name for name in ("password", "accessToken", "api-key", "max_tokens", "keys") if is_secret_name(name)]
    ['password', 'accessToken', 'api-key']
    """
    return isinstance(name, str) and _is_secret_name(name)


@functools.lru_cache
def _is_secret_name(name: str) -> bool:
    return bool(_SECRET_WORDS.search(_CAMEL_CASE.sub("_", name).lower().replace("-", "_")))


def redact(value: Any, depth: int = 20) -> Any:
    """Return `value` with the values in dictionaries redacted whose keys look like names of secrets.

    Args:
        value: Any value; dictionaries, lists and tuples are searched.
        depth: The largest number of nested containers; deeper ones are replaced by ``...``.

    >>> redact({"user": "ann", "db": [{"password": "x"}]})["db"]
    [{'password': "<not recorded: its name looks like a secret's>"}]
    """
    if type(value) not in (dict, list, tuple):
        return value
    if depth == 0:
        return "..."
    if isinstance(value, dict):
        return {key: REDACTED if is_secret_name(key) else redact(item, depth - 1) for key, item in value.items()}
    return type(value)(redact(item, depth - 1) for item in value)
