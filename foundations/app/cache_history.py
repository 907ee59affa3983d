"""Comparing a recipe with what the cache has from earlier: which entry is nearest, and what differs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from foundations.domain.cache_recipe import differences, likeness, recipe_of
from foundations.ports.cache import CacheBackend

_MOST_COMPARED = 200  # the newest of a stage; older ones are hardly what somebody has in mind


class Nearest(NamedTuple):
    """An earlier entry of the same stage.

    Attributes:
        recipe: What is known of it.
        differences: What differs from it, a line each.
    """

    recipe: Mapping[str, Any]
    differences: tuple[str, ...]

    def said(self) -> str:
        """Return one line that tells which entry it is."""
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.recipe["created_at"]))
        return f"the nearest entry is of job {self.recipe['job']}, {at}"


class CacheHistory:
    """The entries that a cache has now, read once.

    Args:
        cache: The cache.
    """

    def __init__(self, cache: CacheBackend) -> None:
        self._cache = cache
        self._recipes: dict[str, list[Mapping[str, Any]]] | None = None

    def nearest(self, recipe: Mapping[str, Any], before: float | None = None) -> Nearest | None:
        """Return the entry of the same stage that has most in common with `recipe`; None where there is no such.

        Args:
            recipe: As :meth:`foundations.domain.cache_recipe.Recipe.to_json` returns it, with its code.
            before: Only entries created before, in seconds since the epoch; None for all.
        """
        if self._recipes is None:
            self._recipes = {}
            for known in self._read():
                self._recipes.setdefault(_family(known), []).append(known)
        candidates = [
            known for known in self._recipes.get(_family(recipe), []) if before is None or known["created_at"] < before
        ]
        if not candidates:
            return None
        candidates = sorted(candidates, key=lambda known: known["created_at"])[-_MOST_COMPARED:]
        found = max(candidates, key=lambda known: (likeness(known, recipe), known["created_at"]))
        return Nearest(found, tuple(differences(found, recipe)))

    def _read(self) -> Iterator[Mapping[str, Any]]:
        for entry in self._cache.entries():
            recipe = recipe_of(self._cache.about(entry.key) or b"")
            if recipe is not None:
                yield recipe


def _family(recipe: Mapping[str, Any]) -> str:
    """Return what entries of one stage have in common: its name, and where its function is found."""
    parts = recipe["closure"]["parts"]
    return f"{recipe['stage']} {parts[0][1] if parts else ''}"
