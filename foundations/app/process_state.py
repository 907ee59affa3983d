"""The state of the process that a stage could change for others without any of its arguments."""

from __future__ import annotations

import os
import pickle
import sys
from typing import Any, NamedTuple


class Settings(NamedTuple):
    """The settings that whatever a stage computes may depend on.

    Those that many set, and that hardly change a result, as the filters of warnings, are left out.

    Attributes:
        directory: The working directory.
        decimal: The context of decimals in this thread.
    """

    directory: str
    decimal: tuple[object, ...]

    @classmethod
    def now(cls) -> Settings:
        """Return the settings as they are now."""
        return cls(_directory(), _context())

    def changed(self) -> str | None:
        """Return the name of a setting that is another now; None where there is none."""
        if _directory() != self.directory:
            return "the working directory"
        return "decimal.getcontext()" if _context() != self.decimal else None


def _directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # it has been removed
        return ""


_USUAL = (28, "ROUND_HALF_EVEN", -999999, 999999, 0)
"""The context that Python begins with, also where its module is imported later."""


def _context() -> tuple[object, ...]:
    decimal = sys.modules.get("decimal")
    if decimal is None:
        return _USUAL
    context = decimal.getcontext()
    return context.prec, context.rounding, context.Emin, context.Emax, context.clamp


class ProcessState(NamedTuple):
    """What is looked at before and after a call.

    Attributes:
        variables: The environment variables, encoded as the system holds them.
        generators: What stands for the generators of random numbers that all share, by what a person calls them.
        settings: The settings.
        modules: How many modules are imported.
    """

    variables: dict[bytes, bytes]
    generators: dict[str, object]
    settings: Settings
    modules: int


def process_state() -> ProcessState:
    """Return the state of this process now."""
    generators: dict[str, object] = {}
    random = sys.modules.get("random")
    if random is not None:
        generators["the generator behind random.random()"] = random.getstate()
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        generators["the generator behind numpy.random.rand()"] = _state_of_numpy(numpy)
    # what os.environ is a view of: to decode all of it would take longer than the rest of a stage from the cache
    variables: dict[bytes, bytes] = dict(os.environ._data)  # type: ignore[attr-defined]
    return ProcessState(variables, generators, Settings.now(), len(sys.modules))


def what_changed(before: ProcessState) -> str | None:
    """Return the name of what differs from `before`; None where nothing does.

    Variables that are new after an import are the imported library's own, which sets up its threads by them.
    """
    after = process_state()
    for name, state in before.generators.items():
        if after.generators[name] != state:
            return name
    setting = before.settings.changed()
    if setting is not None or before.variables == after.variables:
        return setting
    variables = before.variables if after.modules > before.modules else {**before.variables, **after.variables}
    for variable in variables:
        if before.variables.get(variable) != after.variables.get(variable):
            return f"the environment variable {os.fsdecode(variable)} (os.environ)"
    return None


_MERSENNE_TWISTER = 2500
"""Bytes of NumPy's state of one: 624 words and the position, ``struct mt19937_state``."""

_seen: list[tuple[bytes, bytes]] = []
"""The memory of NumPy's generator when its state was asked for last, and the state where it follows from that alone."""


def _state_of_numpy(numpy: Any) -> bytes:
    """Return the state of NumPy's shared generator.

    NumPy takes 40 microseconds to tell it, so it is asked only where its memory differs from the last time, or where it
    keeps a number of the normal distribution for the next call, which lies elsewhere.
    """
    memory = _memory_of(numpy)
    if memory is not None and _seen and _seen[0][0] == memory:
        return _seen[0][1]
    found = numpy.get_state(legacy=False)
    state = pickle.dumps(found)
    _seen[:] = [(memory, state)] if memory is not None and not found["has_gauss"] else []
    return state


def _memory_of(numpy: Any) -> bytes | None:
    """Return what lies in the generator's memory, whose address NumPy tells; None where nothing is known of it."""
    if not hasattr(numpy, "get_bit_generator"):  # before NumPy 1.24
        return None
    generator = numpy.get_bit_generator()
    if type(generator) is not numpy.MT19937:
        return None
    import ctypes

    return ctypes.string_at(generator.ctypes.state_address, _MERSENNE_TWISTER)
