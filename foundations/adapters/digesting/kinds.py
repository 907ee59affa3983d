"""What stands for the class of a value from a library: its name alone, where the library itself has it."""

from __future__ import annotations

from typing import Any

_LIBRARIES = ("numpy", "pandas", "polars", "pyarrow", "torch")


def kind_of(value: Any) -> object:
    """Return the name of the class of `value`; the class itself, whose code counts, where it is of somebody else."""
    kind = type(value)
    if kind.__module__.partition(".")[0] in _LIBRARIES:
        return f"{kind.__module__}.{kind.__qualname__}"
    return kind
