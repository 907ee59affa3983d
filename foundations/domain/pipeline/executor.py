"""Running a flat pipeline: each stage once, in order, outputs let go when the last consumer is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from foundations.domain.pipeline.graph import Deferred, Node, Pipeline, resolve
from foundations.domain.pipeline.stage import Stage
from foundations.errors import PipelineError


class Journal(Protocol):
    """Watches a pipeline run, and may answer for a stage from a cache."""

    def begin(self, index: int) -> None:
        """Note that the stage at `index` begins."""

    def answer(self, index: int, call: Call) -> Any:
        """Return the output of a stage that may be cached, or a :class:`Deferred` one."""

    def end(self, index: int, output: Any) -> None:
        """Note that the stage at `index` ended with `output`."""

    def fail(
        self, index: int, error: BaseException, arguments: tuple[Any, ...], keyword_arguments: dict[str, Any]
    ) -> None:
        """Note that the stage at `index` raised `error`; it is raised again afterwards."""


class Call:
    """One stage's call, whose arguments are put together when they are needed.

    Attributes:
        node: The stage.
        outputs: The outputs that it depends on, by position; each may be :class:`Deferred`.
        arguments: The arguments, once they are put together.
        keyword_arguments: Likewise.
    """

    __slots__ = ("arguments", "keyword_arguments", "node", "outputs", "parameters")

    def __init__(self, node: Node, outputs: dict[int, Any], parameters: Mapping[str, Any]) -> None:
        self.node = node
        self.outputs = outputs
        self.parameters = parameters
        self.arguments: tuple[Any, ...] = ()
        self.keyword_arguments: dict[str, Any] = {}

    def value(self, index: int) -> Any:
        """Return the output of a stage that this one depends on."""
        output = self.outputs[index]
        return output.get() if type(output) is Deferred else output

    def prepare(self) -> None:
        """Put the arguments together."""
        outputs, parameters = self.outputs, self.parameters
        self.arguments = tuple([resolve(value, outputs, parameters) for value in self.node.arguments])
        self.keyword_arguments = {
            name: resolve(value, outputs, parameters) for name, value in self.node.keyword_arguments.items()
        }

    def make(self) -> Any:
        """Put the arguments together, call the function and return its output."""
        self.prepare()
        return self.node.function(*self.arguments, **self.keyword_arguments)


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
        call = None
        journal.begin(index)
        try:
            if node.caching is not None:
                call = Call(node, {other: outputs[other] for other in node.upstream}, parameters)
                output = journal.answer(index, call)
                if type(output) is Deferred and (node.persisted or index + 1 == len(nodes)):
                    output = output.get()
            else:
                arguments = tuple([resolve(value, outputs, parameters) for value in node.arguments])
                if node.keyword_arguments:
                    keyword_arguments = {
                        name: resolve(value, outputs, parameters) for name, value in node.keyword_arguments.items()
                    }
                output = node.function(*arguments, **keyword_arguments)
            if isinstance(output, Stage):
                raise PipelineError(
                    f"{pipeline.name(index)} returned {output!r}: inside a stage call the plain function"
                    " (`factory.function`), outside pass the stage on as an argument"
                )
            journal.end(index, output)
        except BaseException as error:
            if call is not None:
                arguments, keyword_arguments = call.arguments, call.keyword_arguments
            journal.fail(index, error, arguments, keyword_arguments)
            raise
        outputs[index] = output
        for other in (*node.upstream, index):
            if last_use[other] == index:
                outputs[other] = None
        if index + 1 < len(nodes):
            del arguments, keyword_arguments, output, call
    return output


def _last_use(nodes: tuple[Node, ...]) -> list[int]:
    """Return, for each node, the position of the last one that needs its output; its own where none does."""
    last_use = list(range(len(nodes)))
    for index, node in enumerate(nodes):
        for other in node.upstream:
            last_use[other] = index
    return last_use
