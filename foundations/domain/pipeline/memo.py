"""The memo of a pipeline's stages: outputs are looked up, computed under observation, and stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from foundations.domain.pipeline.call import Call

_NOTHING: Mapping[str, Any] = {}


class CacheResult(NamedTuple):
    """What the cache did for one stage, for the recorder.

    Attributes:
        key: The content key; None where the output is not cached.
        read_seconds: How long reading the output took; None where it was computed.
        write_seconds: How long writing the output took; None where it was not written.
        metrics: What the stage logged when its output was computed, where it was read.
        uncacheable_because: Why the output is not cached; None where it is.
    """

    key: str | None = None
    read_seconds: float | None = None
    write_seconds: float | None = None
    metrics: Mapping[str, Any] = _NOTHING
    uncacheable_because: str | None = None


class Hit(NamedTuple):
    """The output of a stage, read from the cache.

    Attributes:
        output: The output, which may be :class:`foundations.domain.pipeline.graph.Deferred`.
        result: What the cache did.
    """

    output: Any
    result: CacheResult


class Miss(NamedTuple):
    """There is no output; the stage has to be computed, and its output to be stored.

    Attributes:
        lookup: What the memo needs for that, of its own type.
    """

    lookup: Any


class Uncacheable(NamedTuple):
    """The stage has to be computed, and its output cannot be stored.

    Attributes:
        reason: Why it cannot.
    """

    reason: str


class Observation(NamedTuple):
    """What was observed of the call of a stage; it can be pickled.

    Attributes:
        seconds: How long the call took.
        uncacheable_because: Why the output must not be cached; None where it may be.
        metrics: The metrics that the stage logged, by name; a list of values where a name was logged again.
    """

    seconds: float = 0.0
    uncacheable_because: str | None = None
    metrics: Mapping[str, Any] = _NOTHING


class Memo(Protocol):
    """Remembers the outputs of stages that have a caching policy.

    The executor takes three steps with it, which may be taken in different processes: it looks the output up, has it
    computed under observation where there is none, and has it stored. A failure of the memo is no failure of a stage.
    """

    def look_up(self, index: int, call: Call) -> Hit | Miss | Uncacheable:
        """Return the output of the stage at `index`, or what has to be done to get it."""

    def compute(self, miss: Miss, call: Call) -> tuple[Any, Observation]:
        """Call the function of a stage; return its output, and what was observed.

        Raises:
            BaseException: What the function raised.
        """

    def store(self, miss: Miss, output: Any, observation: Observation) -> CacheResult:
        """Store the output of a stage, unless the observation forbids it; return what was done."""

    def release(self, miss: Miss) -> None:
        """Let others compute the stage: its output is stored, or will not be."""
