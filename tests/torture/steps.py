"""Counts the steps of a process that change something on the disk or start a process, and fails at one of them.

Put on the path as ``sitecustomize``; ``TORTURE`` in the environment says what to do, as JSON:

- ``role``: ``caller`` (from :func:`arm` on), ``supervisor`` or ``worker`` of a job;
- ``log``: a file that each step is written to;
- ``at``: the number of the step to fail at, from 0;
- ``how``: ``kill``, the name of a signal as ``SIGINT``, or of an error as ``ENOSPC``; ``remove``, for the directory
  ``target`` to vanish; ``wait``, for a disk that takes its time;
- ``only``: fail in steps of this kind alone, the kinds being ``change`` and ``write``: what a full disk refuses.
"""

import errno
import json
import os
import shutil
import signal
import sys
import time

_CHANGES = {
    *("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.chmod", "os.truncate"),
    *("os.fork", "subprocess.Popen", "sqlite3.connect"),
}
_WRITES = {
    "open",
    "os.mkdir",
    "os.link",
    "os.rename",
    "os.symlink",
    "write",
    "writev",
    "fsync",
    "copy_file_range",
    "mkfifo",
}
_OF_DESCRIPTORS = ("write", "writev", "fsync", "copy_file_range")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

_settings = json.loads(os.environ.get("TORTURE", "{}"))
_role = "supervisor" if "FOUNDATIONS_LOCK" in os.environ else "other"
_count = 0
_busy = False
_write = os.write


def _step(kind, subject):
    global _count, _busy
    if _busy or _role != _settings.get("role"):
        return
    writes = kind in _WRITES
    if _settings.get("only") == "write" and not writes:
        return
    _busy = True
    try:
        number = _count
        _count += 1
        if "log" in _settings:
            descriptor = os.open(_settings["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            _write(descriptor, f"{kind} {subject}\n".encode(errors="replace"))
            os.close(descriptor)
        if number == _settings.get("at", -1):
            if _settings["how"] == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if _settings["how"] == "remove":
                shutil.rmtree(_settings["target"], ignore_errors=True)
                return
            if _settings["how"] == "wait":
                time.sleep(0.2)
                return
            if _settings["how"].startswith("SIG"):
                signal.raise_signal(getattr(signal, _settings["how"]))
                return
            code = getattr(errno, _settings["how"])
            named = () if kind in _OF_DESCRIPTORS else (str(subject),)  # as the system's own errors are
            raise OSError(code, os.strerror(code), *named)
    finally:
        _busy = False


def _audit(event, arguments):
    if event in _CHANGES:
        named = event == "os.link" and str(arguments[0]).startswith("/proc/self/fd/")  # a file without a name gets one
        _step(event, arguments[int(named)] if arguments else "")
    elif event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
        path = os.fsdecode(arguments[0]) if isinstance(arguments[0], (str, bytes, os.PathLike)) else ""
        if not path.startswith(("/dev/", "/proc/")):
            _step("open", f"{path}/a file without a name" if arguments[2] & os.O_TMPFILE == os.O_TMPFILE else path)


def _patched(name):
    original = getattr(os, name)

    def patched(*arguments, **keywords):
        _step(name, _place(arguments[1] if name == "copy_file_range" else arguments[0]))
        return original(*arguments, **keywords)

    setattr(os, name, patched)


def _place(descriptor):
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except (OSError, TypeError):
        return descriptor


def _forked():
    global _role, _count
    if _role == "supervisor":
        _role, _count = "worker", 0


def arm():
    """Begin to count in this process, the caller."""
    global _role
    _role = "caller"


if _settings:
    for _name in (*_OF_DESCRIPTORS, "mkfifo"):
        _patched(_name)
    os.register_at_fork(after_in_child=_forked)
    sys.addaudithook(_audit)
