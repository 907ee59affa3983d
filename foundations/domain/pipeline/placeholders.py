"""Finding and replacing what stands in a stage's arguments: stages, hyperparameters, references.

Stages and hyperparameters may stand as arguments, and at any depth in lists, tuples, dictionaries' values, dataclasses
and attrs objects. Containers without any are passed on as they are, the same objects.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from foundations.domain.fields import fields_of
from foundations.errors import PipelineError

_LEAVES = frozenset({int, float, complex, bool, str, bytes, bytearray, type(None)})


class Reference:
    """Stands for the output of the stage at `index` of a flat pipeline."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index

    def __reduce__(self) -> tuple[Any, ...]:
        return Reference, (self.index,)

    def __repr__(self) -> str:
        return f"<output of stage {self.index}>"


class Template:
    """A container in which references or hyperparameters stand at some depth."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        return Template, (self.value,)

    def __repr__(self) -> str:
        return repr(self.value)


def find(value: object, kinds: tuple[type, ...]) -> list[Any]:
    """Return what of `kinds` stands in `value`, in order, iteratively.

    Raises:
        PipelineError: One stands where it cannot be replaced: in a set, as a dictionary's key.
    """
    found: list[Any] = []
    seen: set[int] = set()
    stack: list[object] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, kinds):
            found.append(item)
            continue
        children = _children(item, kinds)
        if children is not None and id(item) not in seen:
            seen.add(id(item))
            stack.extend(reversed(children))
    return found


def replace(value: object, replacement: Callable[[object], object], kinds: tuple[type, ...]) -> Any:
    """Return `value` with everything of `kinds` in it replaced; containers without any stay the same objects.

    Raises:
        PipelineError: A container that holds one also holds itself.
    """
    return _replace(value, replacement, kinds, {})


def _replace(
    value: object, replacement: Callable[[object], object], kinds: tuple[type, ...], done: dict[int, Any]
) -> object:
    if isinstance(value, kinds):
        return replacement(value)
    children = _children(value, kinds)
    if children is None or not children:
        return value
    known = done.get(id(value), done)
    if known is None:
        if not find(value, kinds):
            return value
        raise PipelineError(
            f"a {type(value).__name__} among a stage's arguments contains itself as well as a stage or hyperparameter;"
            " pass the stage by itself"
        )
    if known is not done:
        return known
    done[id(value)] = None
    changed = [_replace(child, replacement, kinds, done) for child in children]
    same = all(new is old for new, old in zip(changed, children, strict=True))
    result = value if same else _rebuilt(value, changed)
    done[id(value)] = result
    return result


def _children(value: object, kinds: tuple[type, ...]) -> list[Any] | None:
    """Return the parts of a container in which replacement is possible; None for anything else."""
    kind = type(value)
    if kind in _LEAVES:
        return None
    if isinstance(value, (list, tuple)):
        return _worth_a_look(value)
    if isinstance(value, dict):
        _refuse(value, kinds, "a dictionary's key", "pass it as a value")
        return _worth_a_look(value.values())
    if isinstance(value, (set, frozenset)):
        _refuse(value, kinds, f"a {kind.__name__}", "use a list")
        return None
    names = _field_names(kind)
    if names is not None:
        return [getattr(value, name, None) for name in names]
    if isinstance(value, FunctionType) and value.__closure__:
        _refuse((_content(cell) for cell in value.__closure__), kinds, "a function's closure", "pass it as an argument")
    return None


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # an empty cell holds nothing
        return None


def _worth_a_look(values: Iterable[Any]) -> list[Any]:
    """Return `values` as a list; an empty one where their types alone tell that nothing can stand in them."""
    values = list(values)
    return [] if _LEAVES.issuperset(map(type, values)) else values


def _refuse(values: Iterable[object], kinds: tuple[type, ...], where: str, remedy: str) -> None:
    for value in values:
        if isinstance(value, kinds):
            raise PipelineError(f"{value!r} is in {where}, where it cannot be replaced by its output; {remedy}")


def _field_names(kind: type) -> list[str] | None:
    fields = fields_of(kind)
    return None if fields is None else [field.name for field in fields if field.is_of_instance]


def _rebuilt(value: Any, changed: list[Any]) -> Any:
    kind = type(value)
    if kind is list:
        return changed
    if kind is tuple:
        return tuple(changed)
    if isinstance(value, tuple):
        make = getattr(kind, "_make", None)
        return make(changed) if make is not None else kind(changed)
    result = copy.copy(value)
    if isinstance(value, list):
        result[:] = changed
    elif isinstance(value, dict):
        for key, new in zip(list(value), changed, strict=True):
            result[key] = new
    else:
        for name, new in zip(_field_names(kind) or (), changed, strict=True):
            if new is not getattr(value, name, None):
                object.__setattr__(result, name, new)
    return result
