"""The use cases behind ``stage.explain()`` and ``foundations cache why``."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from foundations.app import running_stage
from foundations.app.caching.assembly import stage_keys
from foundations.app.caching.history import CacheHistory, Nearest, Refusals
from foundations.app.caching.lookup import usable_summary
from foundations.app.caching.notes import HIT, MISS, NOT_CACHED, SELECTED, recipe_in
from foundations.app.config.settings import Settings
from foundations.app.use_cases.explain_as_job import answer_explanation, explain_as_job
from foundations.app.use_cases.prepare import prepare_pipeline
from foundations.app.wiring import Wiring
from foundations.domain.caching.explanation import Explanation, StageExplanation
from foundations.domain.caching.recipe import Recipe
from foundations.domain.caching.stage_keys import StageKeys, UndeterminedKeyError, is_selection
from foundations.domain.caching.values.digests import UndigestibleError
from foundations.domain.jobs import archive_layout as items
from foundations.domain.jobs.result_document import ResultDocument
from foundations.domain.pipeline.cache_policy import Caching
from foundations.domain.pipeline.graph import Node, Pipeline
from foundations.domain.pipeline.stage import Stage
from foundations.errors import FoundationsError, ItemNotFoundError, StorageUnavailableError
from foundations.escaping import escape_unprintable, truncate
from foundations.ports.archive import PipelineArchive
from foundations.ports.cache import CacheBackend
from foundations.ports.job import check_job_name

_DEPENDS = "depends"


def explain(
    stage: Stage, params_dict: Mapping[str, Any] | None, params: Mapping[str, Any], settings: Settings
) -> Explanation:
    """Return what the cache would do for the stages behind `stage`, were it run now with these parameters.

    What the job would see counts, not the state of this process: where jobs run in other processes, another one
    computes the keys. It imports the modules that the job would import.

    Args:
        stage: The stage.
        params_dict: Hyperparameters by name.
        params: Further hyperparameters.
        settings: Name the cache and the archives.

    Raises:
        FoundationsError: Whatever can be found wrong before a run, or the cache is refused.
    """
    pipeline, parameters = prepare_pipeline(stage, params_dict, params)
    wiring = Wiring(settings=settings)
    wiring.cache.check()
    if wiring.environment.capabilities.crosses_processes and not running_stage.is_inside():
        explanation = explain_as_job(pipeline, parameters, wiring)
        if explanation is not None:
            return explanation
    return _explain_here(pipeline, parameters, os.getcwd(), wiring)


def serve(configure: Callable[[Settings], None]) -> None:
    """Be the process that explains a pipeline as its job would see it; see :func:`explain_as_job`.

    Args:
        configure: Gives the job's settings to whatever else in this process asks for the configuration.
    """
    answer_explanation(lambda job, wiring: _explain_here(job.pipeline, job.parameters, job.project, wiring), configure)


def _explain_here(pipeline: Pipeline, parameters: Mapping[str, Any], project: str, wiring: Wiring) -> Explanation:
    refusals = Refusals(lambda: wiring.listing, lambda: wiring.archives.miscellaneous)
    return _Explainer(pipeline, stage_keys(parameters, project, wiring), wiring.cache, refusals).explain()


class _Explainer:
    """Explains the stages of a pipeline in the order in which a job would run them."""

    def __init__(self, pipeline: Pipeline, keys: StageKeys, cache: CacheBackend, refusals: Refusals) -> None:
        self._pipeline = pipeline
        self._maker = keys
        self._cache = cache
        self._history = CacheHistory(cache, {pipeline.name(index) for index in range(len(pipeline.nodes))})
        self._refusals = refusals
        self._keys: dict[int, str] = {}
        self._waiting: dict[int, int] = {}  # for each stage without a key: the stage that has to run before it has one
        self._computed: dict[str, str] = {}  # the stages that the run would compute and store, by key

    def explain(self) -> Explanation:
        return Explanation(tuple(self._explain_stage(index, node) for index, node in enumerate(self._pipeline.nodes)))

    def _explain_stage(self, index: int, node: Node) -> StageExplanation:
        name, uuid = self._pipeline.name(index), node.uuid
        if node.caching is None:
            return StageExplanation(name, uuid, NOT_CACHED, why="caching is not enabled for it")
        waiting = next((self._waiting[other] for other in node.upstream if other in self._waiting), None)
        if waiting is not None:
            return self._explain_waiting(index, waiting)
        keys = {other: self._keys[other] for other in node.upstream if other in self._keys}
        try:
            recipe = self._maker.recipe(name, node, keys, {}, self._pipeline.name)
        except UndeterminedKeyError as error:
            return self._explain_waiting(index, error.index)
        except UndigestibleError as error:
            return StageExplanation(name, uuid, NOT_CACHED, why=str(error))
        except Exception as error:  # of a value's own methods, say
            return StageExplanation(name, uuid, NOT_CACHED, why=f"{type(error).__name__}: {error}")
        return self._explain_recipe(index, node.caching, recipe)

    def _explain_recipe(self, index: int, caching: Caching, recipe: Recipe) -> StageExplanation:
        node, name, key = self._pipeline.nodes[index], self._pipeline.name(index), recipe.key()
        uuid = node.uuid
        if is_selection(node):
            self._keys[index] = key
            return StageExplanation(name, uuid, SELECTED, key, "it only selects an item, and has no entry of its own")
        hit, why = self._look_up(key, caching)
        if hit:
            self._keys[index] = key
            return StageExplanation(name, uuid, HIT, key, why)
        refused = self._refusals.last(recipe)
        if refused is not None:  # so it will have no key again, and stages that take its output count it by content
            return StageExplanation(name, uuid, MISS, key, refused)
        self._keys[index] = key
        self._computed.setdefault(key, name)
        if why:
            return StageExplanation(name, uuid, MISS, key, why)
        nearest = self._history.nearest({**recipe.to_json(), "closure": recipe.closure.to_json()})
        return _explain_miss(name, uuid, key, nearest)

    def _explain_waiting(self, index: int, other: int) -> StageExplanation:
        self._waiting[index] = other
        why = f"its key depends on the output of {self._pipeline.name(other)}, which must run first"
        return StageExplanation(self._pipeline.name(index), self._pipeline.nodes[index].uuid, _DEPENDS, why=why)

    def _look_up(self, key: str, caching: Caching) -> tuple[bool, str]:
        """Return whether an entry would be used, and the reason; an empty one where there is no entry."""
        if caching.refresh:
            return False, "refresh=True was given"
        if key in self._computed:
            return True, f"computed in this run by {self._computed[key]}, which runs first"
        try:
            metadata = self._cache.get_metadata(key)
        except Exception as error:  # of whatever adapter
            return False, f"the cache could not be read: {type(error).__name__}: {error}"
        about, why = usable_summary(metadata, caching.expires, time.time())
        return (False, why) if about is None else (True, f"computed by job {about['job']}")


def _explain_miss(name: str, uuid: str, key: str, nearest: Nearest | None) -> StageExplanation:
    return StageExplanation(name, uuid, MISS, key, *(nearest or ("no earlier entry of this stage",)))


def why(job_name: str, stage: str | None, settings: Settings) -> Explanation:
    """Return what the cache did for the stages of a job that has run, and why.

    Args:
        job_name: The job.
        stage: Only stages of this name or uuid; None for all.
        settings: Name the cache and the archives.

    Raises:
        FoundationsError: There is no such job or stage, the job has not ended yet, or what it archived cannot be read.
    """
    wiring = Wiring(settings=settings)
    record = wiring.listing.get(check_job_name(job_name))
    archive = wiring.archives.miscellaneous
    document = _read(archive, job_name, items.RESULT)
    if document is None:
        raise FoundationsError(
            f"job {job_name} is {record.state} and has no result document. `cache why` can report only on jobs"
            " whose pipeline has ended."
        )
    result = ResultDocument.from_json(document)
    notes = _read(archive, job_name, items.CACHE_NOTES) or {"stages": {}, "closures": {}}
    history = CacheHistory(wiring.cache, result.names)
    explained = [
        _explain_note(name, uuid, notes, history, started_at)
        for uuid, name, started_at in zip(result.uuids, result.names, result.started_at, strict=True)
        if stage is None or stage in (name, uuid)
    ]
    if not explained:
        names = truncate(", ".join(dict.fromkeys(result.names)), 2000)
        raise FoundationsError(
            escape_unprintable(f"job {job_name} has no stage {stage or repr(stage)}; its stages are {names}")
        )
    return Explanation(tuple(explained))


def _explain_note(
    name: str, uuid: str, notes: Mapping[str, Any], history: CacheHistory, started_at: float | None
) -> StageExplanation:
    note = notes["stages"].get(uuid)
    if note is None:
        reason = "it did not run" if started_at is None else "caching was not enabled for it"
        return StageExplanation(name, uuid, NOT_CACHED, why=reason)
    recipe = recipe_in(dict(notes), uuid)
    if note["outcome"] != MISS or recipe is None or note["why"]:
        return StageExplanation(name, uuid, note["outcome"], note["key"], note["why"])
    return _explain_miss(name, uuid, note["key"], history.nearest(recipe, started_at))


def _read(archive: PipelineArchive, job_name: str, item: str) -> Any:
    try:
        data = bytes(archive.read(job_name, item))
    except ItemNotFoundError:
        return None
    try:
        return json.loads(data)
    except ValueError as error:
        raise StorageUnavailableError(f"{item} of job {job_name} is damaged in the archive: {error}") from error
