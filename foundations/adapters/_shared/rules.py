"""The rules of the ports for names and values, as every storage adapter applies them."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from foundations.ports.job import check_job_name

LONGEST_KEY: Final = 200
LONGEST_ITEM_NAME: Final = 1000
_KEY = re.compile(rf"[0-9A-Za-z_-][0-9A-Za-z._-]{{0,{LONGEST_KEY - 1}}}\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_EXACT_IN_A_FLOAT = 2**53


def is_cache_key(key: str) -> bool:
    """Return whether the cache port allows `key`."""
    return _KEY.match(key) is not None


def check_cache_key(key: str) -> str:
    """Return `key` where the cache port allows it.

    Raises:
        ValueError: It does not.
    """
    if not is_cache_key(key):
        raise ValueError(f"not a cache key (1 to {LONGEST_KEY} of 0-9 A-Z a-z . _ -, no dot first): {key!r:.250}")
    return key


def check_item(job_name: str, item: str) -> None:
    """Check the name of an archive's item and of its job.

    Raises:
        JobNameError: `job_name` cannot name a job.
        ValueError: `item` cannot name an item.
    """
    check_job_name(job_name)
    parts = item.split("/")
    if len(item) > LONGEST_ITEM_NAME or "\0" in item or any(part in ("", ".", "..") for part in parts):
        raise ValueError(
            f"not an item name (1 to {LONGEST_ITEM_NAME} characters, parts between '/' neither empty nor '.' nor "
            f"'..', no NUL): {item!r:.250}"
        )


def check_digest(digest: str) -> str:
    """Return `digest` where it is a SHA-256 in lower-case hexadecimal.

    Raises:
        ValueError: It is not.
    """
    if not _DIGEST.match(digest):
        raise ValueError(f"not a SHA-256 in hexadecimal: {digest!r:.80}")
    return digest


def canonical_json(value: Any) -> str:
    """Return the same text for what is the same JSON value, another for what is not.

    >>> canonical_json({"b": 1.0, "a": True})
    '{"a":true,"b":1}'
    """
    return json.dumps(_with_plain_numbers(value), sort_keys=True, separators=(",", ":"))


def _with_plain_numbers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT_IN_A_FLOAT:
        return int(value)
    if isinstance(value, dict):
        return {key: _with_plain_numbers(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_plain_numbers(member) for member in value]
    return value
