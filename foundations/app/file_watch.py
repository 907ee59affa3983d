"""Which files a call reads and leaves behind: what a content key does not cover, and a hit would not do again.

Python tells of every file it opens, moves or removes by an audit event (PEP 578). What other libraries write by
themselves is seen where it lies in the project; what they read there is suspected where its name is at hand.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_LOOKING = frozenset({"os.listdir", "os.scandir", "sqlite3.connect"})
_MAKING = {"os.mkdir": (0, 2), "os.rename": (1, 3), "os.link": (1, 3), "os.symlink": (1, 2)}
"""Events that make something: which of their arguments names it, and which the directory it lies in."""

_REMOVING = {"os.remove": (0, 1), "os.rmdir": (0, 1), "os.rename": (0, 2)}
"""Likewise those that remove something."""

_SYSTEM = ("/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/lib64", "/bin")
_LONGEST_PATH = 4096
_CODE = (".py", ".pyc", ".so")


class Touched:
    """The files that were touched while it watched, each in the order of the first touch.

    Attributes:
        read: Those that were read, absolute.
        written: Those that were written or made.
        removed: Those that were there before, and were removed or moved away.
    """

    def __init__(self) -> None:
        self.read: dict[str, None] = {}
        self.written: dict[str, None] = {}
        self.removed: dict[str, None] = {}

    def note(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note what an audit event tells."""
        if event == "open":
            path, mode, flags = arguments
            writing = bool(set(mode) & set("wax+")) if isinstance(mode, str) else bool(flags & _WRITING)
            self._add(self.written if writing else self.read, path)
        elif event in _LOOKING:
            self._add(self.read, arguments[0])
        for events, files in ((_REMOVING, self.removed), (_MAKING, self.written)):
            path, directory = events.get(event, (None, 0))
            if path is not None and arguments[directory] == -1:  # what lies in an open directory has no path to tell
                self._add(files, arguments[path])

    def _add(self, files: dict[str, None], path: Any) -> None:
        try:
            place = os.path.abspath(os.fsdecode(path))
        except (TypeError, ValueError, OSError):  # a descriptor, or nothing that names a file
            return
        if files is self.written or place not in self.written:
            files.setdefault(place)


_watching: list[Touched] = []
_hooked: list[bool] = []
_paused: list[int] = []
_EVENTS = frozenset({"open", *_LOOKING, *_MAKING, *_REMOVING})


@contextmanager
def watched_files() -> Iterator[Touched]:
    """Watch which files are touched inside the block, by whichever thread of this process."""
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_hook)
    touched = Touched()
    _watching.append(touched)
    try:
        yield touched
    finally:
        _watching.remove(touched)


@contextmanager
def unwatched() -> Iterator[None]:
    """Leave out what this thread of foundations' own touches inside the block."""
    _paused.append(threading.get_ident())
    try:
        yield
    finally:
        _paused.remove(threading.get_ident())


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _EVENTS or not _watching or threading.get_ident() in _paused:
        return
    if event in _LOOKING and sys._getframe(1).f_code.co_filename.startswith("<frozen importlib"):
        return  # it looks for a module
    for touched in list(_watching):
        touched.note(event, arguments)


class ProjectListing:
    """What lies in the project's directories: whoever makes or removes something there is found out.

    Hidden files and installed packages are left out.

    Args:
        project: The project directory.
    """

    def __init__(self, project: str) -> None:
        self._project = project
        self._known: dict[str, tuple[int, frozenset[str]]] = {}
        self.changed()

    def changed(self) -> str | None:
        """Return the path of something that was made or removed since the last call; None where there is nothing."""
        found, unknown = None, [self._project]
        listed: dict[str, tuple[int, frozenset[str]]] = {}
        while unknown:
            directory = unknown.pop()
            try:
                changed_at = os.stat(directory).st_mtime_ns
                known = self._known.get(directory)
                if known is None or known[0] != changed_at:
                    with os.scandir(directory) as entries:
                        names = frozenset(
                            entry.name + "/" * entry.is_dir(follow_symlinks=False)
                            for entry in entries
                            if not entry.name.startswith((".", "__pycache__", "site-packages"))
                        )
                    if known is not None and known[1] != names:
                        found = found or os.path.join(directory, min(known[1] ^ names))
                    known = (changed_at, names)
            except OSError:  # it has just been removed, which its parent tells, or is not to be read
                continue
            listed[directory] = known
            unknown += [os.path.join(directory, name[:-1]) for name in known[1] if name.endswith("/")]
        self._known = listed
        return found


def obstacle(
    touched: Touched, changed: str | None, project: str, stated: Iterable[str], named: Iterable[str]
) -> str | None:
    """Return what keeps a call that touched such files from being cached, in words; None where nothing does.

    Args:
        touched: What the call touched.
        changed: What was made or removed in the project meanwhile.
        project: The project directory.
        stated: The files and directories that its key covers, relative to the project or absolute.
        named: Texts that its arguments and its code hold; what reads the file that one names may not be Python.
    """
    covered = [os.path.abspath(os.path.join(project, os.path.expanduser(path))) for path in stated]
    for path in touched.read:
        if _matters(path, project) and not _is_covered(path, covered) and os.path.lexists(path):
            shown = _shown(path, project)
            return f"it read {shown}, which its key does not cover; create_stage(depends_on=[{shown!r}]) says so"
    for path in touched.written:
        if _matters(path, project) and os.path.lexists(path) and path not in _SHARED:
            return f"it left {_shown(path, project)} behind, which a hit would not"
    for path in touched.removed:
        if _matters(path, project) and not os.path.lexists(path):
            return f"it removed {_shown(path, project)}, which a hit would not"
    if changed is not None:
        return f"it made or removed {_shown(changed.rstrip('/'), project)}, which a hit would not"
    for text in named:
        path = os.path.abspath(os.path.join(project, os.path.expanduser(text)))
        if os.path.isfile(path) and _matters(path, project) and not _is_covered(path, [*covered, *touched.written]):
            return (
                f"it has the name of the file {text}, which something else than Python may read, and its key does not"
                f" cover it; create_stage(depends_on=[{text!r}]) says so"
            )
    return None


_SHARED = frozenset({"/tmp", "/var/tmp"})  # noqa: S108 - where a file without a name was made (O_TMPFILE)


def texts_in(value: object, depth: int = 0) -> Iterator[str]:
    """Yield the texts that may name files: in a value, and in what it plainly consists of."""
    if isinstance(value, (str, os.PathLike)):
        text = os.fspath(value)
        if isinstance(text, str) and 0 < len(text) <= _LONGEST_PATH and "\0" not in text:
            yield text
    elif depth < 3:  # deeper ones are hardly worth the time
        inner: Iterable[object] = ()
        if isinstance(value, (list, tuple, set, frozenset)) and len(value) <= 1000:
            inner = value
        elif isinstance(value, dict) and len(value) <= 1000:
            inner = value.values()
        elif hasattr(value, "__dataclass_fields__") or hasattr(value, "__attrs_attrs__"):
            inner = getattr(value, "__dict__", {}).values()
        for item in inner:
            yield from texts_in(item, depth + 1)


def _shown(path: str, project: str) -> str:
    return os.path.relpath(path, project) if _is_in(path, project) else path


def _is_covered(path: str, places: Iterable[str]) -> bool:
    return any(_is_in(path, place) for place in places)


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
