"""The caching policy of a stage: whether and how the cache is used, and what it cannot see."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any, NamedTuple

from foundations.errors import PipelineError


class CacheHints(NamedTuple):
    """What the author of a function states about it, since the cache cannot see it.

    Attributes:
        version: Changed by hand where a change cannot be seen.
        depends_on: Functions, classes, modules, and the paths of files and directories, that its result depends on.
        ignore: Names of arguments and of global variables that its result does not depend on; also of the variables of
            closures, and of the attributes of functions and classes of the project.
    """

    version: object = None
    depends_on: tuple[object, ...] = ()
    ignore: tuple[str, ...] = ()


NO_HINTS = CacheHints()


class Caching(NamedTuple):
    """How a stage, and those it depends on, use the cache.

    Attributes:
        enabled: Whether they use it.
        expires: The age in seconds after which an entry is not used; None where there is no limit.
        refresh: Whether they are computed and stored anew.
    """

    enabled: bool
    expires: float | None = None
    refresh: bool = False

    def combine(self, other: Caching | None) -> Caching:
        """Return the policy that satisfies both this one and that of another stage."""
        if other is None:
            return self
        times = [time for time in (self.expires, other.expires) if time is not None]
        return Caching(True, min(times, default=None), self.refresh or other.refresh)


def cache_hints(version: object, depends_on: Any, ignore: Any) -> CacheHints:
    """Return the hints of a function's author as one value.

    Raises:
        PipelineError: One is of a wrong type.
    """
    if version is None and depends_on == () and ignore == ():
        return NO_HINTS
    if isinstance(ignore, str) or not all(isinstance(name, str) for name in ignore):
        raise PipelineError(
            f"ignore=[...] must be a list of names of arguments and of global variables, not {ignore!r:.100}"
        )
    if isinstance(depends_on, (str, os.PathLike)) or callable(depends_on) or not hasattr(depends_on, "__iter__"):
        raise PipelineError(f"depends_on=[...] must be a list, not {depends_on!r:.100}")
    stated = tuple(os.fspath(item) if isinstance(item, os.PathLike) else item for item in depends_on)
    for item in stated:
        if not isinstance(item, (str, ModuleType)) and not callable(item):
            raise PipelineError(
                "depends_on=[...] must have functions, classes, modules, and paths of files and directories, not"
                f" {item!r:.100}"
            )
    return CacheHints(version, stated, tuple(ignore))


def seconds_of(expires: Any) -> float | None:
    """Return a length of time, given in seconds or as a timedelta, in seconds; None for None.

    Raises:
        PipelineError: It is not a positive length of time.
    """
    seconds = expires.total_seconds() if hasattr(expires, "total_seconds") else expires
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:
        raise PipelineError(f"enable_caching(expires=...) must be seconds, or a timedelta, above 0, not {expires!r}")
    return seconds
