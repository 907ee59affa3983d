"""The identity of a class in digests: the name alone for a class of a known library."""

from __future__ import annotations

from typing import Any

_LIBRARIES = ("numpy", "pandas", "polars", "pyarrow", "torch")


def class_identity(value: Any) -> object:
    """Return the name of the class of `value`, or the class, whose code counts, where no library has it."""
    kind = type(value)
    if kind.__module__.partition(".")[0] in _LIBRARIES:
        return f"{kind.__module__}.{kind.__qualname__}"
    return kind
