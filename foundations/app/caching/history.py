"""Earlier runs: the entry of the cache that is nearest to a recipe, and why a stage was not cached."""

from __future__ import annotations

import functools
import itertools
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from foundations import events
from foundations.app.caching.notes import FORMAT, NOT_CACHED
from foundations.domain.caching.recipe import Recipe, Traits, describe_differences, read_header, read_recipe
from foundations.domain.jobs.archive_layout import CACHE_NOTES
from foundations.errors import ItemNotFoundError
from foundations.ports.archive import PipelineArchive
from foundations.ports.archive_listing import PipelineListing
from foundations.ports.cache import CacheBackend
from foundations.ports.job_query import JobQuery

_MOST_COMPARED = 200  # the newest of a stage; older ones are hardly what somebody has in mind
_MOST_JOBS = 20  # likewise
_FEW = 5  # differences that are listed even where nothing is the same


class Nearest(NamedTuple):
    """An earlier entry of the same stage.

    Attributes:
        summary: Which it is, in one line.
        differences: What differs from it, a line each.
    """

    summary: str
    differences: tuple[str, ...] = ()


class _Entry:
    """An entry of the cache, whose recipe is parsed when it is first needed."""

    def __init__(self, created_at: float, about: bytes) -> None:
        self.created_at = created_at
        self._about = about

    @functools.cached_property
    def recipe(self) -> Mapping[str, Any]:
        return read_recipe(self._about) or {}

    @functools.cached_property
    def traits(self) -> Traits:
        return Traits.from_recipe(self.recipe)

    @functools.cached_property
    def place(self) -> str | None:
        """Where the function is found; None where another version has written the recipe."""
        try:
            return _place(self.recipe)
        except (LookupError, TypeError):
            return None


class CacheHistory:
    """The entries that a cache has now, read once; one that cannot be read is skipped.

    Args:
        cache: The cache.
        stages: The names of the stages that `nearest` will be called for.
    """

    def __init__(self, cache: CacheBackend, stages: Collection[str]) -> None:
        self._cache = cache
        self._stages = frozenset(stages)

    def nearest(self, recipe: Mapping[str, Any], before: float | None = None) -> Nearest | None:
        """Return the entry of the same stage that has most in common with `recipe`; None where there is no such.

        Args:
            recipe: As :meth:`foundations.domain.caching.recipe.Recipe.to_json` returns it, with its code.
            before: Only entries created before, in seconds since the epoch; None for all.
        """
        place, traits = _place(recipe), Traits.from_recipe(recipe)
        candidates = itertools.islice(
            (
                entry
                for entry in self._entries.get(recipe["stage"], ())
                if (before is None or entry.created_at < before) and entry.place == place
            ),
            _MOST_COMPARED,
        )
        found = max(candidates, key=lambda entry: entry.traits.similarity(traits), default=None)  # of equals the newest
        if found is None:
            return None
        lines = tuple(describe_differences(found.recipe, recipe))
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found.created_at))
        summary = f"the nearest entry is of job {found.recipe['job']}, {at}"
        if len(lines) > _FEW and not traits.overlaps(found.traits):
            return Nearest(f"nothing comparable: {summary}; neither an argument nor any part of its code is the same")
        if not lines:
            summary += "; it has the same key, so it was stored later or has been removed since"
        return Nearest(summary, lines)

    @functools.cached_property
    def _entries(self) -> dict[str, list[_Entry]]:
        """Return the entries of each stage, the newest first."""
        found: dict[str, list[_Entry]] = {stage: [] for stage in self._stages}
        try:
            for entry in self._cache.entries():
                about = self._about(entry.key)
                summary = read_header(about)
                if summary is not None and summary.get("stage") in found:
                    found[summary["stage"]].append(_Entry(summary["created_at"], about))
        except Exception as error:  # of whatever adapter
            _report_unread("earlier entries of the cache", error)
        for entries in found.values():
            entries.sort(key=lambda entry: -entry.created_at)
        return found

    def _about(self, key: str) -> bytes:
        try:
            return self._cache.get_metadata(key) or b""
        except Exception as error:  # likewise
            _report_unread(f"entry {key} of the cache", error)
            return b""


class Refusals:
    """Why stages were not cached in the latest jobs, as these have archived it.

    Jobs are read when they are first needed, the newest first; one without readable notes is skipped.

    Args:
        listing: Returns the listing of the jobs.
        archive: Returns the archive that has what the cache did for them.
    """

    def __init__(self, listing: Callable[[], PipelineListing], archive: Callable[[], PipelineArchive]) -> None:
        self._archive = archive
        self._unread = _job_names(listing)
        self._jobs: list[tuple[str, dict[str, list[Mapping[str, Any]]]]] = []

    def last(self, recipe: Recipe) -> str | None:
        """Return why a stage of this code was not cached when it was last computed; None where it was.

        Where a job has computed it for several arguments, those of `recipe` count.
        """
        given = recipe.to_json()["arguments"]
        for job, computed in self._newest():
            notes = computed.get(recipe.closure.digest.hex())
            if notes:
                note = next((note for note in notes if note["recipe"]["arguments"] == given), notes[-1])
                why = f"the last time, in job {job}, it was not cached: {note['why']}"
                return why if note["outcome"] == NOT_CACHED else None
        return None

    def _newest(self) -> Iterator[tuple[str, dict[str, list[Mapping[str, Any]]]]]:
        yield from self._jobs
        for job in self._unread:
            computed: dict[str, list[Mapping[str, Any]]] = {}
            try:
                notes = json.loads(bytes(self._archive().read(job, CACHE_NOTES)))
                for note in notes["stages"].values() if notes["format"] == FORMAT else ():
                    if "recipe" in note:
                        computed.setdefault(note["recipe"]["closure"], []).append(note)
            except ItemNotFoundError:  # it has no cached stages, or has not ended
                pass
            except Exception as error:  # of whatever adapter, and of a damaged document
                _report_unread(f"what the cache did for job {job}", error)
            self._jobs.append((job, computed))
            yield self._jobs[-1]


def _job_names(listing: Callable[[], PipelineListing]) -> Iterator[str]:
    try:
        names = [record.job_name for record in listing().find(JobQuery(limit=_MOST_JOBS))]
    except Exception as error:  # of whatever adapter
        _report_unread("earlier jobs", error)
        return
    yield from names


def _report_unread(what: str, error: Exception) -> None:
    """Report what could not be read, and so is missing in the explanation."""
    events.warning("cache_history_incomplete", unread=what, reason=f"{type(error).__name__}: {error}")


def _place(recipe: Mapping[str, Any]) -> str:
    """Return where the function of a stage is found."""
    parts = recipe["closure"]["parts"]
    return str(parts[0][1]) if parts else ""
