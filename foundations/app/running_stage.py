"""The stages that run in this process: how ``log_metric`` and its like find theirs."""

from __future__ import annotations

import os
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any

from foundations.errors import FoundationsError, OutsideJobError

if TYPE_CHECKING:
    from foundations.domain.pipeline.executor import Recorder


class RunningStage:
    """A stage that runs.

    Attributes:
        pipeline: The pipeline that it is one of.
        index: Its position; -1 before the first of a pipeline's stages runs.
        metrics: The metrics that it has logged since it is observed, each with its name; None where it is not.
        artifacts: The names of the artifacts that it has saved.
    """

    metrics: list[tuple[str, Any]] | None = None
    artifacts: tuple[str, ...] = ()

    def __init__(self, pipeline: RunningPipeline, index: int) -> None:
        self.pipeline = pipeline
        self.index = index


_of_this_context: ContextVar[RunningStage | None] = ContextVar("foundations_running_stage", default=None)
_pipelines: list[RunningPipeline] = []
_serves_a_job: list[bool] = []


class RunningPipeline:
    """A pipeline whose stages run in this process inside the ``with`` block.

    Several of its stages may run at once, in a thread each.

    Args:
        recorder: Records what the stages log and save; None where that was recorded before.
    """

    def __init__(self, recorder: Recorder | None) -> None:
        self.recorder = recorder
        self.process = os.getpid()
        self._running: dict[int, RunningStage] = {}
        self._latest = RunningStage(self, -1)
        self._outer: Token[RunningStage | None] | None = None

    def __enter__(self) -> None:
        _pipelines.append(self)
        self._outer = _of_this_context.set(self._latest)

    def __exit__(self, *error: object) -> None:
        _pipelines.remove(self)
        if self._outer is not None:
            _of_this_context.reset(self._outer)

    def enter_stage(self, index: int) -> None:
        """Attribute to the stage at `index` what this context logs and saves from now on."""
        stage = self._latest = self._running[index] = RunningStage(self, index)
        _of_this_context.set(stage)

    def leave_stage(self, index: int) -> int:
        """Note that the stage at `index` has ended; return the position of one that still runs, or -1."""
        self._running.pop(index, None)
        return next(iter([*self._running]), -1)  # of a copy: another thread may enter a stage meanwhile

    def only_stage(self) -> RunningStage | None:
        """Return the stage that runs, or the one that ran last; None where several run."""
        running = [*self._running.values()] or [self._latest]
        return running[0] if len(running) == 1 else None


def serve() -> None:
    """Note that this process serves a job and nothing else, from before it imports the user's modules."""
    _serves_a_job.append(True)


def is_inside() -> bool:
    """Return whether the calling code is part of a job: inside a stage, or imported by a job's process."""
    return bool(_serves_a_job) or _of_this_context.get() is not None or _pipeline_of_plain_thread() is not None


def _pipeline_of_plain_thread() -> RunningPipeline | None:
    """Return the only pipeline of this process, where this is a plain thread that one of its stages has started."""
    if len(_pipelines) != 1:
        return None
    import threading

    return None if threading.current_thread() is threading.main_thread() else _pipelines[0]


def require_stage(called: str) -> RunningStage:
    """Return the stage that the calling code is part of.

    Args:
        called: What was called, for the error.

    Raises:
        OutsideJobError: There is none.
    """
    stage = _of_this_context.get()
    if stage is None:
        pipeline = _pipeline_of_plain_thread()
        if pipeline is None:
            raise OutsideJobError(
                f"{called} was called outside a job: call it inside a stage's function, which knows where its job's"
                " archives are"
            )
        stage = pipeline.only_stage()
        if stage is None:
            raise OutsideJobError(
                f"{called} was called in a thread that a stage has started, while several stages run: have the thread"
                " run in a copy of the stage's context (contextvars.copy_context().run)"
            )
    if stage.pipeline.process != os.getpid():
        raise OutsideJobError(
            f"{called} was called in a child process of a stage, from which nothing reaches the job. Return the value"
            f" to the stage's own process and call {called} there."
        )
    return stage


def add_metric(log: dict[str, Any], name: str, value: Any) -> None:
    """Add a metric to a stage log, where a name that is logged again has the list of its values."""
    if name not in log:
        log[name] = value
    elif isinstance(log[name], list):
        log[name].append(value)
    else:
        log[name] = [log[name], value]


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
    stage = require_stage("log_metric")
    if not isinstance(name, str) or not name:
        raise FoundationsError(f"a metric's name must be a non-empty string, not {name!r:.100}")
    plain: Any = value
    if not isinstance(plain, (int, float, str, bool)) and hasattr(plain, "item"):
        try:
            plain = plain.item()
        except Exception as error:  # an array of several elements
            raise FoundationsError(
                f"metric {name!r}: a value must be a single number, not {value!r:.100}: {error}"
            ) from error
    if not isinstance(plain, (int, float, str, bool)):
        raise FoundationsError(
            f"metric {name!r}: a value must be a number, a string or a truth value, not of type {type(value).__name__}"
        )
    if isinstance(plain, int) and plain.bit_length() > 1024:
        raise FoundationsError(f"metric {name!r}: an integer of {plain.bit_length()} bits is too long; log a float")
    if stage.metrics is not None:
        stage.metrics.append((name, plain))
    if stage.pipeline.recorder is not None:
        stage.pipeline.recorder.log_metric(stage.index, name, plain)
