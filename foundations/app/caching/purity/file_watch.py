"""The files that a call reads and leaves behind: a content key does not cover them, and a hit would not write them.

Python raises an audit event (PEP 578) for every file that it opens, moves or removes. That includes the files of
modules, but those that the key covers were imported when the code was followed. What other libraries and processes
write is seen where it lies in the project. That they read a file is suspected where its name is at hand.
"""

from __future__ import annotations

import linecache
import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

from foundations.app.code_origin import is_installed, is_library, is_sdk_or_bundled, is_standard_library
from foundations.app.tracking_pause import is_tracking_paused
from foundations.domain.fields import fields_of

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_LOOKING = frozenset({"os.listdir", "os.scandir", "sqlite3.connect", "ctypes.dlopen"})
_MAKING = {"os.mkdir": (0, 2), "os.rename": (1, 3), "os.link": (1, 3), "os.symlink": (1, 2)}
"""Events that make something: which of their arguments names it, and which the directory it lies in."""

_REMOVING = {"os.remove": (0, 1), "os.rmdir": (0, 1), "os.rename": (0, 2)}
"""Likewise those that remove something."""

_STARTING = {"subprocess.Popen": (1, 2), "os.posix_spawn": (1, None), "os.exec": (1, None), "os.system": (0, None)}
"""Events that start another process: which of their arguments is the command, and which the directory it starts in."""

_SYSTEM = ("/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/lib64", "/bin")
_SHOWS_LINES = linecache.__file__
_LONGEST_PATH = 4096


class FileAccesses:
    """The files that were accessed while they were watched, each in the order of the first access.

    Attributes:
        read: Those that were read or imported, absolute.
        written: Those that were written or made.
        removed: Those that were there before, and were removed or moved away.
        named: What was handed to other processes, which may name files; absolute.
        settings: Those of all these that a library has accessed where tools have their settings.
        remembered: Those that were read while certain code was running, by that.

    Args:
        memories: Code of which it is to be known what was read for it.
    """

    def __init__(self, memories: Iterable[CodeType] = ()) -> None:
        self.remembered: dict[CodeType, dict[str, None]] = {code: {} for code in memories}
        self.read: dict[str, None] = {}
        self.written: dict[str, None] = {}
        self.removed: dict[str, None] = {}
        self.named: dict[str, None] = {}
        self.settings: set[str] = set()

    def note(self, event: str, arguments: tuple[Any, ...], frame: FrameType) -> None:
        """Note what an audit event reports that was raised in `frame`."""
        if event == "open":
            path, mode, flags = arguments
            writing = bool(set(mode) & set("wax+")) if isinstance(mode, str) else bool(flags & _WRITING)
            self._add(self.written if writing else self.read, path, frame)
        elif event in _LOOKING:
            self._add(self.read, arguments[0], frame)
        elif event == "import" and arguments[1] is not None:  # a compiled module
            self._add(self.read, arguments[1], frame)
        elif event in _STARTING:
            command, directory = _STARTING[event]
            place = (directory and arguments[directory]) or "."
            for word in _words(arguments[command]):
                self._add(self.named, os.path.join(os.fsdecode(place), word), frame)
        for events, files in ((_REMOVING, self.removed), (_MAKING, self.written)):
            path, directory = events.get(event, (None, 0))
            if path is not None and arguments[directory] == -1:  # what lies in an open directory has no path
                self._add(files, arguments[path], frame)

    def _add(self, files: dict[str, None], path: Any, frame: FrameType) -> None:
        try:
            place = os.path.abspath(os.fsdecode(path))
        except (TypeError, ValueError, OSError):  # a descriptor, or nothing that names a file
            return
        if files is self.read:
            place = _source_of(place)
        if files is self.written or place not in self.written:
            files.setdefault(place)
        if files is self.read and self.remembered:
            for code in _running(frame):
                if code in self.remembered:
                    self.remembered[code][place] = None
        if place.startswith(os.path.expanduser("~") + os.sep + "."):
            if _is_in_library(frame):
                self.settings.add(place)
            else:
                self.settings.discard(place)


_watching: list[FileAccesses] = []
_hooked: list[bool] = []
_EVENTS = frozenset({"open", "import", *_LOOKING, *_MAKING, *_REMOVING, *_STARTING})


@contextmanager
def watched_files(memories: Iterable[CodeType] = ()) -> Iterator[FileAccesses]:
    """Watch which files are accessed inside the block, by whichever thread of this process.

    Args:
        memories: Code of which it is to be known what was read for it.
    """
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_hook)
    accesses = FileAccesses(memories)
    _watching.append(accesses)
    try:
        yield accesses
    finally:
        _watching.remove(accesses)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _EVENTS or not _watching or is_tracking_paused():
        return
    frame = sys._getframe(1)
    if event in _LOOKING and frame.f_code.co_filename.startswith("<frozen importlib"):
        return  # it looks for a module
    if event == "open" and frame.f_back is not None and frame.f_back.f_code.co_filename == _SHOWS_LINES:
        return  # of a traceback or a warning; of code that asks for its own text the key knows
    for accesses in list(_watching):
        accesses.note(event, arguments, frame)


def _running(frame: FrameType | None) -> Iterator[CodeType]:
    """Yield the code that runs in a frame, and that which has called it, and so on."""
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back


def _is_in_library(frame: FrameType | None) -> bool:
    """Return whether a library's code runs in `frame`, by itself or through Python's own."""
    while frame is not None:
        name = frame.f_code.co_filename
        if is_library(name):
            return True
        if not is_standard_library(name):
            return False
        frame = frame.f_back
    return True


def uncacheable_because(  # noqa: C901
    accesses: FileAccesses, changed: str | None, project: str, stated: Iterable[str], named: Iterable[str]
) -> str | None:
    """Return why the output of a call that accessed such files must not be cached; None where it may be.

    Args:
        accesses: The files that the call accessed.
        changed: What was made or removed in the project meanwhile.
        project: The project directory.
        stated: The files and directories that its key covers, relative to the project or absolute.
        named: Texts that its arguments and its code hold; what reads the file that one names may not be Python.
    """
    covered = [os.path.abspath(os.path.join(project, os.path.expanduser(path))) for path in stated]

    def matters(path: str) -> bool:
        return _matters(path, project) and (path not in accesses.settings or _is_in(path, project))

    for path in accesses.read:
        if matters(path) and not _is_covered(path, covered) and os.path.lexists(path):
            shown = _shown(path, project)
            return (
                f"it read {shown}, which its key does not cover; declare the file with"
                f" create_stage(depends_on=[{shown!r}])"
            )
    for path in accesses.written:
        if matters(path) and os.path.lexists(path) and path not in _SHARED:
            return f"it created or changed {_shown(path, project)}; a cache hit would not do this"
    for path in accesses.removed:
        if matters(path) and not os.path.lexists(path):
            return f"it removed {_shown(path, project)}; a cache hit would not do this"
    if changed is not None:
        return f"it created or removed {_shown(changed.rstrip('/'), project)}; a cache hit would not do this"
    for text in (*named, *accesses.named):
        path = os.path.abspath(os.path.join(project, os.path.expanduser(text)))
        if not os.path.isfile(path) or not matters(path) or _is_imported(path):
            continue
        if not _is_covered(path, [*covered, *accesses.written]):
            shown = _shown(text, project)
            return (
                f"it has the name of the file {shown}, which something else than Python may read, and its key does not"
                f" cover it; declare the file with create_stage(depends_on=[{shown!r}])"
            )
    return None


_SHARED = frozenset({"/tmp", "/var/tmp"})  # noqa: S108 - where a file without a name was made (O_TMPFILE)


_NAME_NO_FILES = frozenset({int, float, complex, bool, bytes, type(None)})  # most arguments are of these


def texts_in(value: object, depth: int = 0) -> Iterator[str]:
    """Yield the texts that may name files: in a value, and in what it plainly consists of."""
    if type(value) in _NAME_NO_FILES:
        return
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
        elif fields_of(type(value)) is not None:
            inner = getattr(value, "__dict__", {}).values()
        for item in inner:
            yield from texts_in(item, depth + 1)


def _words(command: Any) -> Iterator[str]:
    """Yield what a command consists of, as far as it may name files."""
    if isinstance(command, (bytes, os.PathLike)):
        command = os.fsdecode(command)
    if isinstance(command, str):
        try:
            command = shlex.split(command)
        except ValueError:  # a quotation that does not end
            command = command.split()
    for word in command if isinstance(command, (list, tuple)) else ():
        text = os.fsdecode(word) if isinstance(word, (str, bytes, os.PathLike)) else ""
        if 0 < len(text) <= _LONGEST_PATH and "\0" not in text:
            yield from {text, text.partition("=")[2] or text}


def _is_imported(path: str) -> bool:
    """Return whether a file is the source of a module, which is followed as code."""
    return path.endswith(".py") and any(getattr(module, "__file__", None) == path for module in [*sys.modules.values()])


def _source_of(path: str) -> str:
    """Return the source file of byte code; any other file as it is.

    >>> _source_of("/project/__pycache__/features.cpython-311.pyc")
    '/project/features.py'
    """
    directory, name = os.path.split(path)
    if not path.endswith(".pyc") or os.path.basename(directory) != "__pycache__":
        return path
    return os.path.join(os.path.dirname(directory), name.partition(".")[0] + ".py")


def _shown(path: str, project: str) -> str:
    return os.path.relpath(path, project) if _is_in(path, project) else path


def _is_covered(path: str, places: Iterable[str]) -> bool:
    return any(_is_in(path, place) for place in places)


def _is_in(path: str, place: str) -> bool:
    return path == place or path.startswith(place + os.sep)


def _matters(path: str, project: str) -> bool:
    """Return whether a file may be the user's own: not the system's, Python's or a package's."""
    if is_installed(path) or "__pycache__" in path:
        return False
    if _is_in(path, project):
        return True
    places = (*_SYSTEM, sys.prefix, sys.base_prefix)
    return not is_sdk_or_bundled(path) and not any(_is_in(path, place) for place in places)
