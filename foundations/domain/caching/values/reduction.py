"""The parts of an object, as its pickling protocol names them, and the cases in which these are not to be trusted."""

from __future__ import annotations

import copyreg
import functools
import sys
import weakref
from collections import OrderedDict
from types import FunctionType
from typing import Any, NamedTuple

_NEW = copyreg.__newobj__  # type: ignore[attr-defined]
_NEW_WITH_KEYWORDS = copyreg.__newobj_ex__  # type: ignore[attr-defined]
_POINTER_SIZE = 8 if sys.maxsize > 2**32 else 4
_WEAK_TYPES = frozenset(
    {weakref.ref, *weakref.ProxyTypes, weakref.WeakSet, weakref.WeakKeyDictionary, weakref.WeakValueDictionary}
)
_BUILTIN_BASES = frozenset({list, dict, set, frozenset, int, str, tuple, bytes, float, complex})
_DERIVED_ATTRIBUTES = frozenset({"_attrs_cached_hash"})
"""Attributes that are computed from others, and differ from process to process."""


class NotEncodableError(Exception):
    """A value has no encoding; the message is a sentence without its subject, which is the path of the value."""


class Reduction(NamedTuple):
    """The parts that an object is made of.

    Attributes:
        maker: The callable that makes the object from the arguments; None for its own class's ``__new__``.
        arguments: The arguments of the maker.
        attributes: The attributes of its dictionary, in their order, and those of its slots, each None where it has
            none; or None where `state` holds everything.
        state: A state of another form than attributes, or None.
        items: Its elements in order, where its class is a list.
        pairs: Its keys and values, where its class is a dictionary.
        is_ordered: Whether its class is an ordered dictionary's, whose pairs are encoded as a sequence.
        setter: The callable that sets the state, where the object does not do so itself.
    """

    maker: object
    arguments: tuple[object, ...]
    attributes: tuple[dict[str, object] | None, dict[str, object] | None] | None = None
    state: object = None
    items: list[object] | None = None
    pairs: list[tuple[object, object]] | None = None
    is_ordered: bool = False
    setter: object = None


class GlobalName(NamedTuple):
    """The place where an object that exists once is found.

    Attributes:
        module: The name of the module.
        name: The qualified name in the module.
    """

    module: str
    name: str


def reduce_value(value: object) -> Reduction | GlobalName:
    """Return the parts that `value` is made of, or the global name under which it is found.

    Raises:
        NotEncodableError: It cannot be reduced, or its reduction would be the same for different objects.
    """
    kind: type = type(value)
    reason = _reason_against(kind)
    if reason is not None:
        raise NotEncodableError(reason)
    own_reduction: Any = kind.__reduce__
    if isinstance(value, (set, frozenset)) and own_reduction in (set.__reduce__, frozenset.__reduce__):
        # Their own reduction lists the elements in the order of their hashes.
        _refuse_hidden_fields(kind)
        reduced: Any = value.__reduce__()
        return Reduction(None, (frozenset(value),), *_split_state(reduced[2]))
    try:
        reduce = copyreg.dispatch_table.get(kind)
        reduced = value.__reduce_ex__(5) if reduce is None else reduce(value)
    except Exception as error:
        why = str(error) or type(error).__name__
        raise NotEncodableError(f"is {describe_type(kind)}, whose state cannot be determined: {why}") from error
    if isinstance(reduced, str):
        return _find_global(value, kind, reduced)
    if not isinstance(reduced, tuple) or not 2 <= len(reduced) <= 6 or not isinstance(reduced[1], tuple):
        raise NotEncodableError(f"is {describe_type(kind)}, whose __reduce__ returns an invalid value")
    maker, arguments, state, items, pairs, setter = (*reduced, None, None, None, None)[:6]
    if maker is _NEW or maker is _NEW_WITH_KEYWORDS:
        if not arguments or arguments[0] is not kind:
            raise NotEncodableError(f"is {describe_type(kind)}, whose __reduce__ makes an object of another class")
        _refuse_hidden_fields(kind)
        arguments = arguments[1:]
        maker = None if maker is _NEW else _NEW_WITH_KEYWORDS
    try:
        items = None if items is None else list(items)
        pairs = None if pairs is None else [(key, item) for key, item in pairs]
    except Exception as error:
        raise NotEncodableError(f"is {describe_type(kind)}, whose items cannot be read: {error}") from error
    if isinstance(value, BaseException):
        state = state or None  # looking at `__dict__` creates an empty one
    attributes, state = _split_state(state) if state is not None else (_added_attributes(value, kind), None)
    return Reduction(maker, arguments, attributes, state, items, pairs, isinstance(value, OrderedDict), setter)


def is_global(value: object) -> bool:
    """Return whether an object exists once and is reduced to its global name."""
    try:
        return isinstance(reduce_value(value), GlobalName)
    except NotEncodableError:
        return False


def describe_type(kind: type) -> str:
    """Return the name of a type with its module and an article."""
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def calls_new_with_keywords(maker: object) -> bool:
    """Return whether `maker` calls the class's own ``__new__`` with arguments and keyword arguments."""
    return maker is _NEW_WITH_KEYWORDS


def _refuse_hidden_fields(kind: type) -> None:
    if _has_hidden_fields(kind):
        raise NotEncodableError(f"is {describe_type(kind)}, which has hidden fields that cannot be read")


@functools.lru_cache(maxsize=1000)
def _reason_against(kind: type) -> str | None:
    """Return the reason why no object of a class can be encoded, or None."""
    if kind is object:
        return "is an object(), which has no state, only an identity"
    if not _WEAK_TYPES.isdisjoint(kind.__mro__):
        return f"is {describe_type(kind)}, whose content can disappear, since it holds only weak references"
    step = getattr(kind, "__next__", None)
    if step is not None and not isinstance(step, FunctionType) and kind.__module__ != "_io":
        return f"is {describe_type(kind)}, an iterator whose state changes with each use"
    return None


@functools.lru_cache(maxsize=1000)
def _has_hidden_fields(kind: type) -> bool:
    """Return whether a subclass of a built-in type has fields in C, which the default reduction omits."""
    base = next((base for base in kind.__mro__ if base in _BUILTIN_BASES), None)
    if base is None:
        return False  # Python itself refuses to reduce all others
    slots: list[str] = copyreg._slotnames(kind)  # type: ignore[attr-defined]
    has_dictionary = kind.__dictoffset__ > 0 or (kind.__dictoffset__ != 0 and kind.__itemsize__ != 0)
    fields = len(slots) + has_dictionary + (kind.__weakrefoffset__ > 0)
    return kind.__basicsize__ > base.__basicsize__ + fields * _POINTER_SIZE


def _added_attributes(value: object, kind: type) -> tuple[dict[str, object] | None, dict[str, object] | None] | None:
    """Return the attributes that a class adds to a base whose reduction it inherits, and which may omit them."""
    if kind in copyreg.dispatch_table:
        return None
    slots: dict[str, object] = {}
    for base in kind.__mro__:
        if base is object or not {"__reduce__", "__reduce_ex__"}.isdisjoint(vars(base)):
            break
        slots |= {name: getattr(value, name) for name in _slots_of(base) if hasattr(value, name)}
    if base is object or base is kind:
        return None
    instance = getattr(value, "__dict__", None)
    return (_select_attributes(instance), _select_attributes(slots)) if instance or slots else None


def _slots_of(kind: type) -> list[str]:
    names = vars(kind).get("__slots__", ())
    names = [names] if isinstance(names, str) else list(names)
    hidden = "_" + kind.__name__.lstrip("_")
    return [hidden + name if name.startswith("__") and not name.endswith("__") else name for name in names]


def _split_state(
    state: object,
) -> tuple[tuple[dict[str, object] | None, dict[str, object] | None] | None, object]:
    """Return the attributes that a state consists of, or the state itself where it has another form."""
    instance: Any = state
    slots: Any = None
    if type(state) is tuple and len(state) == 2 and type(state[1]) is dict:
        instance, slots = state
    if not (_is_attributes(instance) and _is_attributes(slots)):
        return None, state
    return (_select_attributes(instance), _select_attributes(slots)), None


def _is_attributes(state: Any) -> bool:
    return state is None or (type(state) is dict and {str}.issuperset(map(type, state)))


def _select_attributes(attributes: dict[str, object] | None) -> dict[str, object] | None:
    if attributes is None:
        return None
    return {name: value for name, value in attributes.items() if name not in _DERIVED_ATTRIBUTES}


def _find_global(value: object, kind: type, name: str) -> GlobalName:
    for module in (getattr(value, "__module__", None), kind.__module__):
        found: Any = sys.modules.get(module) if isinstance(module, str) else None
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is value and isinstance(module, str):
            return GlobalName(module, name)
    raise NotEncodableError(
        f"is {describe_type(kind)}, which reports the name {name}, but that name refers to another object"
    )
