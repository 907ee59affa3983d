"""Putting together the memo of a job's stages."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundations.app.caching.lookup import CacheContext
from foundations.app.caching.packages import PYTHON, InstalledPackages
from foundations.app.caching.stage_cache import StageCache
from foundations.app.wiring import Wiring
from foundations.domain.caching.code.closure import Closures
from foundations.domain.caching.stage_keys import StageKeys
from foundations.domain.jobs.job import Job


def stage_cache(job: Job, project: str, wiring: Wiring) -> StageCache:
    """Return the memo of a job's stages, whose code is followed as it is now.

    Args:
        job: The job.
        project: The project directory, as it lies here.
        wiring: Its adapters.
    """
    pipeline = job.pipeline
    keys = stage_keys(job.parameters, project, wiring, job.project)
    for node in pipeline.nodes:
        if node.caching is not None:
            keys.follow(node)
    context = CacheContext(
        backend=functools.cache(lambda: wiring.cache),
        serialiser=wiring.serialiser,
        job_name=job.name,
        project=project,
        audit=wiring.settings.cache_audit,
        chance=random.SystemRandom().random,  # not the generator that stages may have seeded
        clock=time.time,
    )
    return StageCache(pipeline, keys, context)


def stage_keys(parameters: Mapping[str, Any], project: str, wiring: Wiring, origin: str | None = None) -> StageKeys:
    """Return the maker of content keys in this process, for code as it is now.

    Args:
        parameters: The hyperparameters' values.
        project: The project directory, as it lies here.
        wiring: The adapters.
        origin: Where the project lay when the pipeline was made, where that is another place.
    """
    digesting = wiring.digesting
    environment = InstalledPackages(Path(project), digesting.buffer, origin)
    return StageKeys(Closures(environment, digesting, PYTHON), parameters)
