"""The state of the process that a stage could change for others without any of its arguments."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple


class ProcessState(NamedTuple):
    """What is looked at before and after a call.

    Attributes:
        variables: The environment variables.
        generators: What stands for the generators of random numbers that all share, by what a person calls them.
        modules: How many modules are imported.
    """

    variables: dict[str, str]
    generators: dict[str, object]
    modules: int


def process_state() -> ProcessState:
    """Return the state of this process now."""
    generators: dict[str, object] = {}
    random = sys.modules.get("random")
    if random is not None:
        generators["the generator behind random.random()"] = random.getstate()
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        name, keys, *position = numpy.get_state()
        generators["the generator behind numpy.random.rand()"] = (name, keys.tobytes(), *position)
    return ProcessState(dict(os.environ), generators, len(sys.modules))


def what_changed(before: ProcessState) -> str | None:
    """Return the name of what differs from `before`; None where nothing does.

    Variables that are new after an import are the imported library's own, which sets up its threads by them.
    """
    after = process_state()
    for name, state in before.generators.items():
        if after.generators[name] != state:
            return name
    names = before.variables if after.modules > before.modules else {**before.variables, **after.variables}
    for name in names:
        if before.variables.get(name) != after.variables.get(name):
            return f"the environment variable {name} (os.environ)"
    return None
