"""Processes that a job leaves behind: adopted by its supervisor, and killed at its end."""

from __future__ import annotations

import os
import signal
from pathlib import Path

_OPTIONS = {"PR_SET_PDEATHSIG": 1, "PR_SET_CHILD_SUBREAPER": 36}  # linux/prctl.h


def adopt_orphans() -> None:
    """Have descendants whose parents die become children of this process, also those that left their session.

    Raises:
        OSError: The kernel refuses.
    """
    _prctl("PR_SET_CHILD_SUBREAPER", 1)


def end_with_parent() -> None:
    """Have this process killed when its parent dies.

    Raises:
        OSError: The kernel refuses.
    """
    _prctl("PR_SET_PDEATHSIG", signal.SIGKILL)


def _prctl(option: str, value: int) -> None:
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_OPTIONS[option], value, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}): {os.strerror(code)}")


def kill_children() -> None:
    """Kill and reap every child of this process, and the orphans that this makes, until there is none.

    Processes that the kernel does not let this user kill are left alone.
    """
    foreign: set[int] = set()
    while _has_children():
        children = set(_children()) - foreign
        if not children:
            return
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)  # not reaped yet, so the number still means this child
            except PermissionError:  # it has become another user's, by a set-user-ID program
                foreign.add(child)
        for child in children - foreign:
            os.waitid(os.P_PID, child, os.WEXITED)


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _children() -> list[int]:
    """Return the children of this process, found by looking at every process there is."""
    own = os.getpid()
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            stat = Path(entry.path, "stat").read_bytes()
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
        if int(stat.rpartition(b")")[2].split()[1]) == own:
            found.append(int(entry.name))
    return found
