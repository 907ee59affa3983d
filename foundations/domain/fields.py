"""The fields of a class: those of a dataclass, an attrs class or a named tuple."""

from __future__ import annotations

from typing import Any, NamedTuple

_DATACLASS = "__dataclass_fields__"
_ATTRS = "__attrs_attrs__"


class Field(NamedTuple):
    """One field of a class.

    Attributes:
        name: The name of the attribute.
        is_shown: Whether the class's own ``repr`` shows the value as it is.
        is_of_instance: Whether each instance has a value of its own; False for a ``ClassVar`` or an ``InitVar``.
    """

    name: str
    is_shown: bool = True
    is_of_instance: bool = True


def fields_of(kind: Any) -> list[Field] | None:
    """Return the fields of a dataclass, an attrs class or a named tuple, in order; None for any other class."""
    if issubclass(kind, tuple):
        names = getattr(kind, "_fields", None)
        return [Field(str(name)) for name in names] if isinstance(names, tuple) else None
    if isinstance(getattr(kind, _DATACLASS, None), dict):
        from dataclasses import fields  # whoever made the class has loaded it already

        own = {field.name for field in fields(kind)}
        return [Field(name, field.repr is True, name in own) for name, field in getattr(kind, _DATACLASS).items()]
    attributes = getattr(kind, _ATTRS, None)
    if isinstance(attributes, tuple):
        return [Field(attribute.name, attribute.repr is True) for attribute in attributes]
    return None


def declares_fields(kind: type) -> bool:
    """Return whether a class itself, and not only one of its bases, is a dataclass or an attrs class."""
    return _DATACLASS in vars(kind) or _ATTRS in vars(kind)
