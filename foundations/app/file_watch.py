"""Which files a call reads and leaves behind: what a content key does not cover, and a hit would not do again.

Python tells of every file it opens by an audit event (PEP 578). What C libraries open by themselves is not seen.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_SYSTEM = ("/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/lib64", "/bin")
_EVENTS = ("open", "os.listdir", "os.scandir", "sqlite3.connect")
_LONGEST_PATH = 4096
_CODE = (".py", ".pyc", ".so")


class Opened:
    """The files that were opened while it watched.

    Attributes:
        read: Those that were read, absolute, in order; without what they were not written as before.
        written: Those that were opened for writing.
    """

    def __init__(self) -> None:
        self.read: dict[str, None] = {}
        self.written: dict[str, None] = {}

    def note(self, path: str, writing: bool) -> None:
        """Note that a file was opened."""
        if writing:
            self.written.setdefault(path)
        elif path not in self.written:
            self.read.setdefault(path)


_watching: list[Opened] = []
_hooked: list[bool] = []
_paused: list[bool] = []


@contextmanager
def watched_files() -> Iterator[Opened]:
    """Watch which files are opened inside the block, by whichever thread of this process."""
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_hook)
    opened = Opened()
    _watching.append(opened)
    try:
        yield opened
    finally:
        _watching.remove(opened)


@contextmanager
def unwatched() -> Iterator[None]:
    """Leave out what foundations itself opens inside the block."""
    _paused.append(True)
    try:
        yield
    finally:
        _paused.pop()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _EVENTS or not _watching or _paused:
        return
    path, mode, flags = arguments if event == "open" else (arguments[0], "r", 0)
    if path is None or isinstance(path, int):
        return
    if event != "open" and sys._getframe(1).f_code.co_filename.startswith("<frozen importlib"):
        return  # it looks for a module
    try:
        place = os.path.abspath(os.fsdecode(path))
    except (TypeError, ValueError, OSError):  # nothing that names a file
        return
    writing = bool(set(mode) & set("wax+")) if isinstance(mode, str) else bool(flags & _WRITING)
    for opened in _watching:
        opened.note(place, writing)


def obstacle(opened: Opened, project: str, stated: Iterable[str], named: Iterable[object] = ()) -> str | None:
    """Return what keeps a call that opened such files from being cached, in words; None where nothing does.

    Args:
        opened: What the call opened.
        project: The project directory.
        stated: The files and directories that its key covers, relative to the project or absolute.
        named: Its arguments; the name of a file among them may have been read by what Python does not see.
    """
    covered = [os.path.join(project, os.path.expanduser(path)).rstrip(os.sep) for path in stated]
    for path in opened.read:
        if _matters(path, project) and not any(_is_in(path, place) for place in covered):
            shown = _shown(path, project)
            return f"it read {shown}, which its key does not cover; create_stage(depends_on=[{shown!r}]) says so"
    for path in opened.written:
        if _matters(path, project) and os.path.lexists(path):
            return f"it wrote {_shown(path, project)}, which a hit would not"
    for value in named:
        if isinstance(value, (str, os.PathLike)) and _is_unseen(os.fspath(value), project, [*covered, *opened.written]):
            return (
                f"it was given the name of the file {value}, and what reads it may not be Python, which its key does"
                f" not cover; create_stage(depends_on=[{os.fspath(value)!r}]) says so"
            )
    return None


def _is_unseen(path: str | bytes, project: str, covered: Iterable[str]) -> bool:
    if not isinstance(path, str) or not path or len(path) > _LONGEST_PATH or "\0" in path:
        return False
    place = os.path.abspath(os.path.join(project, os.path.expanduser(path)))
    return os.path.isfile(place) and _matters(place, project) and not any(_is_in(place, other) for other in covered)


def _shown(path: str, project: str) -> str:
    return os.path.relpath(path, project) if _is_in(path, project) else path


def _is_in(path: str, place: str) -> bool:
    return path == place or path.startswith(place + os.sep)


def _matters(path: str, project: str) -> bool:
    """Tell whether a file may be the user's own: not the system's, Python's, a package's or a tool's settings."""
    if path.endswith(_CODE) or "site-packages" in path or "__pycache__" in path:
        return False
    if _is_in(path, project):
        return True
    home = os.path.expanduser("~") + os.sep
    if path.startswith(home) and path[len(home) :].startswith("."):
        return False
    return not any(_is_in(path, place) for place in (*_SYSTEM, sys.prefix, sys.base_prefix))
