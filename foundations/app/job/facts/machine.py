"""The host and its user."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_GROUP = Path("/sys/fs/cgroup")


def user_name() -> str:
    """Return the name of the user that this process acts for; the number where the system has no name."""
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # as in containers
        return str(os.geteuid())


def host_name() -> str:
    """Return the name of this host."""
    return os.uname().nodename


def describe_machine(group: Path = _GROUP) -> dict[str, Any]:
    """Return what this process can use of its host, as JSON's own types.

    Args:
        group: Where the kernel shows the control group of a container.

    Returns:
        ``cpu_count``, ``usable_cpu_count``, ``memory_bytes``, and ``memory_limit_bytes`` where a container has one.
    """
    facts: dict[str, Any] = {
        "cpu_count": os.cpu_count(),
        "usable_cpu_count": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
    }
    with suppress(OSError, ValueError):  # there is no such file, or it says "max"
        facts["memory_limit_bytes"] = int((group / "memory.max").read_text())
    return facts


def seconds_since_start(process: int) -> float | None:
    """Return how long ago a process started, to a hundredth of a second; None where the system does not tell."""
    try:
        fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b") ")[2].split()  # see proc_pid_stat(5)
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return None
