"""Values with parts as they are encoded, and what errors call the parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

from foundations.domain.caching.values.encoding import Digest, count, strings
from foundations.domain.caching.values.reduction import Reduction, RefusedError, described, is_new_with_keywords
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


def node_of_object(value: Any, kind: type, made: Reduction, code: bytes, digest: Digest) -> Node:
    """Return how an object is encoded.

    Args:
        value: The object.
        kind: Its class.
        made: What it is made of.
        code: What stands for its class.
        digest: Digests long strings.
    """
    head = b"o" + code
    parts: list[object] = []
    arguments: tuple[object, ...] = made.arguments
    if issubclass(kind, PurePath):
        arguments = (str(value),)  # how the parts were put together is nothing to go by
    labels = _labels_of(kind, arguments)
    if made.maker is None:
        head += b"n"
    elif is_new_with_keywords(made.maker):
        head += b"k"
    elif made.maker is kind:
        head += b"c"
    else:
        head, labels, parts = head + b"f", [" (its maker)", *labels], [made.maker]
    parts += arguments
    head += count(len(arguments)) + (b"0" if made.attributes is None else b"1")
    for attributes in made.attributes or ():
        head += b"-" if attributes is None else b"+" + strings(list(attributes), digest)
        labels += [f".{name}" for name in attributes or ()]
        parts += (attributes or {}).values()
    pairs: Any = made.pairs
    if pairs is not None:
        pairs = tuple(pairs) if made.is_ordered else dict(pairs)
    others = ((made.state, " (its state)"), (made.items, ""), (pairs, ""), (made.setter, " (its setter)"))
    for part, label in others:
        head += b"-" if part is None else b"+"
        if part is not None:
            parts.append(part)
            labels.append(label)
    return Node(head, parts, labels.__getitem__)


def _labels_of(kind: type, arguments: tuple[object, ...]) -> list[str]:
    """Return what errors call the arguments that make an object."""
    names = getattr(kind, "_fields", ())
    if len(names) == len(arguments):
        return [f".{name}" for name in names]
    return [f" (argument {index} of its reduction)" for index in range(len(arguments))]
