"""What makes up values of numpy."""

from __future__ import annotations

import sys
from typing import Any

from foundations.adapters.digesting import array_content
from foundations.adapters.digesting.kinds import kind_of
from foundations.ports.digesting import Foreign

_KINDS = "biufcSUmMVO"


def tell(numpy: Any, value: Any) -> Foreign | None:
    """Return what stands for a value of numpy, or None where its own reduction does.

    Raises:
        ValueError: It holds what cannot be told.
    """
    if isinstance(value, numpy.ndarray):
        return _array(numpy, value)
    if isinstance(value, numpy.generic):
        return _scalar(numpy, value)
    if isinstance(value, numpy.dtype):
        return Foreign("numpy.dtype", (dtype(value),))
    if isinstance(value, numpy.ufunc):
        return _function(value)
    return None


def dtype(of: Any) -> object:
    """Return plain values that tell a dtype apart from every unequal one."""
    if of.subdtype is not None:
        base, shape = of.subdtype
        return "array", dtype(base), shape
    if of.names is not None:
        fields = tuple((name, dtype(of.fields[name][0]), *of.fields[name][1:]) for name in of.names)
        return "struct", of.itemsize, of.type.__qualname__, fields
    if of.kind == "T":
        return "string", of.coerce, hasattr(of, "na_object"), getattr(of, "na_object", None)
    if of.kind in _KINDS and of.type.__module__ == "numpy":
        return of.str
    return "user", of.str, of.name, of.type


def content(numpy: Any, array: Any) -> object:
    """Return what stands for the items of an array of any kind, given that its shape and type are known."""
    return array_content.content(numpy, array.view(numpy.ndarray))


def _scalar(numpy: Any, value: Any) -> Foreign | None:
    if type(value) is not value.dtype.type:
        return None  # of a class below it, which may add something
    items = numpy.asarray(value)
    return Foreign("numpy.generic", (dtype(items.dtype), content(numpy, items)))


def _array(numpy: Any, array: Any) -> Foreign:
    kind = type(array)
    if kind is numpy.ndarray or kind is numpy.memmap:
        return Foreign("numpy.ndarray", (array.shape, dtype(array.dtype), content(numpy, array)))
    if array is numpy.ma.masked:
        return Foreign("numpy.ma.masked", ())
    added = {name: held for name, held in getattr(array, "__dict__", {}).items() if name not in _OF_MASKED}
    for base in kind.__mro__:
        slots = vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(array, name):
                added[name] = getattr(array, name)
    if isinstance(array, numpy.ma.MaskedArray):
        return _masked(numpy, array, added)
    return Foreign(
        "numpy.ndarray of a kind", (kind_of(array), array.shape, dtype(array.dtype), content(numpy, array), added)
    )


_OF_MASKED = frozenset({"_mask", "_fill_value", "_hardmask", "_sharedmask", "_isfield", "_baseclass", "_basedict"})


def _masked(numpy: Any, array: Any, added: dict[str, object]) -> Foreign:
    data = numpy.ma.getdata(array, subok=False).view(numpy.ndarray)
    mask = numpy.ma.getmaskarray(array).view(numpy.ndarray)
    added = {name: held for name, held in added.items() if name != "_optinfo" or held}
    about = (kind_of(array), array.shape, dtype(array.dtype), bool(array.hardmask), added)
    fill = array.__dict__.get("_fill_value")  # the property would set it
    fill = numpy.asarray(numpy.ma.default_fill_value(array.dtype) if fill is None else fill, array.dtype)
    return Foreign("numpy.ma.MaskedArray", (*about, fill, *_seen(numpy, data, mask)))


def _seen(numpy: Any, data: Any, mask: Any) -> list[object]:
    """Return the content of a mask, and of the data that it leaves to be seen."""
    if mask.dtype.names is not None:
        return [_seen(numpy, data[name], mask[name]) for name in mask.dtype.names]
    seen = data.copy()
    seen[mask] = None if data.dtype.hasobject else numpy.zeros((), data.dtype)
    return [array_content.content(numpy, mask), array_content.content(numpy, seen)]


def _function(value: Any) -> Foreign:
    name: str = value.__name__
    for module in ("numpy", "scipy.special"):
        if getattr(sys.modules.get(module), name, None) is value:
            return Foreign("numpy.ufunc", (module, name))
    raise ValueError("what it calls is not known")
