"""The encoder of values with all their parts: no two different values have the same encoding.

The encoding of a long part is replaced by its SHA-256, so that the whole stays short. A part that occurs in several
places is encoded once.
"""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, Flag
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any, ForwardRef

from foundations.domain.caching.values.encoding import (
    BUFFER_ENCODERS,
    INLINE_SIZE,
    LEAF_ENCODERS,
    encode_blob,
    encode_count,
    encode_memory,
    encode_strings,
    encode_text,
    encode_uniform,
    join_encodings,
)
from foundations.domain.caching.values.layout import (
    Layout,
    iterate_parts,
    label_key,
    label_pair,
    label_range_part,
    label_whole,
    layout_of_object,
)
from foundations.domain.caching.values.reduction import GlobalName, NotEncodableError, describe_type, reduce_value
from foundations.ports.digesting import Digesting
from foundations.ports.frames import Buffer

_MAX_DEPTH = 200
_BATCH_SIZE = 8192  # parts that are collected before they are hashed
_MAX_CYCLE_ENCODINGS = 300_000
_MAX_PATH_LENGTH = 200
_NO_LEVEL = sys.maxsize


class _Memo:
    """The encodings so far, by identity; the objects are held, so that no identity is used again."""

    __slots__ = ("code", "values")

    def __init__(self) -> None:
        self.values: dict[int, tuple[bytes, object]] = {}
        self.code: dict[int, tuple[bytes, object]] = {}


class ValueEncoder:
    """Encodes one value.

    Args:
        digesting: Digests buffers, and reads values of third-party types.
        digest_code: Digests code; its further arguments are the path, whether the place has no order, and the depth.
        where: The name of the value in errors.
    """

    def __init__(
        self, digesting: Digesting, digest_code: Callable[[object, str, bool, int], bytes], where: str
    ) -> None:
        self._buffer_digest = digesting.buffer
        self._read_foreign = digesting.foreign
        self._digest_code = digest_code
        self._root = where
        # For each value that is being encoded: the label, the number of finished parts, the latest parts.
        self._path: list[list[Any]] = []
        self._open_levels: dict[int, int] = {}  # the levels of the values that are being encoded, by identity
        self._lowest_reference = _NO_LEVEL  # the lowest level that the current value refers back to
        self._cycle_encodings = 0
        self._has_order = True
        self._is_costly = False  # whether the last head took long to compute
        self._memo, self._other_memo = _Memo(), _Memo()

    def current_path(self) -> str:
        """Return the path of the part that is being encoded, for errors."""
        path = "".join(label(done + len(latest)) for label, done, latest in self._path)
        return self._root + (path if len(path) <= _MAX_PATH_LENGTH else f"{path[:40]}...{path[-40:]}")

    def encode(self, value: Any, depth: int) -> bytes:  # noqa: C901
        """Return the encoding of a value that is nested `depth` deep.

        Raises:
            NotEncodableError: A part of it has none; :meth:`current_path` returns which.
        """
        kind = type(value)
        leaf = LEAF_ENCODERS.get(kind)
        if leaf is not None:
            return leaf(value)
        if kind is str:
            return encode_text(value, self._digest)
        identity = id(value)
        known = self._memo.values.get(identity)
        if known is not None:
            return known[0]
        level = len(self._open_levels)
        open_level = self._open_levels.get(identity)
        if open_level is not None:  # it contains itself
            self._lowest_reference = min(self._lowest_reference, open_level)
            return b"^" + encode_count(level - open_level)
        if depth > _MAX_DEPTH:
            raise NotEncodableError(f"is nested more than {_MAX_DEPTH} deep")
        outer, self._lowest_reference = self._lowest_reference, _NO_LEVEL
        self._open_levels[identity] = level
        self._is_costly = False
        head, items, label, tail = _LAYOUTS.get(kind, ValueEncoder._layout_of_object)(self, value, depth)
        is_costly = self._is_costly
        parts: list[bytes] = []
        step: list[Any] = [label, 0, parts]
        self._path.append(step)
        whole: Any = None
        for item in items:  # the only recursion, so that each level takes one frame
            parts.append(self.encode(item, depth + 1))
            if len(parts) == _BATCH_SIZE:
                whole = whole or hashlib.sha256(head)
                whole.update(b"".join(parts))
                step[1] += _BATCH_SIZE
                parts.clear()
        self._path.pop()
        encoded = b"".join((b"" if whole else head, *parts, tail))
        if whole is not None or len(encoded) > INLINE_SIZE:
            whole = whole or hashlib.sha256()
            whole.update(encoded)
            encoded = b"#" + whole.digest()
        del self._open_levels[identity]
        if self._lowest_reference >= level:
            if is_costly or whole is not None:  # the others are encoded again as fast
                self._memo.values[identity] = (encoded, value)
            self._lowest_reference = outer
        else:  # its encoding depends on the place
            self._lowest_reference = min(self._lowest_reference, outer)
            self._cycle_encodings += 1
            if self._cycle_encodings > _MAX_CYCLE_ENCODINGS:
                raise NotEncodableError("is part of too many cycles")
        return encoded

    def _digest(self, data: Buffer) -> bytes:
        self._is_costly = True
        return self._buffer_digest(data)

    # -- places -------------------------------------------------------------------------------------------------------

    def _encode_unordered(self, values: Iterable[object], depth: int, label: str) -> list[bytes]:
        """Return the encodings of values in a place without order, each independent of the others."""
        had_order, self._has_order = self._has_order, False
        if had_order:
            self._memo, self._other_memo = self._other_memo, self._memo
        self._path.append([lambda index: label, 0, ()])
        encoded = []
        for value in values:
            encoded.append(self.encode(value, depth + 1))
        self._path.pop()
        if had_order:
            self._memo, self._other_memo = self._other_memo, self._memo
        self._has_order = had_order
        return encoded

    def _encode_code(self, code: object, depth: int) -> bytes:
        known = self._memo.code.get(id(code))
        if known is not None:
            return known[0]
        digest = b"C" + encode_blob(
            self._digest_code(code, self.current_path(), not self._has_order, depth), self._digest
        )
        if isinstance(code, type):
            digest += encode_text(code.__qualname__, self._digest)
        self._memo.code[id(code)] = (digest, code)
        return digest

    # -- Python's own types -------------------------------------------------------------------------------------------

    def _sequence(self, tag: bytes, values: Sequence[object], label: Callable[[int], str] = "[{}]".format) -> Layout:
        head = tag + encode_count(len(values))
        packed = encode_uniform(values, self._digest)
        return Layout(head + b"g", values, label) if packed is None else Layout(head + packed)

    def _list(self, value: list[object], depth: int) -> Layout:
        return self._sequence(b"l", value)

    def _tuple(self, value: tuple[object, ...], depth: int) -> Layout:
        return self._sequence(b"t", value)

    def _set(self, value: Iterable[Any], depth: int) -> Layout:
        tag = b"e" if type(value) is set else b"z"
        if {str}.issuperset(map(type, value)):
            return Layout(tag + b"s" + encode_strings(sorted(value), self._digest))
        return Layout(tag + b"m" + join_encodings(sorted(self._encode_unordered(value, depth, " (an element)"))))

    def _dict(self, value: Mapping[Any, object], depth: int) -> Layout:
        keys: list[Any] = list(value)
        held = list(value.values())
        if {str}.issuperset(map(type, keys)):
            head = b"ds" + encode_strings(keys, self._digest)
            return self._sequence(head, held, functools.partial(label_key, keys))
        packed = encode_uniform(keys, self._digest)
        if packed is not None:
            return self._sequence(b"du" + encode_count(len(keys)) + packed, held, functools.partial(label_key, keys))
        parts = [part for pair in zip(keys, held, strict=True) for part in pair]
        return Layout(b"dm" + encode_count(len(keys)), parts, functools.partial(label_pair, keys))

    def _buffer(self, value: Any, depth: int) -> Layout:
        kind = type(value)
        encode = BUFFER_ENCODERS.get(kind) or functools.partial(
            encode_memory, b"m" if kind.__name__ == "mmap" else b"P"
        )
        try:
            return Layout(encode(value, self._digest))
        except ValueError as error:
            raise NotEncodableError(f"is {describe_type(kind)}, whose content cannot be read: {error}") from error

    def _range(self, value: range | slice, depth: int) -> Layout:
        return Layout(b"g" if type(value) is range else b"j", (value.start, value.stop, value.step), label_range_part)

    def _proxy(self, value: Any, depth: int) -> Layout:
        return Layout(b"x", (dict(value),), label_whole)

    def _method(self, value: MethodType, depth: int) -> Layout:
        return Layout(b"M", (value.__func__, value.__self__), (".__func__", ".__self__").__getitem__)

    def _builtin(self, value: BuiltinFunctionType, depth: int) -> Layout:
        owner = value.__self__
        if owner is None or isinstance(owner, ModuleType):
            return Layout(self._encode_code(value, depth))
        return Layout(b"B" + encode_text(value.__name__, self._digest), (owner,), (".__self__",).__getitem__)

    def _memoised_function(self, value: Any, depth: int) -> Layout:
        return Layout(b"L", (value.__wrapped__, value.cache_parameters()), (".__wrapped__", "").__getitem__)

    def _property(self, value: property, depth: int) -> Layout:
        return Layout(b"p", (value.fget, value.fset, value.fdel), (".fget", ".fset", ".fdel").__getitem__)

    def _class_function(self, value: Any, depth: int) -> Layout:
        return Layout(b"k" if type(value) is classmethod else b"h", (value.__func__,), (".__func__",).__getitem__)

    def _forward_reference(self, value: ForwardRef, depth: int) -> Layout:
        head = b"r" + encode_text(value.__forward_arg__, self._digest)
        return Layout(head, (value.__forward_module__,), label_whole)

    # -- all others ---------------------------------------------------------------------------------------------------

    def _layout_of_object(self, value: Any, depth: int) -> Layout:
        kind = type(value)  # `isinstance` would believe a proxy
        if issubclass(kind, (FunctionType, type, ModuleType)):
            self._is_costly = True
            return Layout(self._encode_code(value, depth))
        try:
            foreign = self._read_foreign(value)
        except ValueError as error:
            raise NotEncodableError(f"is {describe_type(kind)}, whose content cannot be read: {error}") from error
        if foreign is not None:
            self._is_costly = True
            name = encode_text(foreign.name, self._digest)
            return Layout(b"w" + name, iterate_parts(foreign, kind), label_whole, b".")
        if issubclass(kind, Enum):
            number = LEAF_ENCODERS[int](int(value.value)) if issubclass(kind, Flag) else b""
            return Layout(b"E" + self._encode_code(kind, depth) + encode_text(str(value.name), self._digest) + number)
        if (kind.__module__, kind.__name__) in (("mmap", "mmap"), ("pickle", "PickleBuffer")):
            return self._buffer(value, depth)
        reduced = reduce_value(value)
        if isinstance(reduced, GlobalName):
            if callable(value) and hasattr(value, "__qualname__"):
                return Layout(self._encode_code(value, depth))  # a function of a class of its own
            head = b"G" + self._encode_code(kind, depth) + encode_strings(reduced, self._digest)
            # unpickling makes the object anew, by the code of its module
            return Layout(head, (dict(getattr(value, "__dict__", ())),), label_whole)
        return layout_of_object(value, kind, reduced, self._encode_code(kind, depth), self._digest)


_LAYOUTS: dict[type, Callable[[ValueEncoder, Any, int], Layout]] = {
    list: ValueEncoder._list,
    tuple: ValueEncoder._tuple,
    dict: ValueEncoder._dict,
    set: ValueEncoder._set,
    frozenset: ValueEncoder._set,
    **dict.fromkeys(BUFFER_ENCODERS, ValueEncoder._buffer),
    range: ValueEncoder._range,
    slice: ValueEncoder._range,
    MappingProxyType: ValueEncoder._proxy,
    MethodType: ValueEncoder._method,
    BuiltinFunctionType: ValueEncoder._builtin,
    functools._lru_cache_wrapper: ValueEncoder._memoised_function,
    property: ValueEncoder._property,
    classmethod: ValueEncoder._class_function,
    staticmethod: ValueEncoder._class_function,
    ForwardRef: ValueEncoder._forward_reference,
}
