"""The search for the part of a value that cannot be pickled, and its path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FunctionType, MethodType
from typing import Any

from foundations.errors import FoundationsError

_MAX_DEPTH = 60
_MAX_ITEMS = 10_000


def find_culprit(
    parts: Iterable[tuple[str, object]], error: Exception, failure: Callable[[object], Exception | None]
) -> tuple[str, str, Exception]:
    """Return the path of the innermost part that cannot be pickled by itself, its type's name, and what it raises.

    Args:
        parts: The values to search, each with the beginning of its path.
        error: What pickling the whole raised.
        failure: Returns what pickling a value by itself raises, or None.
    """
    path, kind, cause = "", "unknown", error
    # Of an error of ours, only the parts that raise the same class of error are searched.
    is_own_error = isinstance(error, FoundationsError)
    candidates: Iterable[tuple[str, object]] = parts
    seen: set[int] = set()
    for _ in range(_MAX_DEPTH):
        for suffix, value in candidates:
            if id(value) in seen:
                continue
            found = failure(value)
            if found is not None and isinstance(found, type(cause) if is_own_error else Exception):
                seen.add(id(value))
                path, kind, cause = path + suffix, _type_name(value), found
                candidates = _parts_of(value)
                break
        else:
            break
    return path or "the job", kind, cause


def _parts_of(value: Any) -> Iterator[tuple[str, object]]:
    """Iterate over the parts of `value`, each with the end of its path."""
    if isinstance(value, Mapping):
        for number, (key, item) in enumerate(value.items()):
            if number == _MAX_ITEMS:
                return
            yield f"[{key!r:.60}]", item
    elif isinstance(value, (list, tuple, set, frozenset)):
        for number, item in enumerate(value):
            if number == _MAX_ITEMS:
                return
            yield f"[{number}]", item
    elif isinstance(value, MethodType):
        yield ".__self__", value.__self__
    elif isinstance(value, FunctionType):
        yield from _parts_of_function(value)
        return
    yield from _attributes(value)


def _attributes(value: Any) -> Iterator[tuple[str, object]]:
    if isinstance(value, type):
        return
    for name in ("func", "args", "keywords"):  # functools.partial does not have them in __dict__
        if type(value).__name__ == "partial":
            yield f".{name}", getattr(value, name)
    attributes = getattr(value, "__dict__", None)
    if isinstance(attributes, dict):
        for name, item in attributes.items():
            yield f".{name}", item
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name) and not name.startswith("__"):
                yield f".{name}", getattr(value, name)


def _parts_of_function(function: FunctionType) -> Iterator[tuple[str, object]]:
    """Iterate over what is pickled with a function by value: its closure, the globals that it names, its defaults."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f"'s closure: {name}", cell.cell_contents
        except ValueError:  # an empty cell
            continue
    for name in _names(function.__code__):
        if name in function.__globals__:
            yield f"'s global: {name}", function.__globals__[name]
    for number, default in enumerate(function.__defaults__ or ()):
        yield f"'s default {number + 1}", default
    for name, default in (function.__kwdefaults__ or {}).items():
        yield f"'s default {name}", default


def _names(code: Any) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            yield from _names(constant)


def _type_name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
