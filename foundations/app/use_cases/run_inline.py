"""The use case behind ``stage.run_same_process()``: a pipeline in the caller's process, for trying and debugging."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from foundations import events
from foundations.app.job.stage_arguments import describe_stage_call
from foundations.app.running_stage import RunningPipeline
from foundations.app.use_cases.prepare import prepare_pipeline
from foundations.domain.pipeline.executor import Artifact, execute
from foundations.domain.pipeline.graph import Pipeline
from foundations.domain.pipeline.stage import Stage

if TYPE_CHECKING:
    from foundations.domain.pipeline.memo import CacheResult


class _InlineRecorder:
    """Adds to an exception which stage raised it; logs the metrics and artifacts that a job would archive."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def record_start(self, index: int) -> None:
        """Do nothing: no times are recorded."""

    def record_end(self, index: int, output: Any) -> None:
        """Do nothing: no output is archived."""

    def record_failure(
        self, index: int, error: BaseException, arguments: tuple[Any, ...], keyword_arguments: dict[str, Any]
    ) -> None:
        """Add the stage's call to the exception, as a note."""
        name, node = self._pipeline.name(index), self._pipeline.nodes[index]
        error.add_note(f"in stage {describe_stage_call(name, node, arguments, keyword_arguments)}")

    def record_cache_result(self, index: int, result: CacheResult) -> None:
        """Do nothing: nothing is cached."""

    def log_metric(self, index: int, name: str, value: Any) -> None:
        """Log a metric."""
        events.info("metric", name=name, value=value)

    def save_artifact(self, index: int, artifact: Artifact) -> None:
        """Log an artifact; its file stays where it is, and an object is not written."""
        place = {} if artifact.source is None else {"path": str(artifact.source)}
        events.info("artifact", name=artifact.name, **place, archived=False)


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
    recorder = _InlineRecorder(pipeline)
    with RunningPipeline(recorder):
        return execute(pipeline, parameters, None, recorder)
