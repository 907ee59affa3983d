"""The attributes of a class that make its behaviour, without what Python and generators of methods derive."""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterator
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any

_DERIVED = frozenset(
    {
        *("__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__annotate__"),
        *("__annotate_func__", "__annotations_cache__", "__firstlineno__", "__static_attributes__", "__parameters__"),
        *("__abstractmethods__", "_abc_impl", "__orig_bases__", "__dataclass_params__", "__match_args__"),
    }
)
_GENERATED = ("<string>", "<attrs generated")
_FIELD = ("name", "default", "default_factory", "init", "repr", "hash", "compare", "metadata", "kw_only")
_ATTRIBUTE = (
    *("name", "default", "validator", "repr", "eq", "order", "hash", "init", "metadata", "converter", "kw_only"),
    *("on_setattr", "alias"),
)


def class_attributes(kind: type, *, annotations: bool) -> Iterator[tuple[str, Any]]:
    """Yield the names and values of what a class itself defines, in an order that does not depend on its source.

    Args:
        kind: The class.
        annotations: Whether how its annotations are spelled may change what it does.
    """
    names = vars(kind)
    yield "annotated", tuple(_annotations(kind))
    if annotations:
        yield "annotations", tuple(str(value) for value in _annotations(kind).values())
    if "__dataclass_fields__" in names:
        yield "dataclass", repr(names.get("__dataclass_params__"))
        for field in names["__dataclass_fields__"].values():
            yield "field", tuple(getattr(field, name, None) for name in _FIELD)
    if "__attrs_attrs__" in names:
        for attribute in names["__attrs_attrs__"]:
            yield "attribute", tuple(getattr(attribute, name, None) for name in _ATTRIBUTE)
    if issubclass(kind, enum.Enum):
        for member in names.get("_member_map_", {}).items():
            yield "member", (member[0], member[1]._value_)
    left_out = _DERIVED | {"__dataclass_fields__", "__attrs_attrs__", "__attrs_own_setattr__", "__attrs_props__"}
    for name in sorted(names):
        value = names[name]
        if name in left_out or isinstance(value, (GetSetDescriptorType, MemberDescriptorType)):
            continue
        if issubclass(kind, enum.Enum) and (_is_sunder(name) or name in names.get("_member_map_", {})):
            continue
        if isinstance(value, FunctionType) and _is_generated(kind, value):
            continue
        yield from _unwrapped(name, value)


def _annotations(kind: type) -> dict[str, Any]:
    from inspect import get_annotations  # heavy, and loaded already by whoever has dataclasses

    return get_annotations(kind)


def _is_sunder(name: str) -> bool:
    return name in ("__new__", "__members__") or (name[:1] == name[-1:] == "_" and not name.startswith("__"))


def _is_generated(kind: type, function: FunctionType) -> bool:
    has_fields = "__dataclass_fields__" in vars(kind) or "__attrs_attrs__" in vars(kind)
    inner = getattr(function, "__wrapped__", function)
    return has_fields and inner.__code__.co_filename.startswith(_GENERATED)


def _unwrapped(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an attribute is made of."""
    if isinstance(value, (staticmethod, classmethod)):
        yield f"{name} {type(value).__name__}", value.__func__
    elif isinstance(value, property):
        for part in ("fget", "fset", "fdel"):
            yield f"{name} {part}", getattr(value, part)
    elif isinstance(value, functools.cached_property):
        yield f"{name} cached_property", value.func
    elif isinstance(value, functools.partialmethod):
        yield f"{name} partialmethod", functools.partial(value.func, *value.args, **value.keywords)
    elif isinstance(value, functools.singledispatchmethod):
        yield f"{name} singledispatchmethod", value.dispatcher
    else:
        yield name, value
