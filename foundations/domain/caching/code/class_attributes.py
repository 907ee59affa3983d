"""The attributes of a class that define its behaviour, without those that are derived from others."""

from __future__ import annotations

import enum
import functools
import sys
from collections.abc import Iterator, Mapping
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any

from foundations.domain.caching.code.bytecode import names_in_text
from foundations.domain.fields import declares_fields

_DERIVED = frozenset(
    {
        *("__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__annotate__"),
        *("__annotate_func__", "__annotations_cache__", "__firstlineno__", "__static_attributes__", "__parameters__"),
        *("__dataclass_fields__", "__attrs_attrs__", "__attrs_own_setattr__", "__attrs_props__"),
        *("__attrs_types_resolved__", "__abstractmethods__", "_abc_impl", "__orig_bases__", "__dataclass_params__"),
        "__slotnames__",
    }
)
_PYDANTIC_ATTRIBUTES = frozenset(
    {
        *("__pydantic_core_schema__", "__pydantic_validator__", "__pydantic_serializer__", "__pydantic_complete__"),
        *("__pydantic_setattr_handlers__", "__pydantic_parent_namespace__", "__pydantic_decorators__", "__signature__"),
    }
)
_ENUM_MEMBER_ATTRIBUTES = frozenset({"_value_", "_name_", "__objclass__", "_sort_order_"})
_ENUM_SETTINGS = frozenset({"_missing_", "_boundary_", "_ignore_"})
_DATACLASS_FIELD_ATTRIBUTES = (
    *("name", "default", "default_factory", "init", "repr", "hash", "compare", "metadata", "kw_only", "_field_type"),
)
_ATTRS_FIELD_ATTRIBUTES = (
    *("name", "default", "validator", "repr", "eq", "order", "hash", "init", "metadata", "converter", "kw_only"),
    *("on_setattr", "alias"),
)


def iterate_attributes(kind: type, *, annotations: bool) -> Iterator[tuple[str, Any]]:  # noqa: C901
    """Yield the names and values that a class itself defines, in an order that does not depend on its source.

    Args:
        kind: The class.
        annotations: Whether the annotations may change its behaviour.
    """
    names = vars(kind)
    if annotations or declares_fields(kind) or issubclass(kind, tuple):
        yield "annotated", tuple(_annotations(kind))
    if annotations:
        for value in _annotations(kind).values():
            yield "annotation", value
    if "__dataclass_fields__" in names:
        yield "dataclass", repr(names.get("__dataclass_params__"))
        for field in names["__dataclass_fields__"].values():
            yield "field", tuple(getattr(field, name, None) for name in _DATACLASS_FIELD_ATTRIBUTES)
    if "__attrs_attrs__" in names:
        for attribute in names["__attrs_attrs__"]:
            yield "attribute", tuple(getattr(attribute, name, None) for name in _ATTRS_FIELD_ATTRIBUTES)
    if issubclass(kind, enum.Enum):
        for member in names.get("_member_map_", {}).items():
            own = {key: value for key, value in vars(member[1]).items() if key not in _ENUM_MEMBER_ATTRIBUTES}
            yield "member", (member[0], member[1]._value_, own)
    ignored = _DERIVED
    if "__pydantic_fields__" in names:
        ignored |= _PYDANTIC_ATTRIBUTES
        yield from _pydantic_decorators(names.get("__pydantic_decorators__"))
    for name in sorted(names):
        value = names[name]
        if name in ignored or isinstance(value, (GetSetDescriptorType, MemberDescriptorType)):
            continue
        if issubclass(kind, enum.Enum) and (_is_sunder(name) or name in names.get("_member_map_", {})):
            continue
        if isinstance(value, FunctionType) and value.__qualname__ == "_no_init_or_replace_init":
            continue  # of a protocol, until it has an instance
        if isinstance(value, FunctionType) and _is_generated(kind, value):
            yield "generated", name
            continue
        yield from _unwrap(name, value)


def field_classes(kind: type) -> Iterator[type]:
    """Yield the classes in the annotations of a class's fields, which code that makes it from a mapping uses."""
    if declares_fields(kind) or issubclass(kind, tuple):
        module = getattr(sys.modules.get(kind.__module__), "__dict__", {})
        for annotation in _annotations(kind).values():
            yield from _classes_in(annotation, module)


def _classes_in(annotation: Any, module: Mapping[str, Any]) -> Iterator[type]:
    text = getattr(annotation, "__forward_arg__", annotation)
    for named in [module.get(name) for name in names_in_text(text)] or [annotation]:
        if isinstance(named, type):
            yield named
    for part in getattr(annotation, "__args__", ()):
        yield from _classes_in(part, module)


def _pydantic_decorators(decorators: Any) -> Iterator[tuple[str, Any]]:
    """Yield what pydantic records of the validators and serialisers of a class, without the class's address.

    The class ``DecoratorInfos``: https://github.com/pydantic/pydantic/blob/main/pydantic/_internal/_decorators.py
    """
    for kind in sorted(getattr(decorators, "__dataclass_fields__", ())):
        for name, decorator in getattr(decorators, kind).items():
            yield f"{kind} {name}", (decorator.cls_var_name, decorator.func, decorator.info)


def _annotations(kind: type) -> dict[str, Any]:
    from inspect import get_annotations  # heavy, and loaded already where dataclasses are

    return get_annotations(kind)


def _is_sunder(name: str) -> bool:
    if name in _ENUM_SETTINGS:
        return False
    return name in ("__new__", "__members__") or (name[:1] == name[-1:] == "_" and not name.startswith("__"))


def _is_generated(kind: type, function: FunctionType) -> bool:
    inner = getattr(function, "__wrapped__", function)
    code = inner.__code__
    return declares_fields(kind) and (
        code.co_filename.startswith("<attrs generated") or code.co_qualname.startswith("__create_fn__.<locals>.")
    )


def _unwrap(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield an attribute, or the parts of a wrapper such as a property."""
    if isinstance(value, (staticmethod, classmethod)):
        yield f"{name} {type(value).__name__}", value.__func__
    elif isinstance(value, property):
        yield f"{name} kind", type(value)
        for part in ("fget", "fset", "fdel"):
            yield f"{name} {part}", getattr(value, part)
    elif isinstance(value, functools.cached_property):
        yield f"{name} cached_property", value.func
    elif isinstance(value, functools.partialmethod):
        yield from _unwrap(f"{name} partialmethod", value.func)
        yield f"{name} arguments", (value.args, value.keywords)
    elif isinstance(value, functools.singledispatchmethod):
        yield f"{name} singledispatchmethod", value.dispatcher
    else:
        yield name, value
