"""The bytes of numpy arrays in the order of C, whatever their layout, without a copy of the whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from foundations.adapters.digesting.hashing import digest_bytes, new_hasher

_SMALL = 1024  # the size in bytes up to which content is not digested
_SLAB = 2**20  # the number of bytes that are copied at a time
_ROWS = 4096  # rows of columns that are read together, since neighbours share lines of the processor's caches


def is_dense(dtype: Any) -> bool:
    """Return whether all bytes of an item count, without padding and references."""
    if dtype.subdtype is not None:
        return is_dense(dtype.subdtype[0])
    if dtype.names is None:
        return not dtype.hasobject and dtype.kind != "T" and dtype.char not in "gG"
    end = 0
    for name in dtype.names:
        field, offset = dtype.fields[name][:2]
        if offset != end or not is_dense(field):
            return False
        end += field.itemsize
    return bool(end == dtype.itemsize)


def read_content(numpy: Any, array: Any) -> object:
    """Return the content of the items of a plain array; its shape and dtype are digested beside it.

    Args:
        numpy: The module.
        array: Of the very type ``numpy.ndarray``.
    """
    dtype = array.dtype
    if is_dense(dtype):
        return _digest(numpy, array)
    if dtype.names is not None:
        return [read_content(numpy, array[name]) for name in dtype.names]
    if dtype.char in "gG":
        return _digest(numpy, _without_padding(numpy, array))
    return array.astype(object).reshape(-1).tolist()


def read_columns(numpy: Any, arrays: Sequence[Any]) -> list[object]:
    """Return the content of several plain arrays of one dimension and one length.

    Arrays that share memory, as the columns of a table that is stored row by row, are read together.
    """
    strided = [
        index
        for index, array in enumerate(arrays)
        if array.nbytes > _SMALL and not array.flags.c_contiguous and is_dense(array.dtype)
    ]
    if len(strided) < 2:
        return [read_content(numpy, array) for array in arrays]
    hashers = {index: new_hasher() for index in strided}
    copies = {arrays[index].dtype: numpy.empty(_ROWS, arrays[index].dtype) for index in strided}
    views = {dtype: copy.view(numpy.uint8) for dtype, copy in copies.items()}
    length = len(arrays[strided[0]])
    for start in range(0, length, _ROWS):
        rows = min(_ROWS, length - start)
        for index, hasher in hashers.items():
            array = arrays[index]
            numpy.copyto(copies[array.dtype][:rows], array[start : start + rows])
            hasher.update(views[array.dtype][: rows * array.itemsize])
    return [
        hashers[index].digest() if index in hashers else read_content(numpy, array)
        for index, array in enumerate(arrays)
    ]


def _digest(numpy: Any, array: Any) -> bytes:
    """Return the bytes themselves, or BLAKE3 of more than a few; their number, which is digested too, decides which."""
    if array.nbytes <= _SMALL:
        return bytes(array.tobytes())
    if array.flags.c_contiguous:
        return digest_bytes(array.reshape(-1).view(numpy.uint8))
    hasher = new_hasher()
    for slab in slabs(array):
        hasher.update(numpy.ascontiguousarray(slab).reshape(-1).view(numpy.uint8))
    digest: bytes = hasher.digest()
    return digest


def slabs(array: Any) -> Iterator[Any]:
    """Iterate over the parts of an array in the order of C, each of about a megabyte."""
    if array.nbytes <= _SLAB or array.ndim == 0:
        yield array
        return
    rows = _SLAB * len(array) // array.nbytes
    if rows == 0:
        for part in array:
            yield from slabs(part)
        return
    for start in range(0, len(array), rows):
        yield array[start : start + rows]


def _without_padding(numpy: Any, array: Any) -> Any:
    """Return the bytes that count of extended floating point numbers: 80 bits, without padding to 96 or 128."""
    if numpy.finfo(numpy.longdouble).nmant != 63:
        return array
    numbers = numpy.ascontiguousarray(array).reshape(-1).view(numpy.uint8)
    width = numpy.dtype(numpy.longdouble).itemsize
    return numpy.ascontiguousarray(numbers.reshape(-1, width)[:, :10])
