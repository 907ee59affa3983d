"""Names that look like secrets': what stands under them is never recorded."""

from __future__ import annotations

import functools
import re
from typing import Any

_WORDS = re.compile(
    r"(^|[_\W])(pass(word|wd|phrase)?|pwd|secrets?|token|credentials?|(api|access|private|secret|signing|auth)_?keys?)"
    r"($|[_\W])"
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
NOT_RECORDED = "<not recorded: its name looks like a secret's>"


def looks_secret(name: object) -> bool:
    """Return whether `name` looks like a secret's.

    >>> [name for name in ("password", "accessToken", "api-key", "max_tokens", "keys") if looks_secret(name)]
    ['password', 'accessToken', 'api-key']
    """
    return isinstance(name, str) and _looks_secret(name)


@functools.lru_cache
def _looks_secret(name: str) -> bool:
    return bool(_WORDS.search(_HUMP.sub("_", name).lower().replace("-", "_")))


def without_secrets(value: Any, depth: int = 20) -> Any:
    """Return `value` without what stands in its dictionaries under names that look like secrets'.

    Args:
        value: Anything; dictionaries, lists and tuples are looked into.
        depth: How deep; what lies deeper is left out.

    >>> without_secrets({"user": "ann", "db": [{"password": "x"}]})["db"]
    [{'password': "<not recorded: its name looks like a secret's>"}]
    """
    if type(value) not in (dict, list, tuple):
        return value
    if depth == 0:
        return "..."
    if isinstance(value, dict):
        return {
            key: NOT_RECORDED if looks_secret(key) else without_secrets(item, depth - 1) for key, item in value.items()
        }
    return type(value)(without_secrets(item, depth - 1) for item in value)
