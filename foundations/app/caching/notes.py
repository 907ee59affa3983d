"""What the cache did for each stage of a job, and why; archived with the job, for ``foundations cache why``."""

from __future__ import annotations

from typing import Any

from foundations import events
from foundations.domain.caching.recipe import Recipe
from foundations.domain.pipeline.graph import Node

HIT, MISS, NOT_CACHED, SELECTED = "hit", "miss", "not cached", "selected"

FORMAT = 1


class CacheNotes:
    """Notes by stage."""

    def __init__(self) -> None:
        self._stages: dict[str, dict[str, Any]] = {}
        self._closures: dict[str, Any] = {}

    def add(
        self, node: Node, name: str, outcome: str, why: str, key: str | None = None, recipe: Recipe | None = None
    ) -> dict[str, Any]:
        """Add a note of what was done for a stage, and return it."""
        note: dict[str, Any] = {"stage": name, "outcome": outcome, "why": why, "key": key}
        if recipe is not None:
            closure = recipe.closure.digest.hex()
            if closure not in self._closures:
                self._closures[closure] = recipe.closure.to_json()
            note["recipe"] = {**recipe.to_json(), "closure": closure}
        if outcome == NOT_CACHED:
            events.info("not_cached", stage=name, reason=why)
        self._stages[node.uuid] = note
        return note

    def to_json(self) -> dict[str, Any] | None:
        """Return the notes as JSON's own types; None where there are none."""
        return {"format": FORMAT, "stages": self._stages, "closures": self._closures} if self._stages else None


def recipe_in(document: dict[str, Any], uuid: str) -> dict[str, Any] | None:
    """Return the recipe of a stage from what :meth:`CacheNotes.to_json` returned."""
    recipe = document["stages"][uuid].get("recipe")
    return None if recipe is None else {**recipe, "closure": document["closures"][recipe["closure"]]}
