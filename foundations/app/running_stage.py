"""What is running in this process: how ``log_metric`` and its like find their stage."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Protocol

from foundations.errors import FoundationsError, OutsideJobError


class RunningStage(Protocol):
    """The stage that runs, as the functions that are called inside it see it."""

    def log_metric(self, name: str, value: Any) -> None:
        """Add a metric to the stage log."""

    def save_artifact(self, path: Path, name: str) -> None:
        """Archive a file."""


_of_this_context: ContextVar[RunningStage | None] = ContextVar("foundations_running_stage", default=None)
_of_this_process: list[RunningStage] = []
_process: list[int] = []
_serves_a_job: list[bool] = []


def serve() -> None:
    """Note that this process serves a job and nothing else, from before it imports the user's modules."""
    _serves_a_job.append(True)


@contextmanager
def running_stages(running: RunningStage) -> Iterator[None]:
    """Have the stages of a pipeline run in the calling thread, inside the block."""
    _of_this_process.append(running)
    _process.append(os.getpid())
    token = _of_this_context.set(running)
    try:
        yield
    finally:
        _of_this_process.remove(running)
        _process.pop()
        _of_this_context.reset(token)


def is_inside() -> bool:
    """Return whether the calling code is part of a job: inside a stage, or imported by a job's process."""
    return bool(_serves_a_job) or _running() is not None


def _running() -> RunningStage | None:
    running = _of_this_context.get()
    if running is None and len(_of_this_process) == 1:
        import threading

        if threading.current_thread() is not threading.main_thread():  # a plain thread that a stage has started
            return _of_this_process[0]
    return running


def _required(called: str) -> RunningStage:
    running = _running()
    if running is None:
        raise OutsideJobError(
            f"{called} was called outside a job: call it inside a stage's function, which knows where its job's"
            " archives are"
        )
    if os.getpid() not in _process:
        raise OutsideJobError(
            f"{called} was called in a process that a stage has forked, and nothing of it would reach the job: return"
            f" the value to the stage, and call {called} there"
        )
    return running


def log_metric(name: str, value: float | int | str | bool) -> None:
    """Log a metric of the running stage: into the stage log, and into the listing.

    A name that is logged again keeps all its values, in order, in the stage log; the listing has the last.

    Args:
        name: The metric's name.
        value: A number, a string or a truth value; NumPy's scalars are taken as these.

    Raises:
        OutsideJobError: No stage is running here.
        FoundationsError: The name or the value is of another kind.
    """
    running = _required("log_metric")
    if not isinstance(name, str) or not name:
        raise FoundationsError(f"a metric's name is a string that is not empty, not {name!r:.100}")
    plain: Any = value
    if not isinstance(plain, (int, float, str, bool)) and hasattr(plain, "item"):
        try:
            plain = plain.item()
        except Exception as error:  # an array of several elements
            raise FoundationsError(
                f"metric {name!r}: a value is a single number, not {value!r:.100}: {error}"
            ) from error
    if not isinstance(plain, (int, float, str, bool)):
        raise FoundationsError(
            f"metric {name!r}: a value is a number, a string or a truth value, not of type {type(value).__name__}"
        )
    if isinstance(plain, int) and plain.bit_length() > 1024:
        raise FoundationsError(f"metric {name!r}: an integer of {plain.bit_length()} bits is too long; log a float")
    running.log_metric(name, plain)


def save_artifact(path: str | Path, name: str | None = None) -> None:
    """Archive a file of the running job.

    Args:
        path: The file, relative to the working directory where it is not absolute.
        name: What the artifact is called; the file's own name by default.

    Raises:
        OutsideJobError: No stage is running here.
        FoundationsError: `path` is no file.
    """
    running = _required("save_artifact")
    if name is not None and not isinstance(name, str):
        raise FoundationsError(f"save_artifact: an artifact's name is a string, not {name!r:.100}")
    source = Path(path)
    if not source.is_file():
        raise FoundationsError(f"save_artifact: {source.absolute()} is no file")
    running.save_artifact(source, source.name if name is None else name)
