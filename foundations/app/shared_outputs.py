"""Finding out stages that change what other stages see: a hit would not do that, so they cannot be cached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from foundations.domain.arguments import Reference
from foundations.domain.execution import Call
from foundations.domain.pipeline import Deferred, Node, Pipeline
from foundations.domain.value_digests import UndigestibleError

_FIXED = frozenset({int, float, complex, bool, str, bytes, type(None)})


class SharedOutputs:
    """The values of a pipeline that more than one stage takes.

    Args:
        pipeline: The pipeline.
        digest: Returns the content digest of a value, given what errors call it.

    Attributes:
        changed: What was found out, once a stage has changed such a value: nothing that is computed afterwards is what
            its key says.
    """

    def __init__(self, pipeline: Pipeline, digest: Callable[[object, str], bytes]) -> None:
        self._pipeline = pipeline
        self._digest = digest
        self._consumers = Counter(other for node in pipeline.nodes for other in node.upstream)
        self._literals = Counter(id(value) for node in pipeline.nodes for value in _literals(node))
        self._digests: dict[int, bytes] = {}
        self.changed: str | None = None

    def remember(self, index: int, output: Any) -> None:
        """Note what the output of a stage is, before others take it."""
        if self._consumers[index] > 1 and type(output) is not Deferred and type(output) not in _FIXED:
            try:
                self._digests[index] = self._digest(output, "the output")
            except UndigestibleError:  # found again, and told, where a stage takes it
                self._digests.pop(index, None)

    def before(self, call: Call) -> list[tuple[object, bytes]]:
        """Return the arguments of a call that other stages take too, each with its digest.

        Raises:
            UndigestibleError: One has none.
        """
        found: list[tuple[object, bytes]] = []
        for other in call.node.upstream:
            value = call.value(other) if self._consumers[other] > 1 else None
            if type(value) not in _FIXED:
                digest = self._digest(
                    value, f"the output of {self._pipeline.name(other)}, which other stages take too,"
                )
                if self._digests.setdefault(other, digest) != digest:
                    self.note(f"the output of {self._pipeline.name(other)} was changed by a stage that takes it")
                found.append((value, digest))
        for value in _literals(call.node):
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


def _literals(node: Node) -> list[Any]:
    """Return the arguments of a stage that are no stages' outputs, and that a call could change."""
    return [
        value
        for value in (*node.arguments, *node.keyword_arguments.values())
        if type(value) not in _FIXED and type(value) is not Reference
    ]
