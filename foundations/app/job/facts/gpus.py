"""The graphics processors of a host, as ``nvidia-smi`` lists them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from foundations import events

if TYPE_CHECKING:  # imported where there is something to ask, since each job's supervisor loads this module
    import subprocess

_PATIENCE = 10.0
_FIELDS = ("name", "uuid", "memory.total", "driver_version")
_OPTIONS = (f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits")


class GpuQuery:
    """A query that runs in a process of its own beside the job, since it may take a second."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, path: str) -> None:
        """Start asking; nothing where the host has no such program.

        Args:
            path: The directories in which the program is searched, as in ``PATH``.
        """
        programs = (os.path.join(directory, "nvidia-smi") for directory in path.split(os.pathsep) if directory)
        program = next((program for program in programs if os.access(program, os.X_OK)), None)
        if program is not None:
            self._start(program)

    def read(self) -> list[dict[str, Any]] | None:
        """Return the processors as JSON's own types; None where there is nothing to ask, or it does not answer.

        It is asked again where the job's supervisor has killed the query, as it does with all processes of a job.
        """
        process = self._process
        if process is None:
            return None
        output = _output_of(process)
        if output == b"":
            output = _output_of(self._start(str(process.args[0])))  # type: ignore[index]
        if not output:
            events.debug("gpus_not_recorded", reason="nvidia-smi failed, or did not answer")
            return None
        return [_parse(line) for line in output.decode(errors="replace").splitlines() if line.strip()]

    def _start(self, program: str) -> subprocess.Popen[bytes]:
        from subprocess import DEVNULL, PIPE, Popen

        self._process = Popen((program, *_OPTIONS), stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
        return self._process


def _output_of(process: subprocess.Popen[bytes]) -> bytes | None:
    """Return what a query has written; None where it failed, nothing where it was killed."""
    from subprocess import TimeoutExpired

    try:
        output: bytes = process.communicate(timeout=_PATIENCE)[0]
    except TimeoutExpired:
        process.kill()
        process.communicate()
        return None
    return None if process.returncode > 0 else output


def _parse(line: str) -> dict[str, Any]:
    name, uuid, memory, driver = (part.strip() for part in (*line.split(","), "", "", "")[:4])
    megabytes = int(memory) if memory.isdigit() else None
    return {
        "name": name,
        "uuid": uuid,
        "memory_bytes": None if megabytes is None else megabytes << 20,
        "driver_version": driver,
    }
