"""Item names as paths: read like the names themselves, but fit every file system.

A part of a name that is longer than a file name may be becomes several directories, all but the last ending in ``%``.
In a part, ``%`` becomes ``%25``, and a beginning that looks like a temporary file's has its dot as ``%2E``.
"""

from __future__ import annotations

import re
from typing import Final

from foundations.adapters._shared.fs.files import TEMPORARY_PREFIX

LONGEST_FILE_NAME: Final = 240  # bytes; most file systems take 255
_TOKEN = re.compile(r"%[0-9A-F]{2}|.", re.DOTALL)


def item_path(item: str) -> str:
    """Return the relative path of the item named `item`.

    >>> item_path("artifacts/100%.png")
    'artifacts/100%25.png'
    """
    return "/".join(_part(part) for part in item.split("/"))


def item_name(path: str) -> str:
    """Return the item name whose path :func:`item_path` made.

    >>> item_name("artifacts/100%25.png")
    'artifacts/100%.png'
    """
    return path.replace("%/", "").replace("%2E", ".").replace("%25", "%")


def _part(part: str) -> str:
    escaped = part.replace("%", "%25")
    if escaped.startswith(TEMPORARY_PREFIX):
        escaped = "%2E" + escaped[1:]
    if len(escaped.encode()) <= LONGEST_FILE_NAME:
        return escaped
    chunks = [""]
    size = 0
    for token in _TOKEN.findall(escaped):
        size += len(token.encode())
        if size >= LONGEST_FILE_NAME:
            chunks.append("")
            size = len(token.encode())
        chunks[-1] += token
    return "%/".join(chunks)
