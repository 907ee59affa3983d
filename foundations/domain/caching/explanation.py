"""What the cache would do, or did, for the stages of a pipeline; and why."""

from __future__ import annotations

from typing import Any, NamedTuple

from foundations.domain.text.one_line import cut, printable

_LONGEST_NAME = 48
_LONGEST_LINE = 400
_MOST_DIFFERENCES = 20


class StageExplanation(NamedTuple):
    """What is known of one stage.

    Attributes:
        stage: The name of the stage.
        uuid: The stage's identifier.
        outcome: ``hit``, ``miss``, ``not cached``, or ``depends`` on what the run computes first.
        key: The content key, where there is one.
        why: One line: of which job the entry is, why there is none, or why the stage is not cached.
        differences: For a miss: what differs from the nearest earlier entry, a line each.
    """

    stage: str
    uuid: str
    outcome: str
    key: str | None = None
    why: str = ""
    differences: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON's own types."""
        return {**self._asdict(), "differences": list(self.differences)}


class Explanation(NamedTuple):
    """What is known of a pipeline's stages; it prints as a list, whose lines hold nothing that is not to be printed.

    Attributes:
        stages: In the order in which they run; the last is the one that was asked for.
    """

    stages: tuple[StageExplanation, ...]

    @property
    def key(self) -> str | None:
        """The content key of the stage that was asked for."""
        return self.stages[-1].key

    @property
    def outcome(self) -> str:
        """What the cache does for the stage that was asked for."""
        return self.stages[-1].outcome

    def __str__(self) -> str:
        names = [cut(printable(stage.stage), _LONGEST_NAME) for stage in self.stages]
        width = max(map(len, names))
        lines = []
        for name, stage in zip(names, self.stages, strict=True):
            lines.append(f"{name:{width}}  {stage.outcome:10}  {_line(stage.why)}".rstrip())
            lines += [f"{'':{width}}  {'':10}    {difference}" for difference in _listed(stage.differences)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def _listed(differences: tuple[str, ...]) -> list[str]:
    lines = [_line(difference) for difference in differences[:_MOST_DIFFERENCES]]
    more = len(differences) - len(lines)
    return [*lines, f"and {more:,} more"] if more else lines


def _line(text: str) -> str:
    return cut(printable(text), _LONGEST_LINE)
