"""A look-up in the cache: in which context, of which stage, and the entry that it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from foundations.domain.caching.recipe import Recipe, read_header
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


def usable_summary(metadata: bytes | None, expires: float | None, now: float) -> tuple[dict[str, Any] | None, str]:
    """Return the summary of an entry, or why it cannot be taken.

    Args:
        metadata: What is stored beside the entry; None where there is no entry, and then the reason is empty.
        expires: The age up to which it can be taken, in seconds; None for any.
        now: The time, in seconds since the epoch.
    """
    if metadata is None:
        return None, ""
    about = read_header(metadata)
    if about is None:
        return None, "the entry was written by another version of foundations"
    age = now - about["created_at"]
    if expires is not None and age > expires:
        return None, f"the entry is {age:.0f} seconds old and expires after {expires:g}"
    return about, ""
