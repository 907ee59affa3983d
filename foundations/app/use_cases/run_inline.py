"""The use case behind ``stage.run_same_process()``: the pipeline here and now, for trying and debugging."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundations import events
from foundations.app import running_stage
from foundations.app.use_cases.prepare import prepare_pipeline
from foundations.domain.pipeline.executor import Call, execute
from foundations.domain.pipeline.graph import Pipeline
from foundations.domain.pipeline.stage import Stage
from foundations.domain.text.representation import describe_call


class _Notes:
    """Adds to an exception which stage raised it; says in the log what a stage would have a job keep."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def begin(self, index: int) -> None:
        """Nothing is noted."""

    def answer(self, index: int, call: Call) -> Any:
        """Return the output of a stage, computed."""
        return call.make()

    def end(self, index: int, output: Any) -> None:
        """Nothing is noted."""

    def fail(
        self, index: int, error: BaseException, arguments: tuple[Any, ...], keyword_arguments: dict[str, Any]
    ) -> None:
        """Note the stage's call on the exception."""
        error.add_note(f"in stage {describe_call(self._pipeline.name(index), arguments, keyword_arguments)}")

    def log_metric(self, name: str, value: Any) -> None:
        """Say a metric."""
        events.info("metric", name=name, value=value)

    def save_artifact(self, path: Path, name: str) -> None:
        """Say an artifact; it stays where it is."""
        events.info("artifact", name=name, path=str(path), kept=False)


def run_inline(stage: Stage, params_dict: Mapping[str, Any] | None, params: Mapping[str, Any]) -> Any:
    """Run the pipeline behind `stage` in this process and return its output.

    Args:
        stage: The stage.
        params_dict: Hyperparameters by name.
        params: Further hyperparameters.

    Raises:
        FoundationsError: Whatever can be found wrong before a run.
        BaseException: What a stage raised, with a note of the stage's call.
    """
    return run_pipeline(*prepare_pipeline(stage, params_dict, params))


def run_pipeline(pipeline: Pipeline, parameters: dict[str, Any]) -> Any:
    """Run a flat pipeline in this process and return its output; a stage's exception gets a note of its call."""
    notes = _Notes(pipeline)
    with running_stage.running_stages(notes):
        return execute(pipeline, parameters, notes)
