"""The rules of the ports for names and values, which every storage adapter applies."""

from __future__ import annotations

import re
from typing import Final

from foundations.ports.job import check_job_name

MAX_KEY_LENGTH: Final = 200
MAX_ITEM_NAME_LENGTH: Final = 1000
_KEY = re.compile(rf"[0-9A-Za-z_-][0-9A-Za-z._-]{{0,{MAX_KEY_LENGTH - 1}}}\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def is_cache_key(key: str) -> bool:
    """Return whether the cache port allows `key`."""
    return _KEY.match(key) is not None


def check_cache_key(key: str) -> str:
    """Return `key`, after checking that the cache port allows it.

    Raises:
        ValueError: The port does not allow it.
    """
    if not is_cache_key(key):
        raise ValueError(
            f"{key!r:.250} is not a cache key: it must have 1 to {MAX_KEY_LENGTH} of the characters 0-9 A-Z a-z . _ - "
            "and must not begin with a dot"
        )
    return key


def check_item(job_name: str, item: str) -> None:
    """Check the name of an archive's item and of its job.

    Raises:
        JobNameError: `job_name` is not a valid name of a job.
        ValueError: `item` is not a valid name of an item.
    """
    check_job_name(job_name)
    parts = item.split("/")
    if len(item) > MAX_ITEM_NAME_LENGTH or "\0" in item or any(part in ("", ".", "..") for part in parts):
        raise ValueError(
            f"{item!r:.250} is not an item name: it must have 1 to {MAX_ITEM_NAME_LENGTH} characters and no NUL, and "
            "no part between '/' may be empty, '.' or '..'"
        )


def check_digest(digest: str) -> str:
    """Return `digest`, after checking that it is a SHA-256 in lower-case hexadecimal.

    Raises:
        ValueError: It is not.
    """
    if not _DIGEST.match(digest):
        raise ValueError(f"{digest!r:.80} is not a SHA-256 in hexadecimal")
    return digest
