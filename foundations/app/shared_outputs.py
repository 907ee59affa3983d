"""Finding out stages that change what other stages see: a hit would not do that, so they cannot be cached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from foundations.domain.arguments import Reference
from foundations.domain.execution import Call
from foundations.domain.hyperparameter import Hyperparameter
from foundations.domain.pipeline import Deferred, Node, Pipeline

_FIXED = frozenset({int, float, complex, bool, str, bytes, type(None)})


class SharedOutputs:
    """The values of a pipeline that more than one stage takes.

    Args:
        pipeline: The pipeline.
        parameters: Its hyperparameters' values.
        digest: Returns the content digest of a value, given what errors call it.

    Attributes:
        changed: What was found out, once a stage has changed such a value: nothing that is computed afterwards is what
            its key says.
    """

    def __init__(
        self, pipeline: Pipeline, parameters: Mapping[str, Any], digest: Callable[[object, str], bytes]
    ) -> None:
        self._pipeline = pipeline
        self._digest = digest
        self._consumers = Counter(other for node in pipeline.nodes for other in node.upstream)
        self._literals = Counter(id(value) for node in pipeline.nodes for value in _literals(node, parameters))
        self._shared: list[bool] = []
        for index, node in enumerate(pipeline.nodes):  # what is made of something shared may be a part of it
            self._shared.append(self._consumers[index] > 1 or any(self._shared[other] for other in node.upstream))
        self._digests: dict[int, bytes] = {}
        self.changed: str | None = None

    def remember(self, index: int, output: Any) -> None:
        """Note what the output of a stage is, before others take it."""
        if self._shared[index] and type(output) is not Deferred and type(output) not in _FIXED:
            try:
                self._digests[index] = self._digest(output, "the output")
            except Exception:  # found again, and told, where a stage takes it
                self._digests.pop(index, None)

    def check(self, call: Call) -> None:
        """Note whether what a call takes is no more what it was when it was made; what was not read yet is."""
        for other in call.node.upstream:
            output = call.outputs[other]
            if other in self._digests and (type(output) is not Deferred or output.was_read):
                digest = self._digest(call.value(other), f"the output of {self._pipeline.name(other)}")
                if digest != self._digests[other]:
                    self.note(f"the output of {self._pipeline.name(other)} was changed by a stage that takes it")

    def before(self, call: Call) -> list[tuple[object, bytes]]:
        """Return the arguments of a call that other stages take too, each with its digest.

        Raises:
            UndigestibleError: One has none.
        """
        found: list[tuple[object, bytes]] = []
        for other in call.node.upstream:
            value = call.value(other) if self._shared[other] else None
            if type(value) not in _FIXED:
                digest = self._digest(
                    value, f"the output of {self._pipeline.name(other)}, which other stages take too,"
                )
                if self._digests.setdefault(other, digest) != digest:
                    self.note(f"the output of {self._pipeline.name(other)} was changed by a stage that takes it")
                found.append((value, digest))
        for value in _literals(call.node, call.parameters):
            if self._literals[id(value)] > 1:
                found.append((value, self._digest(value, "an argument that other stages take too")))
        return found

    def after(self, name: str, before: list[tuple[object, bytes]]) -> None:
        """Note whether a call has changed what :meth:`before` returned."""
        for value, digest in before:
            if self._digest(value, "an argument") != digest:
                self.note(f"{name} changed an argument that other stages take too")

    def note(self, change: str) -> None:
        """Note what was changed; the first such change is told of all that follows."""
        self.changed = self.changed or change


def _literals(node: Node, parameters: Mapping[str, Any]) -> list[Any]:
    """Return the arguments of a stage that are no stages' outputs, and that a call could change."""
    return [
        value
        for value in (
            parameters.get(value.name) if isinstance(value, Hyperparameter) else value
            for value in (*node.arguments, *node.keyword_arguments.values())
        )
        if type(value) not in _FIXED and type(value) is not Reference
    ]
