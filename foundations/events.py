"""The structured log: each event has a name and keys.

Importing structlog takes as long as all other imports together, so it is imported when the first event is logged. An
event below the current level costs one comparison. Nothing is configured here: the application's configuration of
structlog is used, and a plain one where there is none.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from foundations.concealment import conceal
from foundations.escaping import escape_lines

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_reported_levels: set[str] = set()
"""Names that are no levels and have been reported."""


def _threshold() -> int:
    name = os.environ.get("FOUNDATIONS_LOG_LEVEL", "info")
    threshold = _LEVELS.get(name.lower())
    if threshold is not None:
        return threshold
    if name not in _reported_levels:
        _reported_levels.add(name)
        warning("unknown_log_level", FOUNDATIONS_LOG_LEVEL=name, expected=", ".join(_LEVELS), taken="info")
    return _LEVELS["info"]


def is_logged(level: str) -> bool:
    """Return whether events of this level are logged, for events that are expensive to describe."""
    return _LEVELS[level] >= _threshold()


class Stopwatch:
    """Measures the steps of a task, one after the other."""

    def __init__(self) -> None:
        self._started_at = self._lap_at = time.perf_counter()

    def lap(self) -> str:
        """Return how long the step took that ends now; the next one begins."""
        before, self._lap_at = self._lap_at, time.perf_counter()
        return f"{(self._lap_at - before) * 1000:.1f} ms"

    def total(self) -> str:
        """Return how long all steps took."""
        return f"{(time.perf_counter() - self._started_at) * 1000:.1f} ms"


def _emit(level: str, event: str, keys: dict[str, Any]) -> None:
    if not is_logged(level):
        return
    import structlog

    if structlog.is_configured():
        logger = structlog.get_logger("foundations")
    else:
        processors: list[Any] = [
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=False),
        ]
        logger = structlog.wrap_logger(structlog.PrintLogger(sys.stderr), processors=processors)
    shown = {name: escape_lines(conceal(value)) if type(value) is str else value for name, value in keys.items()}
    getattr(logger, level)(event, **shown)


def debug(event: str, **keys: Any) -> None:
    """Log an event that helps to find the cause of a fault."""
    _emit("debug", event, keys)


def info(event: str, **keys: Any) -> None:
    """Log an event that a user may want to know about: something was done in another way than usual."""
    _emit("info", event, keys)


def warning(event: str, **keys: Any) -> None:
    """Log an event that a user should act upon."""
    _emit("warning", event, keys)


def error(event: str, **keys: Any) -> None:
    """Log that something was lost or failed, where no exception can report it."""
    _emit("error", event, keys)
