"""Values with parts as they are encoded, and what errors call the parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from foundations.domain.value_reduction import RefusedError, described
from foundations.ports.digesting import Foreign


class Node(NamedTuple):
    """How a value with parts is encoded: the head, then the parts one after the other, then the tail.

    Attributes:
        head: What comes first.
        parts: What is encoded behind it.
        label: Returns what an error calls the part at an index.
        tail: What comes last.
    """

    head: bytes
    parts: Iterable[Any] = ()
    label: Callable[[int], str] = "[{}]".format
    tail: bytes = b""


def parts_of(foreign: Foreign, kind: type) -> Iterator[object]:
    """Iterate over the parts of a third-party value; what cannot be told of it is refused."""
    try:
        yield from foreign.parts
    except ValueError as error:
        raise RefusedError(f"is {described(kind)}, which cannot be told: {error}") from error


def same(index: int) -> str:
    """Call a part as the whole."""
    return ""


def attribute(index: int) -> str:
    """Call a part of a range or slice."""
    return (".start", ".stop", ".step")[index]


def of_key(keys: Sequence[object], index: int) -> str:
    """Call the value under a key."""
    key = keys[index]
    return f"[{key!r:.60}]" if isinstance(key, (str, bytes, float)) else f"[{described(type(key))}]"


def labels_of(kind: type, arguments: tuple[object, ...]) -> list[str]:
    """Return what errors call the arguments that make an object."""
    names = getattr(kind, "_fields", ())
    if len(names) == len(arguments):
        return [f".{name}" for name in names]
    return [f" (argument {index} of its reduction)" for index in range(len(arguments))]
