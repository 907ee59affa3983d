"""The content of values of numpy."""

from __future__ import annotations

import sys
from typing import Any

from foundations.adapters.digesting import array_content
from foundations.adapters.digesting.class_identity import class_identity
from foundations.ports.digesting import Foreign

_PLAIN_KINDS = "biufcSUmMVO"


def read(numpy: Any, value: Any) -> Foreign | None:
    """Return the content of a value of numpy; None where its own reduction is enough.

    Raises:
        ValueError: Its content cannot be read.
    """
    if isinstance(value, numpy.ndarray):
        return _array(numpy, value)
    if isinstance(value, numpy.generic):
        return _scalar(numpy, value)
    if isinstance(value, numpy.dtype):
        return Foreign("numpy.dtype", (describe_dtype(value),))
    if isinstance(value, numpy.ufunc):
        return _ufunc(value)
    return None


def describe_dtype(dtype: Any) -> object:
    """Return plain values that differ for unequal dtypes."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return "array", describe_dtype(base), shape
    if dtype.names is not None:
        fields = tuple((name, describe_dtype(dtype.fields[name][0]), *dtype.fields[name][1:]) for name in dtype.names)
        return "struct", dtype.itemsize, dtype.type.__qualname__, fields
    if dtype.kind == "T":
        return "string", dtype.coerce, hasattr(dtype, "na_object"), getattr(dtype, "na_object", None)
    if dtype.kind in _PLAIN_KINDS and dtype.type.__module__ == "numpy":
        return dtype.str
    return "user", dtype.str, dtype.name, dtype.type


def read_content(numpy: Any, array: Any) -> object:
    """Return the content of the items of an array of any kind; its shape and dtype are digested beside it."""
    return array_content.read_content(numpy, array.view(numpy.ndarray))


def _scalar(numpy: Any, value: Any) -> Foreign | None:
    if type(value) is not value.dtype.type:
        return None  # a subclass may add attributes
    items = numpy.asarray(value)
    return Foreign("numpy.generic", (describe_dtype(items.dtype), read_content(numpy, items)))


def _array(numpy: Any, array: Any) -> Foreign:
    kind = type(array)
    if kind is numpy.ndarray or kind is numpy.memmap:
        return Foreign("numpy.ndarray", (array.shape, describe_dtype(array.dtype), read_content(numpy, array)))
    if array is numpy.ma.masked:
        return Foreign("numpy.ma.masked", ())
    added = {name: held for name, held in getattr(array, "__dict__", {}).items() if name not in _MASKED_ATTRIBUTES}
    for base in kind.__mro__:
        slots = vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(array, name):
                added[name] = getattr(array, name)
    if isinstance(array, numpy.ma.MaskedArray):
        return _masked(numpy, array, added)
    return Foreign(
        "numpy.ndarray of a kind",
        (class_identity(array), array.shape, describe_dtype(array.dtype), read_content(numpy, array), added),
    )


_MASKED_ATTRIBUTES = frozenset(
    {"_mask", "_fill_value", "_hardmask", "_sharedmask", "_isfield", "_baseclass", "_basedict"}
)


def _masked(numpy: Any, array: Any, added: dict[str, object]) -> Foreign:
    data = numpy.ma.getdata(array, subok=False).view(numpy.ndarray)
    mask = numpy.ma.getmaskarray(array).view(numpy.ndarray)
    added = {name: held for name, held in added.items() if name != "_optinfo" or held}
    metadata = (class_identity(array), array.shape, describe_dtype(array.dtype), bool(array.hardmask), added)
    fill = array.__dict__.get("_fill_value")  # reading the property would set it
    fill = numpy.asarray(numpy.ma.default_fill_value(array.dtype) if fill is None else fill, array.dtype)
    return Foreign("numpy.ma.MaskedArray", (*metadata, fill, *_visible_content(numpy, data, mask)))


def _visible_content(numpy: Any, data: Any, mask: Any) -> list[object]:
    """Return the content of a mask, and of the data that it leaves visible."""
    if mask.dtype.names is not None:
        return [_visible_content(numpy, data[name], mask[name]) for name in mask.dtype.names]
    seen = data.copy()
    seen[mask] = None if data.dtype.hasobject else numpy.zeros((), data.dtype)
    return [array_content.read_content(numpy, mask), array_content.read_content(numpy, seen)]


def _ufunc(value: Any) -> Foreign:
    name: str = value.__name__
    for module in ("numpy", "scipy.special"):
        if getattr(sys.modules.get(module), name, None) is value:
            return Foreign("numpy.ufunc", (module, name))
    raise ValueError("the function that it calls cannot be determined")
