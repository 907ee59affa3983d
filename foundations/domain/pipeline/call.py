"""The call of one stage of a flat pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from foundations.domain.pipeline.graph import Deferred, Node, resolve


class Call:
    """The call of one stage, whose arguments are put together when they are needed.

    Attributes:
        node: The stage.
        outputs: The outputs of the stages that it depends on, by position; each may be :class:`Deferred`.
        parameters: The hyperparameters' values.
        arguments: The arguments, once they are put together.
        keyword_arguments: The arguments by name, likewise.
    """

    __slots__ = ("arguments", "keyword_arguments", "node", "outputs", "parameters")

    def __init__(self, node: Node, outputs: Sequence[Any] | Mapping[int, Any], parameters: Mapping[str, Any]) -> None:
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
        node, outputs, parameters = self.node, self.outputs, self.parameters
        self.arguments = tuple([resolve(value, outputs, parameters) for value in node.arguments])
        if node.keyword_arguments:
            self.keyword_arguments = {
                name: resolve(value, outputs, parameters) for name, value in node.keyword_arguments.items()
            }

    def make(self) -> Any:
        """Put the arguments together, call the function and return its output."""
        self.prepare()
        return self.node.function(*self.arguments, **self.keyword_arguments)
