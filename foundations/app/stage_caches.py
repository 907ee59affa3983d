"""Putting together what answers for a job's stages from the cache."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundations.app.cache_asked import CacheUse
from foundations.app.caching import StageCache
from foundations.app.packages import PYTHON, InstalledPackages
from foundations.app.wiring import Wiring
from foundations.domain.code_closure import Closures
from foundations.domain.pipeline import Pipeline
from foundations.domain.stage_keys import StageKeys


def stage_cache(
    job_name: str, pipeline: Pipeline, parameters: Mapping[str, Any], project: str, wiring: Wiring
) -> StageCache:
    """Return what answers for the stages of a job, their code followed as it is now."""
    keys = stage_keys(parameters, project, wiring)
    for node in pipeline.nodes:
        if node.caching is not None:
            keys.follow(node)
    use = CacheUse(
        backend=functools.cache(lambda: wiring.cache),
        serialiser=wiring.serialiser,
        job_name=job_name,
        project=project,
        audit=wiring.settings.cache_audit,
        chance=random.random,
        clock=time.time,
    )
    return StageCache(pipeline, keys, use)


def stage_keys(parameters: Mapping[str, Any], project: str, wiring: Wiring) -> StageKeys:
    """Return what makes content keys in this process, for code as it is now."""
    digesting = wiring.digesting
    surroundings = InstalledPackages(Path(project), digesting.buffer)
    return StageKeys(Closures(surroundings, digesting, PYTHON), parameters)
