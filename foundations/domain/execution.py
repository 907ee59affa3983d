"""Running a flat pipeline: each stage once, in order, outputs let go when the last consumer is done."""

from __future__ import annotations

from typing import Any, Protocol

from foundations.domain.pipeline import Node, Pipeline, resolve
from foundations.domain.stage import Stage
from foundations.errors import PipelineError


class Journal(Protocol):
    """Watches a pipeline run, and may answer for a stage from a cache."""

    def begin(self, index: int) -> None:
        """Note that the stage at `index` begins."""

    def compute(self, index: int, node: Node, arguments: tuple[Any, ...], keyword_arguments: dict[str, Any]) -> Any:
        """Return the output of a stage that may be cached."""

    def end(self, index: int, output: Any) -> None:
        """Note that the stage at `index` ended with `output`."""

    def fail(
        self, index: int, error: BaseException, arguments: tuple[Any, ...], keyword_arguments: dict[str, Any]
    ) -> None:
        """Note that the stage at `index` raised `error`; it is raised again afterwards."""


def execute(pipeline: Pipeline, parameters: dict[str, Any], journal: Journal) -> Any:
    """Run every stage of `pipeline` once and return the output of the last.

    Args:
        pipeline: What to run.
        parameters: A value for each of its hyperparameters.
        journal: Told what happens.

    Raises:
        BaseException: What a stage raised, after the journal was told.
    """
    nodes = pipeline.nodes
    outputs: list[Any] = [None] * len(nodes)
    last_use = _last_use(nodes)
    for index, node in enumerate(nodes):
        arguments: tuple[Any, ...] = ()
        keyword_arguments: dict[str, Any] = {}
        journal.begin(index)
        try:
            arguments = tuple([resolve(value, outputs, parameters) for value in node.arguments])
            if node.keyword_arguments:
                keyword_arguments = {
                    name: resolve(value, outputs, parameters) for name, value in node.keyword_arguments.items()
                }
            if node.cached:
                output = journal.compute(index, node, arguments, keyword_arguments)
            else:
                output = node.function(*arguments, **keyword_arguments)
            if isinstance(output, Stage):
                raise PipelineError(
                    f"{pipeline.name(index)} returned {output!r}: inside a stage call the plain function"
                    " (`factory.function`), outside pass the stage on as an argument"
                )
            journal.end(index, output)
        except BaseException as error:
            journal.fail(index, error, arguments, keyword_arguments)
            raise
        outputs[index] = output
        for other in (*node.upstream, index):
            if last_use[other] == index:
                outputs[other] = None
        if index + 1 < len(nodes):
            del arguments, keyword_arguments, output
    return output


def _last_use(nodes: tuple[Node, ...]) -> list[int]:
    """Return, for each node, the position of the last one that needs its output; its own where none does."""
    last_use = list(range(len(nodes)))
    for index, node in enumerate(nodes):
        for other in node.upstream:
            last_use[other] = index
    return last_use
