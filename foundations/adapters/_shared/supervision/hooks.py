"""What the application does around the worker, called from the supervisor."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Protocol, TypeVar

from foundations.ports.job import JobEnd

_T = TypeVar("_T")


class SupervisorHooks(Protocol):
    """What the application does around the worker of one job."""

    def record_start(self, started_at: float) -> None:
        """Record in the listing that the job runs since `started_at`, seconds since the epoch."""

    def stage_name(self, index: int) -> str | None:
        """Return the name of the stage at `index` of the job's pipeline; None where it is not known."""

    def archive_streams(self, end: JobEnd) -> JobEnd:
        """Archive what the job wrote; return the end with what could not be archived."""

    def archive_files(self, end: JobEnd) -> JobEnd:
        """Archive the files that the job wrote, as configured; return the end with those that vanish."""

    def record_end(self, end: JobEnd) -> None:
        """Copy the end, whose record is written, into the archive and the listing."""


class GuardedHooks:
    """Calls hooks; a failure of one goes to the supervisor's log and never keeps the end record from being written.

    Args:
        make_hooks: Makes the hooks; where it fails, none is called.
    """

    def __init__(self, make_hooks: Callable[[], SupervisorHooks]) -> None:
        self._hooks = guard(make_hooks)

    def record_start(self, started_at: float) -> None:
        """Record that the job runs."""
        if self._hooks is not None:
            guard(self._hooks.record_start, started_at)

    def stage_name(self, index: int) -> str | None:
        """Return the name of the stage at `index`; None where it is not known, or `index` is -1."""
        if self._hooks is None or index < 0:
            return None
        return guard(self._hooks.stage_name, index)

    def archive_streams(self, end: JobEnd) -> JobEnd:
        """Archive what the job wrote; return the end with what could not be archived."""
        if self._hooks is None:
            return end
        try:
            return self._hooks.archive_streams(end)
        except Exception as error:
            traceback.print_exc()
            failure = f"stdout and stderr: {type(error).__name__}: {error}"
            return end._replace(not_archived=(*end.not_archived, failure))

    def archive_files(self, end: JobEnd) -> JobEnd:
        """Archive the files that the job wrote, as configured; return the end with those that vanish."""
        if self._hooks is None:
            return end
        return guard(self._hooks.archive_files, end) or end

    def record_end(self, end: JobEnd) -> None:
        """Copy the end into the archive and the listing."""
        if self._hooks is not None:
            guard(self._hooks.record_end, end)


def guard(action: Callable[..., _T], *arguments: object) -> _T | None:
    """Return what `action` returns; None where it raises, which goes to this process's stderr."""
    try:
        return action(*arguments)
    except Exception:
        traceback.print_exc()  # the supervisor's stderr is its own log
        return None
