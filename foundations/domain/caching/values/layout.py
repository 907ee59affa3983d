"""The order in which the parts of a value are encoded, and the labels of the parts in errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

from foundations.domain.caching.values.encoding import BufferDigest, encode_count, encode_strings
from foundations.domain.caching.values.reduction import (
    NotEncodableError,
    Reduction,
    calls_new_with_keywords,
    describe_type,
)
from foundations.ports.digesting import Foreign


class Layout(NamedTuple):
    """The encoding of a value with parts: the head, then the parts one after the other, then the tail.

    Attributes:
        head: The first bytes.
        parts: The values that are encoded after the head.
        label: Returns the label of the part at an index, for errors.
        tail: The last bytes.
    """

    head: bytes
    parts: Iterable[Any] = ()
    label: Callable[[int], str] = "[{}]".format
    tail: bytes = b""


def iterate_parts(foreign: Foreign, kind: type) -> Iterator[object]:
    """Iterate over the parts of a third-party value.

    Raises:
        NotEncodableError: The content of the value cannot be read.
    """
    try:
        yield from foreign.parts
    except ValueError as error:
        raise NotEncodableError(f"is {describe_type(kind)}, whose content cannot be read: {error}") from error


def label_whole(index: int) -> str:
    """Return the label of a part that errors do not distinguish from the whole."""
    return ""


def label_range_part(index: int) -> str:
    """Return the label of a part of a range or a slice."""
    return (".start", ".stop", ".step")[index]


def label_key(keys: Sequence[object], index: int) -> str:
    """Return the label of the value under a key."""
    key = keys[index]
    return f"[{key!r:.60}]" if isinstance(key, (str, bytes, float)) else f"[{describe_type(type(key))}]"


def label_pair(keys: Sequence[object], index: int) -> str:
    """Return the label of a key or of the value under it, which alternate."""
    return label_key(keys, index // 2) if index % 2 else " (a key)"


def layout_of_object(value: Any, kind: type, reduction: Reduction, code: bytes, digest: BufferDigest) -> Layout:
    """Return the layout of an object.

    Args:
        value: The object.
        kind: Its class.
        reduction: The parts that the object is made of.
        code: The encoding of its class.
        digest: Digests long strings.
    """
    head = b"o" + code
    parts: list[object] = []
    arguments: tuple[object, ...] = reduction.arguments
    if issubclass(kind, PurePath):
        arguments = (str(value),)  # equal paths may have been joined from different parts
    labels = _argument_labels(kind, arguments)
    if reduction.maker is None:
        head += b"n"
    elif calls_new_with_keywords(reduction.maker):
        head += b"k"
    elif reduction.maker is kind:
        head += b"c"
    else:
        head, labels, parts = head + b"f", [" (its maker)", *labels], [reduction.maker]
    parts += arguments
    head += encode_count(len(arguments)) + (b"0" if reduction.attributes is None else b"1")
    for attributes in reduction.attributes or ():
        head += b"-" if attributes is None else b"+" + encode_strings(list(attributes), digest)
        labels += [f".{name}" for name in attributes or ()]
        parts += (attributes or {}).values()
    pairs: Any = reduction.pairs
    if pairs is not None:
        pairs = tuple(pairs) if reduction.is_ordered else dict(pairs)
    others = (
        (reduction.state, " (its state)"),
        (reduction.items, ""),
        (pairs, ""),
        (reduction.setter, " (its setter)"),
    )
    for part, label in others:
        head += b"-" if part is None else b"+"
        if part is not None:
            parts.append(part)
            labels.append(label)
    return Layout(head, parts, labels.__getitem__)


def _argument_labels(kind: type, arguments: tuple[object, ...]) -> list[str]:
    """Return the labels of the arguments that make an object."""
    names = getattr(kind, "_fields", ())
    if len(names) == len(arguments):
        return [f".{name}" for name in names]
    return [f" (argument {index} of its reduction)" for index in range(len(arguments))]
