"""How an argument is told: what is shown of it, and what it consists of, so that two values can be compared in parts.

Looked into are dictionaries, lists, tuples, dataclasses, attrs objects, and these in one another. What they hold is
read without calling any code of theirs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import FunctionType, MemberDescriptorType
from typing import Any, NamedTuple

from foundations.domain.caching.code.parts import PLAIN, shown
from foundations.domain.fields import fields_of
from foundations.domain.text.redaction import looks_secret

MOST_PARTS = 50
"""How many parts of an argument are remembered; those that lie less deep come first."""

_DEEPEST = 8
_LONGEST_PATH = 120


class Shown(NamedTuple):
    """What is shown in the place of a value.

    Attributes:
        text: What is shown; nothing for what must not be.
        digest: Changes with the value, where that is known.
    """

    text: str
    digest: str = ""


class ArgumentPart(NamedTuple):
    """A part of an argument.

    Attributes:
        path: Where it is, as in ``config['layers'][2].units``; the argument's name for the whole of it.
        digest: Of what it is, where that is known beside what is shown.
        shown: A plain value, where it is short; the name of the type, where there are further parts; otherwise nothing.
    """

    path: str
    digest: str
    shown: str


class Appearance:
    """How an argument is told. It is looked at when that is first asked, and never again: a call may change it.

    Args:
        name: The argument's name.
        value: Its value; a :class:`Shown`, or one in it, stands for what is there.
    """

    __slots__ = ("_name", "_told", "_value")

    def __init__(self, name: str, value: object) -> None:
        self._name = name
        self._value = value
        self._told: tuple[str, tuple[ArgumentPart, ...]] | None = None

    def told(self) -> tuple[str, tuple[ArgumentPart, ...]]:
        """Return what is shown of the argument as a whole, and its parts."""
        if self._told is None:
            value = self._value
            text = value.text if type(value) is Shown else shown(self._name, value, PLAIN)
            self._told = text, argument_parts(self._name, value)
        return self._told


def argument_parts(name: str, value: object) -> tuple[ArgumentPart, ...]:
    """Return what an argument consists of, with each part after the one it is part of; nothing for a single value.

    Of what looks like a secret by its name, there is nothing to see but that it is there.

    Args:
        name: The argument's name.
        value: Its value; a :class:`Shown` in it stands for what is there.
    """
    if looks_secret(name) or _items(value) is None:
        return ()
    parts: list[ArgumentPart] = []
    coming = [(name, value)]
    for depth in range(_DEEPEST):
        below: list[tuple[str, object]] = []
        for path, item in coming:
            if len(parts) == MOST_PARTS:
                return tuple(parts)
            inner = _items(item) if depth < _DEEPEST - 1 else None
            parts.append(_part(path, item, is_whole=inner is not None))
            below += itertools.islice(_labelled(path, inner or ()), MOST_PARTS - len(below))
        coming = below
    return tuple(parts)


def differing_parts(old: Any, new: Any) -> Iterator[str]:
    """Yield what differs between the parts of two values of an argument, in words; what is not shown is passed over.

    Nothing where one of them has no parts: it is another kind of value, or of a time when parts were not kept.

    Args:
        old: The parts as :func:`argument_parts` returned them, or as JSON has kept them.
        new: Likewise.
    """
    before = {part.path: part for part in itertools.starmap(ArgumentPart, old)}
    after = {part.path: part for part in itertools.starmap(ArgumentPart, new)}
    told: list[str] = []
    if not before or not after:
        return
    for path in dict.fromkeys((*before, *after)):
        was, now = before.get(path), after.get(path)
        if was == now or any(_is_within(path, whole) for whole in told):
            continue
        told.append(path)
        if was is None or now is None:
            if len(before if was is None else after) < MOST_PARTS:  # which would have it
                yield f"argument {path} is {'given now' if was is None else 'not given any more'}"
        elif was.shown == now.shown:
            yield f"argument {path}: the {now.shown} has another key"
        elif was.shown and now.shown:
            yield f"argument {path}: {was.shown} -> {now.shown}"
        else:
            yield f"argument {path} changed"


def _is_within(path: str, whole: str) -> bool:
    return path.startswith(whole) and path[len(whole)] in "[."


def _part(path: str, value: Any, *, is_whole: bool) -> ArgumentPart:
    kind = type(value)
    if kind is Shown:
        return ArgumentPart(path, value.digest, value.text)
    if is_whole:
        return ArgumentPart(path, "", kind.__name__)
    return ArgumentPart(path, "", shown("", value, PLAIN) if _is_plain(kind) else "")


def _is_plain(kind: type) -> bool:
    """Tell whether a type is a plain one, or made of one without having its own code tell how it looks."""
    made_by: Any = kind.__repr__
    return issubclass(kind, PLAIN) and (type(made_by) is not FunctionType or made_by.__module__ == "enum")


def _items(value: Any) -> Iterator[tuple[str, object]] | None:
    """Return the parts of a value, each with the end of its path; None where there are none to be told."""
    kind = type(value)
    if kind is Shown:
        return None
    if issubclass(kind, dict):
        return _of_dictionary(value)
    fields = fields_of(kind)
    if issubclass(kind, tuple) and fields and len(fields) == tuple.__len__(value):
        return _of_object(zip([field.name for field in fields], tuple.__iter__(value), strict=True))
    if issubclass(kind, (list, tuple)):
        own: Any = list if issubclass(kind, list) else tuple
        return _of_sequence(own.__iter__(value), own.__len__(value))
    if fields is None:
        return None
    return _of_object((field.name, _attribute(value, field.name)) for field in fields if field.is_shown)


def _labelled(path: str, items: Any) -> Iterator[tuple[str, object]]:
    return ((path + label, item) for label, item in items if len(path) + len(label) <= _LONGEST_PATH)


def _of_dictionary(value: dict[Any, object]) -> Iterator[tuple[str, object]]:
    for key, item in dict.items(value):
        text = shown("", key, PLAIN) if _is_plain(type(key)) else ""
        yield (f"[{text}]", _unless_secret(key, item)) if text else ("[...]", Shown(""))


def _of_sequence(items: Iterator[object], count: int) -> Iterator[tuple[str, object]]:
    name: object = None  # a pair, as of a dictionary's items, may be a name and what stands under it
    for number, item in enumerate(items):
        yield f"[{number}]", _unless_secret(name, item)
        name = item if count == 2 else None


def _of_object(items: Any) -> Iterator[tuple[str, object]]:
    for name, item in items:
        yield f".{name}", _unless_secret(name, item)


def _unless_secret(name: object, item: object) -> object:
    return Shown("") if looks_secret(name) else item


def _attribute(value: object, name: str) -> object:
    """Return an attribute that is kept in the object, as it is kept; nothing to be shown for any other."""
    for base in type(value).__mro__:
        slot = vars(base).get(name)
        if type(slot) is MemberDescriptorType:
            try:
                return slot.__get__(value)
            except AttributeError:
                return Shown("")
    try:
        attributes: dict[str, object] = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return Shown("")
    return attributes.get(name, Shown(""))
