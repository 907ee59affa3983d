"""What is asked of the cache, by whom, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from foundations.domain.caching.recipe import Recipe
from foundations.domain.pipeline.cache_policy import Caching
from foundations.domain.pipeline.executor import Call
from foundations.ports.cache import CacheBackend
from foundations.ports.frames import Buffer
from foundations.ports.serialisation import Serialiser


class CacheUse(NamedTuple):
    """How a job uses the cache.

    Attributes:
        backend: Returns the cache; asked when the first stage may be cached.
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


class Found(NamedTuple):
    """An entry: what its summary says, and its frames."""

    about: Mapping[str, Any]
    frames: Sequence[Buffer]


class Asked:
    """One stage that is asked for, and its key."""

    __slots__ = ("caching", "call", "key", "logged", "name", "node", "position", "recipe")

    def __init__(
        self, position: int, call: Call, caching: Caching, recipe: Recipe, logged: Callable[[], Mapping[str, Any]]
    ) -> None:
        self.position = position
        self.call = call
        self.node = call.node
        self.caching = caching
        self.name = recipe.stage
        self.recipe = recipe
        self.key = recipe.key()
        self.logged = logged


def expired(about: Mapping[str, Any], now: float, limit: float) -> str | None:
    """Return why an entry is too old to be taken, by its summary; None where it is not. Times are in seconds."""
    age = now - about["created_at"]
    return f"the entry is {age:.0f} seconds old and expires after {limit:g}" if age > limit else None
