"""Summaries of arguments for people: a short text and the parts, so that two values can be compared part by part.

Parts are those of dictionaries, lists, tuples, dataclasses and attrs objects, at any depth. They are read without
calling any code of the user's.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import FunctionType, MemberDescriptorType
from typing import Any, NamedTuple

from foundations.domain.caching.code.parts import PLAIN_TYPES, display_text
from foundations.domain.fields import fields_of
from foundations.domain.text.redaction import is_hidden

MAX_PARTS = 50
"""The largest number of parts in a summary; parts that are nested less deep come first."""

_MAX_DEPTH = 8
_MAX_PATH_LENGTH = 120


class DisplayText(NamedTuple):
    """A text that is shown in place of a value.

    Attributes:
        text: The text; empty where the value must not be shown.
        digest: A digest of the value, where one is available.
    """

    text: str
    digest: str = ""


class ArgumentPart(NamedTuple):
    """A part of an argument.

    Attributes:
        path: The path, as in ``config['layers'][2].units``; the argument's name for the whole argument.
        digest: A digest of the value, where one is available.
        text: A short plain value; the name of the type, where there are further parts; otherwise empty.
    """

    path: str
    digest: str
    text: str


class ArgumentSummary:
    """The summary of one argument, which is computed once, on first use: a call may change the value later.

    Args:
        name: The argument's name.
        value: Its value; a :class:`DisplayText`, here or inside, replaces a value.
    """

    __slots__ = ("_description", "_name", "_value")

    def __init__(self, name: str, value: object) -> None:
        self._name = name
        self._value = value
        self._description: tuple[str, tuple[ArgumentPart, ...]] | None = None

    def describe(self) -> tuple[str, tuple[ArgumentPart, ...]]:
        """Return the text of the whole argument, and its parts."""
        if self._description is None:
            value = self._value
            text = value.text if type(value) is DisplayText else display_text(self._name, value, PLAIN_TYPES)
            self._description = text, argument_parts(self._name, value)
        return self._description


def argument_parts(name: str, value: object) -> tuple[ArgumentPart, ...]:
    """Return the parts of an argument, each after the part that contains it; none for a single value.

    The text of a part that is named like a secret is empty.

    Args:
        name: The argument's name.
        value: Its value; a :class:`DisplayText` inside replaces a value.
    """
    if is_hidden(name, value) or _iterate_parts(value) is None:
        return ()
    parts: list[ArgumentPart] = []
    coming = [(name, value)]
    for depth in range(_MAX_DEPTH):
        below: list[tuple[str, object]] = []
        for path, item in coming:
            if len(parts) == MAX_PARTS:
                return tuple(parts)
            inner = _iterate_parts(item) if depth < _MAX_DEPTH - 1 else None
            parts.append(_make_part(path, item, is_whole=inner is not None))
            below += itertools.islice(_with_paths(path, inner or ()), MAX_PARTS - len(below))
        coming = below
    return tuple(parts)


def differing_parts(old: Any, new: Any) -> Iterator[str]:
    """Yield the differences between the parts of two values of an argument, in words.

    There are none where one of the values has no parts: it is a single value, or its entry predates parts.

    Args:
        old: The parts as :func:`argument_parts` returned them, or as read from JSON.
        new: Likewise.
    """
    before = {part.path: part for part in itertools.starmap(ArgumentPart, old)}
    after = {part.path: part for part in itertools.starmap(ArgumentPart, new)}
    reported: list[str] = []
    if not before or not after:
        return
    for path in dict.fromkeys((*before, *after)):
        was, now = before.get(path), after.get(path)
        if was == now or any(_is_within(path, whole) for whole in reported):
            continue
        reported.append(path)
        if was is None or now is None:
            if len(before if was is None else after) < MAX_PARTS:  # the other summary is complete
                yield f"argument {path} is {'given now' if was is None else 'not given any more'}"
        elif was.text == now.text:
            yield f"argument {path}: the {now.text} has another key"
        elif was.text and now.text:
            yield f"argument {path}: {was.text} -> {now.text}"
        else:
            yield f"argument {path} changed"
    if not reported and list(before) != list(after):
        yield f"argument {next(iter(after))} has its keys in another order"


def _is_within(path: str, whole: str) -> bool:
    return path.startswith(whole) and path[len(whole)] in "[."


def _make_part(path: str, value: Any, *, is_whole: bool) -> ArgumentPart:
    kind = type(value)
    if kind is DisplayText:
        return ArgumentPart(path, value.digest, value.text)
    if is_whole:
        return ArgumentPart(path, "", kind.__name__)
    return ArgumentPart(path, "", display_text("", value, PLAIN_TYPES) if _is_plain(kind) else "")


def _is_plain(kind: type) -> bool:
    """Return whether a type is a plain one, or a subclass of one without a `repr` of the user's."""
    made_by: Any = kind.__repr__
    return issubclass(kind, PLAIN_TYPES) and (type(made_by) is not FunctionType or made_by.__module__ == "enum")


def _iterate_parts(value: Any) -> Iterator[tuple[str, object]] | None:
    """Return the parts of a value, each with the end of its path; None for a value without parts."""
    kind = type(value)
    if kind is DisplayText:
        return None
    if issubclass(kind, dict):
        return _dictionary_parts(value)
    fields = fields_of(kind)
    if issubclass(kind, tuple) and fields and len(fields) == tuple.__len__(value):
        return _object_parts(zip([field.name for field in fields], tuple.__iter__(value), strict=True))
    if issubclass(kind, (list, tuple)):
        own: Any = list if issubclass(kind, list) else tuple
        return _sequence_parts(own.__iter__(value), own.__len__(value))
    if fields is None:
        return None
    return _object_parts((field.name, _read_attribute(value, field.name)) for field in fields if field.is_shown)


def _with_paths(path: str, items: Any) -> Iterator[tuple[str, object]]:
    return ((path + label, item) for label, item in items if len(path) + len(label) <= _MAX_PATH_LENGTH)


def _dictionary_parts(value: dict[Any, object]) -> Iterator[tuple[str, object]]:
    for key, item in dict.items(value):
        text = display_text("", key, PLAIN_TYPES) if _is_plain(type(key)) else ""
        yield (f"[{text}]", _hide_secret(key, item)) if text else ("[...]", DisplayText(""))


def _sequence_parts(items: Iterator[object], count: int) -> Iterator[tuple[str, object]]:
    name: object = None  # a pair, as of a dictionary's items, may be a name and its value
    for number, item in enumerate(items):
        yield f"[{number}]", _hide_secret(name, item)
        name = item if count == 2 else None


def _object_parts(items: Any) -> Iterator[tuple[str, object]]:
    for name, item in items:
        yield f".{name}", _hide_secret(name, item)


def _hide_secret(name: object, item: object) -> object:
    return DisplayText("") if is_hidden(name, item) else item


def _read_attribute(value: object, name: str) -> object:
    """Return an attribute as it is stored in the object; an empty :class:`DisplayText` for any other."""
    for base in type(value).__mro__:
        slot = vars(base).get(name)
        if type(slot) is MemberDescriptorType:
            try:
                return slot.__get__(value)
            except AttributeError:
                return DisplayText("")
    try:
        attributes: dict[str, object] = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return DisplayText("")
    return attributes.get(name, DisplayText(""))
