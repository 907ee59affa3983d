"""The state of the process that a stage could change for others without any of its arguments."""

from __future__ import annotations

import functools
import os
import pickle
import sys
from collections.abc import Callable
from typing import Any, NamedTuple


class Settings(NamedTuple):
    """The settings that whatever a stage computes may depend on.

    Those that many set, and that hardly change a result, as the filters of warnings, are left out.

    Attributes:
        directory: The working directory.
        decimal: The context of decimals in this thread.
    """

    directory: str
    decimal: Any

    @classmethod
    def now(cls) -> Settings:
        """Return the settings as they are now."""
        return cls(_directory(), _context())

    def changed(self) -> str | None:
        """Return the name of a setting that is another now; None where there is none."""
        if _directory() != self.directory:
            return "the working directory"
        now = _context()
        if now == self.decimal or (self.decimal is None and now == _usual_context()):
            return None
        return "decimal.getcontext()"


def _directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # it has been removed
        return ""


def _context() -> Any:
    """Return all of the context but for its flags, which any operation may set; None where there is none yet."""
    decimal = sys.modules.get("decimal")
    if decimal is None:
        return None
    *parts, _, traps = decimal.getcontext().__reduce__()[1]
    return [*parts, traps]


def _usual_context() -> Any:
    """Return the context that Python begins with, in a process that has imported its module meanwhile."""
    decimal = sys.modules["decimal"]
    traps = [decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow]
    return [28, "ROUND_HALF_EVEN", -999999, 999999, 1, 0, traps]


class ProcessState(NamedTuple):
    """What is looked at before and after a call.

    Attributes:
        variables: The environment variables, encoded as the system holds them.
        generators: The generators of random numbers that all share: what a person calls each, what asks for its state,
            and that.
        settings: The settings.
        modules: How many modules are imported.
    """

    variables: dict[bytes, bytes]
    generators: list[tuple[str, Callable[[], object], object]]
    settings: Settings
    modules: int


def process_state() -> ProcessState:
    """Return the state of this process now."""
    generators: list[tuple[str, Callable[[], object], object]] = []
    random = sys.modules.get("random")
    if random is not None:
        ask = _asking_random(random)
        generators.append(("the generator behind random.random()", ask, ask()))
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        ask = functools.partial(_state_of_numpy, numpy)
        generators.append(("the generator behind numpy.random.rand()", ask, ask()))
    variables = dict(_variables().items())  # its copy() would ask whoever watches them for each
    return ProcessState(variables, generators, Settings.now(), len(sys.modules))


def _variables() -> dict[bytes, bytes]:
    """Return what os.environ is a view of: to decode all of it would take longer than a stage from the cache."""
    return os.environ._data  # type: ignore[attr-defined,no-any-return]


def what_changed(before: ProcessState) -> str | None:
    """Return the name of what differs from `before`; None where nothing does.

    Variables that are new after an import are the imported library's own, which sets up its threads by them.
    """
    for name, ask, state in before.generators:
        if ask() != state:
            return name
    setting = before.settings.changed()
    now = _variables()
    if setting is not None or before.variables == now:
        return setting
    for variable in before.variables if len(sys.modules) > before.modules else {**before.variables, **now}:
        if before.variables.get(variable) != now.get(variable):
            return f"the environment variable {os.fsdecode(variable)} (os.environ)"
    return None


def _asking_random(random: Any) -> Callable[[], object]:
    """Return what asks for the state of the generator behind ``random.random``.

    That makes integers of 624 words; where ctypes is loaded, as by NumPy, the memory that these lie in is copied. It
    follows the head that every object of CPython has, and ends with what the base class adds to that.
    """
    ctypes, shared = sys.modules.get("ctypes"), random._inst
    if ctypes is None or type(shared) is not random.Random:
        return random.getstate  # type: ignore[no-any-return]
    head = object.__basicsize__
    size = random._random.Random.__basicsize__ - head
    return lambda: (ctypes.string_at(id(shared) + head, size), shared.gauss_next)


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
