"""Encodes a value with all its parts, so that no two different values read the same.

Long encodings of parts are replaced by their SHA-256, so that the whole stays short, and a part that stands in many
places is looked at once.
"""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, Flag
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any, ForwardRef

from foundations.domain.caching.values import encoding
from foundations.domain.caching.values.nodes import Node, attribute, node_of_object, of_key, parts_of, same
from foundations.domain.caching.values.reduction import GlobalName, RefusedError, described, reduction
from foundations.ports.digesting import Digesting
from foundations.ports.frames import Buffer

_DEEPEST = 200
_AT_ONCE = 8192  # parts that are kept before they are hashed
_MOST_ENTANGLED = 300_000
_LONGEST_PATH = 200
_FAR = sys.maxsize


class _Known:
    """What has been encoded by identity, and held so that no number is used again."""

    __slots__ = ("code", "values")

    def __init__(self) -> None:
        self.values: dict[int, tuple[bytes, object]] = {}
        self.code: dict[int, tuple[bytes, object]] = {}


class Walk:
    """Encodes one value.

    Args:
        digesting: Digests buffers, and knows values of third-party types.
        code_of: Digests code, at a path, in a place without order or in one that has an order, at a depth.
        where: What errors call the value.
    """

    def __init__(self, digesting: Digesting, code_of: Callable[[object, str, bool, int], bytes], where: str) -> None:
        self._digesting_buffer = digesting.buffer
        self._foreign = digesting.foreign
        self._code_of = code_of
        self._name = where
        self._path: list[list[Any]] = []  # for each value on the way: the label, the number of parts done, the latest
        self._begun: dict[int, int] = {}  # values on the way, by identity: their level
        self._back = _FAR  # the level up to which what is being encoded refers back
        self._entangled = 0
        self._has_order = True
        self._is_long = False  # whether the last head took long
        self._known, self._known_otherwise = _Known(), _Known()

    def where(self) -> str:
        """Return what errors call the part that is being encoded."""
        path = "".join(label(done + len(latest)) for label, done, latest in self._path)
        return self._name + (path if len(path) <= _LONGEST_PATH else f"{path[:40]}...{path[-40:]}")

    def encode(self, value: Any, depth: int) -> bytes:
        """Return the encoding of a value that is nested `depth` deep.

        Raises:
            RefusedError: It has none; :meth:`where` tells which part of it.
        """
        kind = type(value)
        leaf = encoding.LEAVES.get(kind)
        if leaf is not None:
            return leaf(value)
        if kind is str:
            return encoding.text(value, self._buffer)
        identity = id(value)
        known = self._known.values.get(identity)
        if known is not None:
            return known[0]
        level = len(self._begun)
        begun = self._begun.get(identity)
        if begun is not None:  # it contains itself
            self._back = min(self._back, begun)
            return b"^" + encoding.count(level - begun)
        if depth > _DEEPEST:
            raise RefusedError(f"is nested more than {_DEEPEST} deep")
        outer, self._back = self._back, _FAR
        self._begun[identity] = level
        self._is_long = False
        head, items, label, tail = _NODES.get(kind, Walk._other)(self, value, depth)
        is_long = self._is_long
        parts: list[bytes] = []
        step: list[Any] = [label, 0, parts]
        self._path.append(step)
        whole: Any = None
        for item in items:  # the one place of recursion, so that a level takes one frame
            parts.append(self.encode(item, depth + 1))
            if len(parts) == _AT_ONCE:
                whole = whole or hashlib.sha256(head)
                whole.update(b"".join(parts))
                step[1] += _AT_ONCE
                parts.clear()
        self._path.pop()
        encoded = b"".join((b"" if whole else head, *parts, tail))
        if whole is not None or len(encoded) > encoding.SMALL:
            whole = whole or hashlib.sha256()
            whole.update(encoded)
            encoded = b"#" + whole.digest()
        del self._begun[identity]
        if self._back >= level:
            if is_long or whole is not None:  # the others are looked at again as fast
                self._known.values[identity] = (encoded, value)
            self._back = outer
        else:  # it reads differently in every place
            self._back = min(self._back, outer)
            self._entangled += 1
            if self._entangled > _MOST_ENTANGLED:
                raise RefusedError("is part of too many cycles")
        return encoded

    def _buffer(self, data: Buffer) -> bytes:
        self._is_long = True
        return self._digesting_buffer(data)

    # -- places -------------------------------------------------------------------------------------------------------

    def _apart(self, values: Iterable[object], depth: int, label: str) -> list[bytes]:
        """Return the encodings of values in a place without order, none of which depends on another."""
        had_order, self._has_order = self._has_order, False
        if had_order:
            self._known, self._known_otherwise = self._known_otherwise, self._known
        self._path.append([lambda index: label, 0, ()])
        encoded = []
        for value in values:
            encoded.append(self.encode(value, depth + 1))
        self._path.pop()
        if had_order:
            self._known, self._known_otherwise = self._known_otherwise, self._known
        self._has_order = had_order
        return encoded

    def _code(self, code: object, depth: int) -> bytes:
        known = self._known.code.get(id(code))
        if known is not None:
            return known[0]
        digest = b"C" + encoding.blob(self._code_of(code, self.where(), not self._has_order, depth), self._buffer)
        if isinstance(code, type):
            digest += encoding.text(code.__qualname__, self._buffer)
        self._known.code[id(code)] = (digest, code)
        return digest

    # -- Python's own types -------------------------------------------------------------------------------------------

    def _sequence(self, tag: bytes, values: Sequence[object], label: Callable[[int], str] = "[{}]".format) -> Node:
        head = tag + encoding.count(len(values))
        packed = encoding.packed(values, self._buffer)
        return Node(head + b"g", values, label) if packed is None else Node(head + packed)

    def _list(self, value: list[object], depth: int) -> Node:
        return self._sequence(b"l", value)

    def _tuple(self, value: tuple[object, ...], depth: int) -> Node:
        return self._sequence(b"t", value)

    def _set(self, value: Iterable[Any], depth: int) -> Node:
        tag = b"e" if type(value) is set else b"z"
        if {str}.issuperset(map(type, value)):
            return Node(tag + b"s" + encoding.strings(sorted(value), self._buffer))
        return Node(tag + b"m" + encoding.joined(sorted(self._apart(value, depth, " (an element)"))))

    def _dict(self, value: Mapping[Any, object], depth: int) -> Node:
        keys: list[Any]
        if {str}.issuperset(map(type, value)):
            keys = sorted(value)
            head = b"ds" + encoding.strings(keys, self._buffer)
            return self._sequence(head, [value[key] for key in keys], functools.partial(of_key, keys))
        keys, held = list(value.keys()), list(value.values())
        encoded = self._apart(keys, depth, " (a key)")
        if len(set(encoded)) < len(encoded):  # unequal keys that are made of the same; their values tell them apart
            both = sorted(zip(encoded, self._apart(held, depth, " (a value)"), strict=True))
            return Node(b"dt" + encoding.joined([part for pair in both for part in pair]))
        order = sorted(range(len(keys)), key=encoded.__getitem__)
        keys = [keys[index] for index in order]
        head = b"dm" + encoding.joined([encoded[index] for index in order])
        return self._sequence(head, [held[index] for index in order], functools.partial(of_key, keys))

    def _buffer_of(self, value: Any, depth: int) -> Node:
        try:
            return Node(encoding.BUFFERS[type(value)](value, self._buffer))
        except ValueError as error:
            raise RefusedError(f"is {described(type(value))}, which cannot be read: {error}") from error

    def _range(self, value: range, depth: int) -> Node:
        return Node(b"g", (value.start, value.stop, value.step), attribute)

    def _slice(self, value: slice, depth: int) -> Node:
        return Node(b"j", (value.start, value.stop, value.step), attribute)

    def _proxy(self, value: Any, depth: int) -> Node:
        return Node(b"x", (dict(value),), same)

    def _method(self, value: MethodType, depth: int) -> Node:
        return Node(b"M", (value.__func__, value.__self__), (".__func__", ".__self__").__getitem__)

    def _builtin(self, value: BuiltinFunctionType, depth: int) -> Node:
        owner = value.__self__
        if owner is None or isinstance(owner, ModuleType):
            return Node(self._code(value, depth))
        return Node(b"B" + encoding.text(value.__name__, self._buffer), (owner,), (".__self__",).__getitem__)

    def _cached(self, value: Any, depth: int) -> Node:
        return Node(b"L", (value.__wrapped__, value.cache_parameters()), (".__wrapped__", "").__getitem__)

    def _property(self, value: property, depth: int) -> Node:
        return Node(b"p", (value.fget, value.fset, value.fdel), (".fget", ".fset", ".fdel").__getitem__)

    def _function_of_class(self, value: Any, depth: int) -> Node:
        return Node(b"k" if type(value) is classmethod else b"h", (value.__func__,), (".__func__",).__getitem__)

    def _forward(self, value: ForwardRef, depth: int) -> Node:
        return Node(b"r" + encoding.text(value.__forward_arg__, self._buffer), (value.__forward_module__,), same)

    # -- all others ---------------------------------------------------------------------------------------------------

    def _other(self, value: Any, depth: int) -> Node:
        kind = type(value)  # whereas a proxy may pass for an instance of something else
        if issubclass(kind, (FunctionType, type, ModuleType)):
            self._is_long = True
            return Node(self._code(value, depth))
        try:
            foreign = self._foreign(value)
        except ValueError as error:
            raise RefusedError(f"is {described(kind)}, which cannot be told: {error}") from error
        if foreign is not None:
            self._is_long = True
            name = encoding.text(foreign.name, self._buffer)
            return Node(b"w" + name, parts_of(foreign, kind), same, b".")
        if issubclass(kind, Enum):
            number = encoding.LEAVES[int](int(value.value)) if issubclass(kind, Flag) else b""
            return Node(b"E" + self._code(kind, depth) + encoding.text(str(value.name), self._buffer) + number)
        if (kind.__module__, kind.__name__) in (("mmap", "mmap"), ("pickle", "PickleBuffer")):
            return self._mapped(value, kind)
        made = reduction(value)
        if isinstance(made, GlobalName):
            if callable(value) and hasattr(value, "__qualname__"):
                return Node(self._code(value, depth))  # a function of a kind of its own
            head = b"G" + self._code(kind, depth) + encoding.strings(made, self._buffer)
            return Node(
                head, (dict(getattr(value, "__dict__", ())),), same
            )  # it is made anew, by the code of its module
        return node_of_object(value, kind, made, self._code(kind, depth), self._buffer)

    def _mapped(self, value: Any, kind: type) -> Node:
        tag = b"m" if kind.__name__ == "mmap" else b"P"
        try:
            return Node(encoding.raw(tag, value, self._buffer))
        except ValueError as error:
            raise RefusedError(f"is {described(kind)}, which cannot be read: {error}") from error


_NODES: dict[type, Callable[[Walk, Any, int], Node]] = {
    list: Walk._list,
    tuple: Walk._tuple,
    dict: Walk._dict,
    set: Walk._set,
    frozenset: Walk._set,
    **dict.fromkeys(encoding.BUFFERS, Walk._buffer_of),
    range: Walk._range,
    slice: Walk._slice,
    MappingProxyType: Walk._proxy,
    MethodType: Walk._method,
    BuiltinFunctionType: Walk._builtin,
    functools._lru_cache_wrapper: Walk._cached,
    property: Walk._property,
    classmethod: Walk._function_of_class,
    staticmethod: Walk._function_of_class,
    ForwardRef: Walk._forward,
}
