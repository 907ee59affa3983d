"""A look-up in the cache: in which context, of which stage, and the entry that it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from foundations.domain.caching.recipe import Recipe
from foundations.domain.pipeline.cache_policy import Caching
from foundations.domain.pipeline.graph import Node
from foundations.ports.cache import CacheBackend, Lease
from foundations.ports.frames import Buffer
from foundations.ports.serialisation import Serialiser


class CacheContext(NamedTuple):
    """How a job uses the cache.

    Attributes:
        backend: Returns the cache; called when the first stage is looked up.
        serialiser: Turns outputs into buffers.
        job_name: The job.
        project: The project directory, as it lies here.
        audit: The share of hits that are computed again and compared, from 0 to 1.
        chance: Returns a random number from 0 up to 1.
        clock: Returns seconds since the epoch.
    """

    backend: Callable[[], CacheBackend]
    serialiser: Serialiser
    job_name: str
    project: str
    audit: float
    chance: Callable[[], float]
    clock: Callable[[], float]


class Entry(NamedTuple):
    """An entry: its summary, and its frames."""

    about: Mapping[str, Any]
    frames: Sequence[Buffer]


class Lookup:
    """The look-up of one stage.

    Attributes:
        position: The position of the stage.
        node: The stage.
        caching: How it uses the cache.
        name: Its name.
        recipe: What its key is made of.
        key: Its key.
        lease: The right to compute it, where this job has got it.
        audited: The entry that its output is to be compared with; None where it is not audited.
        note: What is noted of it, once it is a miss.
    """

    __slots__ = ("audited", "caching", "key", "lease", "name", "node", "note", "position", "recipe")

    note: dict[str, Any]

    def __init__(self, position: int, node: Node, recipe: Recipe) -> None:
        self.position = position
        self.node = node
        self.caching = node.caching or Caching(True)
        self.name = recipe.stage
        self.recipe = recipe
        self.key = recipe.key()
        self.lease: Lease | None = None
        self.audited: Entry | None = None


def explain_expiry(about: Mapping[str, Any], now: float, limit: float) -> str | None:
    """Return why an entry is too old to be taken, by its summary; None where it is not. Times are in seconds."""
    age = now - about["created_at"]
    return f"the entry is {age:.0f} seconds old and expires after {limit:g}" if age > limit else None
