"""The state of the project's Git repository: branch, whether anything is uncommitted, and the difference.

Git runs beside the rest of ``run()``, and is given up after some seconds: in large repositories it takes its time.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundations import events

if TYPE_CHECKING:  # imported where there is a repository
    import subprocess

LONGEST_DIFF = 1_000_000
"""Bytes."""
_PATIENCE = 5.0
_MOST_UNTRACKED = 100
_SECRET_FILES = (
    *(".env", ".env.*", ".netrc", ".npmrc", ".pypirc", ".htpasswd", "credentials", "credentials.*", "kubeconfig"),
    *("id_rsa*", "id_ed25519*", "id_ecdsa*", "*.pem", "*.key", "*.p12", "*.pfx", "*.keystore", "secrets.*"),
)
"""Files whose whole content may be secret."""
_EXCLUDED = tuple(f":(exclude,glob,icase)**/{name}" for name in _SECRET_FILES)
_GIT = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
_STATUS = (*_GIT, "status", "--porcelain=v2", "--branch", "--untracked-files=normal", "--", ".")
_DIFF = (*_GIT, "diff", "HEAD", "--no-color", "--no-ext-diff", "--no-textconv", "--", ".", *_EXCLUDED)


class RepositoryReader:
    """Reads the state of a repository, from processes of Git that have started already.

    Args:
        processes: ``git status`` and ``git diff``; empty where the project is in no repository.
    """

    def __init__(self, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        self._processes = processes

    def read(self) -> dict[str, Any] | None:
        """Return the state as JSON's own types; None where there is no repository, or Git cannot tell.

        Returns:
            ``branch`` (None where none is checked out), ``dirty`` (whether a file of the project is changed or not
            tracked), ``untracked`` (the first of these), ``diff`` (of tracked files, without secrets) and
            ``diff_is_complete``.
        """
        if not self._processes:
            return None
        from foundations.domain.text.source_redaction import redact_source

        deadline = time.monotonic() + _PATIENCE
        status, diff = self._processes
        lines, is_whole = _read(status, deadline)
        changes, has_all_changes = _read(diff, deadline)
        if not is_whole or status.poll() != 0:
            events.debug("repository_not_recorded", reason="git status failed, or took too long")
            return None
        return {
            **_parse_status(lines.decode(errors="replace").splitlines()),
            "diff": redact_source(changes.decode(errors="replace")),
            "diff_is_complete": has_all_changes and diff.poll() == 0,
        }


@contextmanager
def reading_repository(project: Path) -> Iterator[RepositoryReader]:
    """Start reading the repository that `project` is in, and yield the reader; what still runs afterwards is ended."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        if any((directory / ".git").exists() for directory in (project, *project.parents)):
            try:
                for command in (_STATUS, _DIFF):
                    processes.append(_start(command, project))
            except OSError as error:  # there is no Git
                events.debug("repository_not_recorded", reason=str(error))
        yield RepositoryReader(processes if len(processes) == 2 else ())
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _start(command: Sequence[str], project: Path) -> subprocess.Popen[bytes]:
    from subprocess import DEVNULL, PIPE, Popen

    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return Popen(
        command,
        cwd=project,
        env={**variables, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=DEVNULL,
    )


def _read(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bool]:
    """Return what a process writes, up to a size and until a time, and whether that is all of it."""
    content = bytearray()
    descriptor = process.stdout.fileno() if process.stdout is not None else -1
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while len(content) <= LONGEST_DIFF:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            return bytes(content[:LONGEST_DIFF]), False
        data = os.read(descriptor, 2**16)
        if not data:
            process.wait()
            return bytes(content), True
        content += data
    return bytes(content[:LONGEST_DIFF]), False


def _parse_status(lines: Sequence[str]) -> dict[str, Any]:
    """Return what ``git status --porcelain=v2 --branch`` says (see git-status(1))."""
    heads = [line.removeprefix("# branch.head ") for line in lines if line.startswith("# branch.head ")]
    untracked = [line.removeprefix("? ") for line in lines if line.startswith("? ")]
    return {
        "branch": next((head for head in heads if head != "(detached)"), None),
        "dirty": any(not line.startswith("#") for line in lines),
        "untracked": untracked[:_MOST_UNTRACKED],
    }
