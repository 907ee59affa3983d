"""Item names as paths, which resemble the names and are valid in every file system.

A part of a name that is too long for a file name becomes several nested names, all but the last ending in ``%``. In a
part, ``%`` becomes ``%25``; the dot of a part that begins like a temporary file becomes ``%2E``.
"""

from __future__ import annotations

import re
from typing import Final

from foundations.adapters._shared.fs.files import TEMPORARY_PREFIX

MAX_FILE_NAME: Final = 240  # bytes; most file systems allow 255
_TOKEN = re.compile(r"%[0-9A-F]{2}|.", re.DOTALL)


def item_path(item: str) -> str:
    """Return the relative path of the item named `item`.

    >>> item_path("artifacts/100%.png")
    'artifacts/100%25.png'
    """
    return "/".join(_part_path(part) for part in item.split("/"))


def item_name(path: str) -> str:
    """Return the item name whose path is `path`, as :func:`item_path` returned it.

    >>> item_name("artifacts/100%25.png")
    'artifacts/100%.png'
    """
    return path.replace("%/", "").replace("%2E", ".").replace("%25", "%")


def _part_path(part: str) -> str:
    escaped = part.replace("%", "%25")
    if escaped.startswith(TEMPORARY_PREFIX):
        escaped = "%2E" + escaped[1:]
    if len(escaped.encode()) <= MAX_FILE_NAME:
        return escaped
    chunks = [""]
    size = 0
    for token in _TOKEN.findall(escaped):
        size += len(token.encode())
        if size >= MAX_FILE_NAME:
            chunks.append("")
            size = len(token.encode())
        chunks[-1] += token
    return "%/".join(chunks)
