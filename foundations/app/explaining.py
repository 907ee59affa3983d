"""The use cases behind ``stage.explain()`` and ``foundations cache why``."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any

from foundations.app.cache_asked import expired
from foundations.app.cache_history import CacheHistory
from foundations.app.cache_notes import HIT, MISS, NOT_CACHED, SELECTED, recipe_in
from foundations.app.calls import check_calls
from foundations.app.settings import Settings
from foundations.app.stage_caches import stage_keys
from foundations.app.wiring import Wiring
from foundations.domain import archives as items
from foundations.domain.cache_recipe import recipe_of
from foundations.domain.explanation import Explanation, StageExplanation
from foundations.domain.hyperparameter import check_parameters, merge_parameters
from foundations.domain.pipeline import Node, Pipeline
from foundations.domain.result import ResultDocument
from foundations.domain.stage import Stage
from foundations.domain.stage_keys import StageKeys, UndeterminedKeyError, is_selection
from foundations.domain.value_digests import UndigestibleError
from foundations.errors import FoundationsError, ItemNotFoundError
from foundations.ports.archive import PipelineArchive
from foundations.ports.cache import CacheBackend
from foundations.ports.job import check_job_name

_DEPENDS = "depends"


def explain(
    stage: Stage, params_dict: Mapping[str, Any] | None, params: Mapping[str, Any], settings: Settings
) -> Explanation:
    """Tell what the cache would do for the stages behind `stage`, were it run now with these parameters."""
    pipeline = Pipeline.of(stage)
    check_calls(pipeline)
    parameters = merge_parameters(params_dict, params)
    check_parameters(pipeline.hyperparameters, parameters)
    wiring = Wiring(settings=settings)
    keys = stage_keys(parameters, os.getcwd(), wiring)
    return _Explainer(pipeline, keys, wiring.cache).explanation()


class _Explainer:
    """Goes through a pipeline as a job would, without running it."""

    def __init__(self, pipeline: Pipeline, keys: StageKeys, cache: CacheBackend) -> None:
        self._pipeline = pipeline
        self._maker = keys
        self._cache = cache
        self._history = CacheHistory(cache)
        self._keys: dict[int, str] = {}

    def explanation(self) -> Explanation:
        return Explanation(tuple(self._explained(index, node) for index, node in enumerate(self._pipeline.nodes)))

    def _explained(self, index: int, node: Node) -> StageExplanation:
        name, uuid = self._pipeline.name(index), node.uuid
        if node.caching is None:
            return StageExplanation(name, uuid, NOT_CACHED, why="caching is not enabled for it")
        keys = {other: self._keys[other] for other in node.upstream if other in self._keys}
        try:
            recipe = self._maker.recipe(name, node, keys, {}, self._pipeline.name)
        except UndeterminedKeyError as error:
            why = f"its key is told by the output of {self._pipeline.name(error.index)}, which runs first"
            return StageExplanation(name, uuid, _DEPENDS, why=why)
        except UndigestibleError as error:
            return StageExplanation(name, uuid, NOT_CACHED, why=str(error))
        except Exception as error:  # of a value's own methods, say
            return StageExplanation(name, uuid, NOT_CACHED, why=f"{type(error).__name__}: {error}")
        key = self._keys[index] = recipe.key()
        if is_selection(node):
            return StageExplanation(name, uuid, SELECTED, key, "it only takes an item, which is not worth keeping")
        about = self._cache.about(key)
        known = recipe_of(about) if about is not None else None
        if node.caching.refresh:
            return StageExplanation(name, uuid, MISS, key, "it is asked for anew (refresh)")
        if known is not None and node.caching.expires is not None:
            too_old = expired(known, time.time(), node.caching.expires)
            if too_old is not None:
                return StageExplanation(name, uuid, MISS, key, too_old)
        if known is not None:
            return StageExplanation(name, uuid, HIT, key, f"computed by job {known['job']}")
        return _missed(name, uuid, key, {**recipe.to_json(), "closure": recipe.closure.to_json()}, self._history, "")


def _missed(
    name: str,
    uuid: str,
    key: str,
    recipe: Mapping[str, Any],
    history: CacheHistory,
    why: str,
    before: float | None = None,
) -> StageExplanation:
    if why:
        return StageExplanation(name, uuid, MISS, key, why)
    nearest = history.nearest(recipe, before)
    if nearest is None:
        return StageExplanation(name, uuid, MISS, key, "no earlier entry of this stage")
    if not nearest.differences:
        return StageExplanation(name, uuid, MISS, key, f"{nearest.said()}; it had not been there, or has been removed")
    return StageExplanation(name, uuid, MISS, key, nearest.said(), nearest.differences)


def why(job_name: str, stage: str | None, settings: Settings) -> Explanation:
    """Tell what the cache did for the stages of a job that has run, and why.

    Args:
        job_name: The job.
        stage: Only stages of this name or uuid; None for all.
        settings: Name the cache and the archives.

    Raises:
        FoundationsError: There is no such job or stage, or it has not ended yet.
    """
    wiring = Wiring(settings=settings)
    record = wiring.listing.get(check_job_name(job_name))
    archive = wiring.archives.miscellaneous
    document = _read(archive, job_name, items.RESULT)
    if document is None:
        raise FoundationsError(
            f"job {job_name} has left no result: it is {record.state.value}. What the cache did is told with the"
            " result of a job that has run to its end."
        )
    result = ResultDocument.from_json(document)
    notes = _read(archive, job_name, items.CACHE_NOTES) or {"stages": {}, "closures": {}}
    explained = []
    history = CacheHistory(wiring.cache)
    for position, (uuid, name) in enumerate(zip(result.uuids, result.names, strict=True)):
        if stage is None or stage in (name, uuid):
            explained.append(_told(name, uuid, notes, history, result.started_at[position]))
    if not explained:
        names = ", ".join(dict.fromkeys(result.names))
        raise FoundationsError(f"job {job_name} has no stage {stage}; its stages are {names:.2000}")
    return Explanation(tuple(explained))


def _told(
    name: str, uuid: str, notes: Mapping[str, Any], history: CacheHistory, started_at: float | None
) -> StageExplanation:
    note = notes["stages"].get(uuid)
    if note is None:
        said = "it did not run" if started_at is None else "caching was not enabled for it"
        return StageExplanation(name, uuid, NOT_CACHED, why=said)
    recipe = recipe_in(dict(notes), uuid)
    if note["outcome"] != MISS or recipe is None:
        return StageExplanation(name, uuid, note["outcome"], note["key"], note["why"])
    return _missed(name, uuid, note["key"], recipe, history, note["why"], started_at)


def _read(archive: PipelineArchive, job_name: str, item: str) -> Any:
    try:
        return json.loads(bytes(archive.read(job_name, item)))
    except ItemNotFoundError:
        return None
