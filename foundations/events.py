"""The structured log: an event's name plus keys.

structlog costs as much to import as everything else together, so it is imported when the first event is emitted, and
an event below the level in force costs one comparison. Nothing is configured here: the application's structlog
configuration holds, and structlog's own defaults where there is none.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


_unknown: set[str] = set()
"""Levels that do not exist, of which was told."""


def _threshold() -> int:
    asked = os.environ.get("FOUNDATIONS_LOG_LEVEL", "info")
    found = _LEVELS.get(asked.lower())
    if found is not None:
        return found
    if asked not in _unknown:
        _unknown.add(asked)
        warning("unknown_log_level", FOUNDATIONS_LOG_LEVEL=asked, expected=", ".join(_LEVELS), taken="info")
    return _LEVELS["info"]


def _emit(level: str, event: str, keys: dict[str, Any]) -> None:
    if _LEVELS[level] < _threshold():
        return
    import structlog

    if structlog.is_configured():
        logger = structlog.get_logger("foundations")
    else:
        logger = structlog.wrap_logger(structlog.PrintLogger(sys.stderr), processors=_default_processors(structlog))
    getattr(logger, level)(event, **keys)


def _default_processors(structlog: Any) -> list[Any]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.dev.ConsoleRenderer(colors=False),
    ]


def debug(event: str, **keys: Any) -> None:
    """Tell what only somebody who searches for a fault wants to know."""
    _emit("debug", event, keys)


def info(event: str, **keys: Any) -> None:
    """Tell what a user may want to know: something was done another way than usual."""
    _emit("info", event, keys)


def warning(event: str, **keys: Any) -> None:
    """Tell what a user should act upon."""
    _emit("warning", event, keys)


def error(event: str, **keys: Any) -> None:
    """Tell that something was lost or could not be done, where no exception can say so."""
    _emit("error", event, keys)
