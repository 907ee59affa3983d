"""The state of the process that a stage could change for others without any of its arguments."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping


def process_state() -> dict[str, object]:
    """Return what stands for the environment variables, and for the generators of random numbers that all share."""
    state: dict[str, object] = {"the environment variables (os.environ)": frozenset(os.environ.items())}
    random = sys.modules.get("random")
    if random is not None:
        state["the generator behind random.random()"] = random.getstate()
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        name, keys, *position = numpy.get_state()
        state["the generator behind numpy.random.rand()"] = (name, keys.tobytes(), *position)
    return state


def what_changed(before: Mapping[str, object]) -> str | None:
    """Return the name of what differs from `before`; None where nothing does."""
    after = process_state()
    return next((name for name, value in before.items() if after[name] != value), None)
