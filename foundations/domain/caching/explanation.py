"""Explanations of what the cache would do, or did, for the stages of a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from foundations.escaping import escape_unprintable, truncate

_MAX_NAME_LENGTH = 48
_MAX_LINE_LENGTH = 400
_MAX_DIFFERENCES = 20


@attrs.frozen
class StageExplanation:
    """The explanation for one stage.

    Attributes:
        stage: The name of the stage.
        uuid: The stage's identifier.
        outcome: ``hit``, ``miss``, ``not cached``, or ``depends`` where the key needs an output that is computed first.
        key: The content key, where there is one.
        why: One line: the job that wrote the entry, or the reason for the miss or for not caching the stage.
        differences: For a miss, the differences from the nearest earlier entry, one a line.
    """

    stage: str
    uuid: str
    outcome: str
    key: str | None = None
    why: str = ""
    differences: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as types of JSON."""
        return {**attrs.asdict(self), "differences": list(self.differences)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> StageExplanation:
        """Return the explanation that :meth:`to_json` was called on."""
        return cls(**{**document, "differences": tuple(document["differences"])})


@attrs.frozen
class Explanation:
    """The explanation for a pipeline's stages; it prints as a list with unprintable characters escaped.

    Attributes:
        stages: The stages in the order in which they run; the last is the one that was explained.
    """

    stages: tuple[StageExplanation, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as types of JSON."""
        return {"stages": [stage.to_json() for stage in self.stages]}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Explanation:
        """Return the explanation that :meth:`to_json` was called on."""
        return cls(tuple(map(StageExplanation.from_json, document["stages"])))

    @property
    def key(self) -> str | None:
        """The content key of the last stage."""
        return self.stages[-1].key

    @property
    def outcome(self) -> str:
        """The outcome of the last stage."""
        return self.stages[-1].outcome

    def __str__(self) -> str:
        names = [truncate(escape_unprintable(stage.stage), _MAX_NAME_LENGTH) for stage in self.stages]
        width = max(map(len, names))
        lines = []
        for name, stage in zip(names, self.stages, strict=True):
            lines.append(f"{name:{width}}  {stage.outcome:10}  {_format_line(stage.why)}".rstrip())
            lines += [f"{'':{width}}  {'':10}    {difference}" for difference in _format_differences(stage.differences)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def _format_differences(differences: tuple[str, ...]) -> list[str]:
    lines = [_format_line(difference) for difference in differences[:_MAX_DIFFERENCES]]
    more = len(differences) - len(lines)
    return [*lines, f"and {more:,} more"] if more else lines


def _format_line(text: str) -> str:
    return truncate(escape_unprintable(text), _MAX_LINE_LENGTH)
