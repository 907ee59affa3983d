"""What an object says it is made of when it is about to be pickled or copied, and where that is not to be trusted."""

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
_POINTER = 8 if sys.maxsize > 2**32 else 4
_WEAK = frozenset(
    {weakref.ref, *weakref.ProxyTypes, weakref.WeakSet, weakref.WeakKeyDictionary, weakref.WeakValueDictionary}
)
_OWN = frozenset({list, dict, set, frozenset, int, str, tuple, bytes, float, complex})
_DERIVED = frozenset({"_attrs_cached_hash"})
"""Attributes that follow from others, and are not the same in every process."""


class RefusedError(Exception):
    """Something has no content digest; the message says what it is and why, and goes after where it stands."""


class Reduction(NamedTuple):
    """What an object is made of.

    Attributes:
        maker: What makes it from the arguments; None for its own class's ``__new__``.
        arguments: What the maker is called with.
        attributes: Those of its dictionary, and those of its slots, each in the order of their names and None where
            it has no such; or None where `state` has it all.
        state: Anything else that it keeps, or None.
        items: Its elements in order, where it is a list of some kind.
        pairs: Its keys and values, where it is a dictionary of some kind.
        is_ordered: Whether the order of its keys makes a difference.
        setter: What sets the state, where that is not the object itself.
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
    """Stands for an object of which there is one, under a name.

    Attributes:
        module: Where it is.
        name: Its qualified name there.
    """

    module: str
    name: str


def reduction(value: object) -> Reduction | GlobalName:
    """Return what `value` is made of, or the name under which it is found.

    Raises:
        RefusedError: It does not say, or says what would be the same for different objects.
    """
    kind: type = type(value)
    objection = _objection(kind)
    if objection is not None:
        raise RefusedError(objection)
    own_reduction: Any = kind.__reduce__
    if isinstance(value, (set, frozenset)) and own_reduction in (set.__reduce__, frozenset.__reduce__):
        # Their own reduction lists the elements in the order of their hashes.
        _refuse_hidden(kind)
        reduced: Any = value.__reduce__()
        return Reduction(None, (frozenset(value),), *_state(reduced[2]))
    try:
        reduce = copyreg.dispatch_table.get(kind)
        reduced = value.__reduce_ex__(5) if reduce is None else reduce(value)
    except Exception as error:
        why = str(error) or type(error).__name__
        raise RefusedError(f"is {described(kind)}, which has no state that can be told: {why}") from error
    if isinstance(reduced, str):
        return _named(value, kind, reduced)
    if not isinstance(reduced, tuple) or not 2 <= len(reduced) <= 6 or not isinstance(reduced[1], tuple):
        raise RefusedError(f"is {described(kind)}, which reduces to what is no reduction")
    maker, arguments, state, items, pairs, setter = (*reduced, None, None, None, None)[:6]
    if maker is _NEW or maker is _NEW_WITH_KEYWORDS:
        if not arguments or arguments[0] is not kind:
            raise RefusedError(f"is {described(kind)}, which passes itself off as something else")
        _refuse_hidden(kind)
        arguments = arguments[1:]
        maker = None if maker is _NEW else _NEW_WITH_KEYWORDS
    try:
        items = None if items is None else list(items)
        pairs = None if pairs is None else [(key, item) for key, item in pairs]
    except Exception as error:
        raise RefusedError(f"is {described(kind)}, whose parts cannot be told: {error}") from error
    if isinstance(value, BaseException):
        state = state or None  # one has an empty dictionary once somebody has looked for it
    attributes, state = _state(state) if state is not None else (_added(value, kind), None)
    return Reduction(maker, arguments, attributes, state, items, pairs, isinstance(value, OrderedDict), setter)


def is_known_by_name(value: object) -> bool:
    """Tell whether there is one such object, found under a name, and that is all it says of itself."""
    try:
        return isinstance(reduction(value), GlobalName)
    except RefusedError:
        return False


def described(kind: type) -> str:
    """Return the name of a type with its module and an article."""
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def is_new_with_keywords(maker: object) -> bool:
    """Tell whether `maker` is what calls the class's own ``__new__`` with arguments and keyword arguments."""
    return maker is _NEW_WITH_KEYWORDS


def _refuse_hidden(kind: type) -> None:
    if _has_hidden_fields(kind):
        raise RefusedError(f"is {described(kind)}, which keeps what cannot be seen")


@functools.lru_cache(maxsize=1000)
def _objection(kind: type) -> str | None:
    """Return why no object of a kind can be told, or None."""
    if kind is object:
        return "is an object(), which has nothing but its identity"
    if not _WEAK.isdisjoint(kind.__mro__):
        return f"is {described(kind)}, which does not keep what it refers to"
    step = getattr(kind, "__next__", None)
    if step is not None and not isinstance(step, FunctionType) and kind.__module__ != "_io":
        return f"is {described(kind)}, which changes with each use"
    return None


@functools.lru_cache(maxsize=1000)
def _has_hidden_fields(kind: type) -> bool:
    """Tell whether a kind of one of Python's own types has fields in C, which the default reduction passes over."""
    base = next((base for base in kind.__mro__ if base in _OWN), None)
    if base is None:
        return False  # for all others Python itself refuses
    slots: list[str] = copyreg._slotnames(kind)  # type: ignore[attr-defined]
    has_dictionary = kind.__dictoffset__ > 0 or (kind.__dictoffset__ != 0 and kind.__itemsize__ != 0)
    fields = len(slots) + has_dictionary + (kind.__weakrefoffset__ > 0)
    return kind.__basicsize__ > base.__basicsize__ + fields * _POINTER


def _added(value: object, kind: type) -> tuple[dict[str, object] | None, dict[str, object] | None] | None:
    """Return what a class adds to one whose reduction it inherits, which may know nothing of it; None for nothing."""
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
    return (_own(instance), _own(slots)) if instance or slots else None


def _slots_of(kind: type) -> list[str]:
    names = vars(kind).get("__slots__", ())
    names = [names] if isinstance(names, str) else list(names)
    hidden = "_" + kind.__name__.lstrip("_")
    return [hidden + name if name.startswith("__") and not name.endswith("__") else name for name in names]


def _state(
    state: object,
) -> tuple[tuple[dict[str, object] | None, dict[str, object] | None] | None, object]:
    """Return the attributes that a state consists of, or the state where it is something else."""
    instance: Any = state
    slots: Any = None
    if type(state) is tuple and len(state) == 2 and type(state[1]) is dict:
        instance, slots = state
    if not (_is_attributes(instance) and _is_attributes(slots)):
        return None, state
    return (_own(instance), _own(slots)), None


def _is_attributes(state: Any) -> bool:
    return state is None or (type(state) is dict and {str}.issuperset(map(type, state)))


def _own(attributes: dict[str, object] | None) -> dict[str, object] | None:
    if attributes is None:
        return None
    return {name: attributes[name] for name in sorted(attributes) if name not in _DERIVED}


def _named(value: object, kind: type, name: str) -> GlobalName:
    for module in (getattr(value, "__module__", None), kind.__module__):
        found: Any = sys.modules.get(module) if isinstance(module, str) else None
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is value and isinstance(module, str):
            return GlobalName(module, name)
    raise RefusedError(f"is {described(kind)}, which is not found under the name {name} that it gives")
