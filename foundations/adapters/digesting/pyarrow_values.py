"""The content of values of pyarrow: their logical content, without offsets and the memory under nulls."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from foundations.ports.digesting import Foreign

_ROWS = 2**16  # rows that are read together; a digest must not depend on the sizes of chunks


def read(pyarrow: Any, value: Any) -> Foreign | None:
    """Return the content of a value of pyarrow; None where its own reduction is enough.

    Raises:
        ValueError: Its content cannot be read.
    """
    if isinstance(value, (pyarrow.Table, pyarrow.RecordBatch)):
        name = "pyarrow.Table" if isinstance(value, pyarrow.Table) else "pyarrow.RecordBatch"
        contents = [_content(pyarrow, column) for column in value.columns]
        return Foreign(name, _chain((_schema(value.schema), value.num_rows), contents))
    if isinstance(value, (pyarrow.Array, pyarrow.ChunkedArray)):
        name = "pyarrow.Array" if isinstance(value, pyarrow.Array) else "pyarrow.ChunkedArray"
        return Foreign(name, _chain((_type(pyarrow, value.type), len(value)), [_content(pyarrow, value)]))
    if isinstance(value, pyarrow.Scalar):
        contents = [_content(pyarrow, pyarrow.repeat(value, 1))]
        return Foreign("pyarrow.Scalar", _chain((_type(pyarrow, value.type),), contents))
    if isinstance(value, pyarrow.Schema):
        return Foreign("pyarrow.Schema", (_schema(value),))
    if isinstance(value, pyarrow.Field):
        return Foreign("pyarrow.Field", (_schema(pyarrow.schema([value])),))
    if isinstance(value, pyarrow.DataType):
        return Foreign("pyarrow.DataType", (_type(pyarrow, value),))
    if isinstance(value, pyarrow.Buffer):
        return Foreign("pyarrow.Buffer", (memoryview(value),))
    return None


def _schema(schema: Any) -> bytes:
    return bytes(schema.serialize())


def _type(pyarrow: Any, kind: Any) -> bytes:
    return _schema(pyarrow.schema([pyarrow.field("", kind)]))


def _chain(first: tuple[object, ...], contents: list[Iterator[object]]) -> Iterator[object]:
    yield from first
    for content in contents:
        yield from content


def _content(pyarrow: Any, data: Any) -> Iterator[object]:
    """Iterate over the content of the items of an array or of several; type and length are digested beside it."""
    chunked = data if isinstance(data, pyarrow.ChunkedArray) else pyarrow.chunked_array([data])
    if pyarrow.types.is_dictionary(chunked.type) and chunked.num_chunks:
        chunked = chunked.unify_dictionaries()
        yield from _content(pyarrow, chunked.chunk(0).dictionary)
        chunked = pyarrow.chunked_array([chunk.indices for chunk in chunked.chunks], chunked.type.index_type)
    for start in range(0, len(chunked), _ROWS):
        rows = chunked.slice(start, _ROWS).combine_chunks()
        try:
            parts = [rows] if isinstance(rows, pyarrow.Array) else rows.chunks  # several where one cannot hold them
            for part in parts:
                yield from _items(pyarrow, part)
        except (pyarrow.ArrowException, NotImplementedError) as error:
            raise ValueError(f"it has items of type {chunked.type}: {error}") from error


def _items(pyarrow: Any, array: Any) -> Iterator[object]:
    """Iterate over the content of the items of one short array."""
    kind, types = array.type, pyarrow.types
    yield len(array)
    if types.is_null(kind) or len(array) == 0:
        return
    if isinstance(array, pyarrow.ExtensionArray):
        yield from _items(pyarrow, array.storage)
    elif types.is_union(kind):
        raise ValueError("it has items of a union")
    elif types.is_run_end_encoded(kind):
        yield from _items(pyarrow, import_module("pyarrow.compute").run_end_decode(array))
    elif types.is_dictionary(kind):
        yield from _content(pyarrow, array)
    else:
        yield _numbers(pyarrow, array.is_valid()) if array.null_count else None
        yield from _values(pyarrow, array)


def _values(pyarrow: Any, array: Any) -> Iterator[object]:
    kind, types = array.type, pyarrow.types
    if types.is_struct(kind):
        for field in array.flatten():
            yield from _items(pyarrow, field)
    elif types.is_map(kind):
        entry = pyarrow.struct([kind.key_field, kind.item_field])
        yield from _values(pyarrow, array.cast(pyarrow.list_(pyarrow.field("entries", entry, nullable=False))))
    elif types.is_fixed_size_list(kind):
        yield from _items(pyarrow, array.flatten())
    elif types.is_nested(kind):  # a list of some kind
        lengths = import_module("pyarrow.compute").list_value_length(array).fill_null(0)
        yield _numbers(pyarrow, lengths)
        yield from _items(pyarrow, array.flatten())
    elif types.is_boolean(kind):
        yield _numbers(pyarrow, array.fill_null(False))
    elif types.is_string_view(kind) or types.is_binary_view(kind):
        yield from _values(pyarrow, array.cast(pyarrow.large_binary()))
    elif types.is_fixed_size_binary(kind) or types.is_primitive(kind) or types.is_decimal(kind):
        yield _numbers(pyarrow, array)
    else:
        if array.null_count:  # the memory under a null may hold anything
            array = array.fill_null("" if types.is_string(kind) or types.is_large_string(kind) else b"")
        lengths = import_module("pyarrow.compute").binary_length(array)
        yield _numbers(pyarrow, lengths)
        width = 8 if types.is_large_string(kind) or types.is_large_binary(kind) else 4
        _, offsets, data = array.buffers()
        ends = memoryview(offsets).cast("B").cast("q" if width == 8 else "i")
        first, last = ends[array.offset], ends[array.offset + len(array)]
        yield memoryview(data)[first:last] if last > first else b""


def _numbers(pyarrow: Any, array: Any) -> object:
    """Return the memory of items of one width, with zeros under nulls."""
    if pyarrow.types.is_boolean(array.type):
        array = array.cast(pyarrow.uint8())
    width = array.type.bit_width // 8
    if width == 0:
        return b""
    if array.null_count:
        array = array.view(pyarrow.binary(width)).fill_null(bytes(width))
    return memoryview(array.buffers()[1])[array.offset * width : (array.offset + len(array)) * width]
