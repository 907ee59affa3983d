"""Running a flat pipeline: each stage once, in order; an output is released when its last consumer has ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from foundations.domain.pipeline.call import Call
from foundations.domain.pipeline.graph import Deferred, Node, Pipeline
from foundations.domain.pipeline.stage import Stage
from foundations.errors import PipelineError

if TYPE_CHECKING:
    from foundations.domain.pipeline.memo import CacheResult, Memo


class Artifact(Protocol):
    """What a stage saves: a file, a directory, or an object that can be written to a file."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def source(self) -> Path | None:
        """The file or directory; None for an object."""

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""

    @property
    def write(self) -> Callable[[Path], None] | None:
        """Writes the object to a new file; None for a file or a directory."""


class Recorder(Protocol):
    """Records what happens while a pipeline runs.

    Several stages may run at once: each call carries the position of its stage. `record_start`, and `record_end` or
    `record_failure`, are called in the thread that the stage runs in; the others in any.
    """

    def record_start(self, index: int) -> None:
        """Record that a stage starts."""

    def record_end(self, index: int, output: Any) -> None:
        """Record that a stage ended with `output`."""

    def record_failure(
        self, index: int, error: BaseException, arguments: tuple[Any, ...], keyword_arguments: dict[str, Any]
    ) -> None:
        """Record that a stage raised `error`, which is raised again afterwards."""

    def record_cache_result(self, index: int, result: CacheResult) -> None:
        """Record what the cache did for a stage, before its end is recorded."""

    def log_metric(self, index: int, name: str, value: Any) -> None:
        """Record a metric that a stage logged."""

    def save_artifact(self, index: int, artifact: Artifact) -> None:
        """Archive what a stage saves, before it may be changed."""


def execute(pipeline: Pipeline, parameters: dict[str, Any], memo: Memo | None, recorder: Recorder) -> Any:
    """Run every stage of `pipeline` once and return the output of the last.

    Args:
        pipeline: The pipeline.
        parameters: A value for each of its hyperparameters.
        memo: Has outputs of the stages with a caching policy; None where all are computed.
        recorder: Records what happens.

    Raises:
        BaseException: What a stage raised, once it is recorded.
    """
    nodes = pipeline.nodes
    outputs: list[Any] = [None] * len(nodes)
    last_use = _last_use(nodes)
    remember = None if memo is None else _steps(memo, recorder)
    for index, node in enumerate(nodes):
        outputs[index] = _run_stage(pipeline, index, Call(node, outputs, parameters), remember, recorder)
        for other in (*node.upstream, index):
            if last_use[other] == index:
                outputs[other] = None
    return outputs[-1]


def _run_stage(
    pipeline: Pipeline, index: int, call: Call, remember: Callable[[int, Call], Any] | None, recorder: Recorder
) -> Any:
    recorder.record_start(index)
    try:
        if remember is None or call.node.caching is None:
            output = call.make()
        else:
            output = remember(index, call)
            if type(output) is Deferred and (call.node.persisted or index + 1 == len(pipeline.nodes)):
                output = output.get()
        if isinstance(output, Stage):
            raise PipelineError(
                f"{pipeline.name(index)} returned {output!r}: inside a stage call the plain function, as in"
                f" {output.name()}.function(...); outside pass the stage on as an argument"
            )
        recorder.record_end(index, output)
    except BaseException as error:
        recorder.record_failure(index, error, call.arguments, call.keyword_arguments)
        raise
    return output


def _steps(memo: Memo, recorder: Recorder) -> Callable[[int, Call], Any]:
    """Return the function that takes the steps with a memo for one stage, and returns the stage's output."""
    from foundations.domain.pipeline.memo import CacheResult, Hit, Uncacheable  # few jobs have a memo

    def remember(index: int, call: Call) -> Any:
        answer = memo.look_up(index, call)
        if isinstance(answer, Hit):
            output, result = answer
        elif isinstance(answer, Uncacheable):
            output, result = call.make(), CacheResult(uncacheable_because=answer.reason)
        else:
            try:
                output, observation = memo.compute(answer, call)
                result = memo.store(answer, output, observation)
            finally:
                memo.release(answer)
        recorder.record_cache_result(index, result)
        return output

    return remember


def _last_use(nodes: tuple[Node, ...]) -> list[int]:
    """Return, for each node, the position of the last one that needs its output; its own where none does.

    The output of the last node is needed by the caller, after all nodes.
    """
    last_use = list(range(len(nodes)))
    for index, node in enumerate(nodes):
        for other in node.upstream:
            last_use[other] = index
    last_use[-1] = len(nodes)
    return last_use
