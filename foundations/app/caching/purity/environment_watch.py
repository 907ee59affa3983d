"""The environment variables that a call reads by names that its key does not cover.

Python raises no event for them. But :data:`os.environ` is a view of a dictionary, which is replaced by one that notes
what is looked up.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from foundations.app.code_origin import is_library, is_standard_library
from foundations.domain.text.redaction import is_secret_name

_PASSED_ON_BY = (os.__file__, "<frozen os>", "<frozen _collections_abc>")
_watching: list[dict[str, None]] = []


class _Variables(dict[Any, Any]):
    """The variables as the system holds them; what is looked up is noted while they are watched.

    Code that iterates over all of them, to pass them to another process, depends on none: as many look-ups as there are
    variables when the iteration begins are not noted.
    """

    passing = 0

    def __iter__(self) -> Iterator[Any]:
        self.passing = len(self)
        return super().__iter__()

    def __getitem__(self, key: Any) -> Any:
        if self.passing:
            self.passing -= 1
        elif _watching and _is_asked_by_project(sys._getframe(1)):
            name = os.fsdecode(key)
            if not is_secret_name(name):
                for found in _watching:
                    found.setdefault(name)
        return super().__getitem__(key)


@contextmanager
def watched_environment() -> Iterator[dict[str, None]]:
    """Watch which variables code of the project, or of whoever else is no library, looks up inside the block.

    The names come in the order of the first look, those of variables that are not set among them. Left out is what
    looks like a secret: a result hardly depends on it, and its value is not to be stored.
    """
    views: list[Any] = [os.environ, os.environb]
    if type(views[0]._data) is not _Variables:
        variables = _Variables(views[0]._data)
        for view in views:
            view._data = variables
    views[0]._data.passing = 0
    found: dict[str, None] = {}
    _watching.append(found)
    try:
        yield found
    finally:
        _watching[:] = [other for other in _watching if other is not found]


def _is_asked_by_project(frame: FrameType | None) -> bool:
    """Return whether neither a library nor Python itself looks up, by whichever method of the mapping."""
    while frame is not None and frame.f_code.co_filename.startswith(_PASSED_ON_BY):
        frame = frame.f_back
    file = "" if frame is None else frame.f_code.co_filename
    return not (is_standard_library(file) or is_library(file))
