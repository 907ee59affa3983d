"""The content of values of pandas: a dtype and items for each column, however the columns lie in memory."""

from __future__ import annotations

import sys
from typing import Any

from foundations.adapters.digesting import array_content, numpy_values
from foundations.adapters.digesting.class_identity import class_identity
from foundations.ports.digesting import Foreign


def read(pandas: Any, value: Any) -> Foreign | None:
    """Return the content of a value of pandas; None where its own reduction is enough.

    Raises:
        ValueError: Its content cannot be read.
    """
    if isinstance(value, pandas.DataFrame):
        columns = _columns([series.array for _, series in value.items()])
        return Foreign("pandas.DataFrame", (*_metadata(value), value.shape, value.columns, value.index, *columns))
    if isinstance(value, pandas.Series):
        dtypes, (content,) = _columns([value.array])
        return Foreign("pandas.Series", (*_metadata(value), len(value), value.name, value.index, dtypes, content))
    if isinstance(value, pandas.Index):
        return _index(pandas, value)
    if isinstance(value, pandas.api.extensions.ExtensionArray):
        return _array(pandas, value)
    return _scalar(pandas, value)


def _metadata(value: Any) -> tuple[object, ...]:
    added = {name: getattr(value, name, None) for name in value._metadata if name not in ("_name", "name")}
    return class_identity(value), value.attrs, value.flags.allows_duplicate_labels, added


def _columns(arrays: list[Any]) -> tuple[list[object], list[object]]:
    """Return the dtypes of several arrays of one length, None where the content includes it, and their contents."""
    plain = {index: array.to_numpy() for index, array in enumerate(arrays) if _is_plain(array)}
    contents = array_content.read_columns(sys.modules["numpy"], list(plain.values()))
    read = dict(zip(plain, contents, strict=True))
    return (
        [numpy_values.describe_dtype(plain[index].dtype) if index in plain else None for index in range(len(arrays))],
        [read[index] if index in plain else array for index, array in enumerate(arrays)],
    )


def _is_plain(array: Any) -> bool:
    return type(array).__name__ in ("NumpyExtensionArray", "PandasArray")  # arrays of strings are of a subclass


def _index(pandas: Any, index: Any) -> Foreign:
    kind = class_identity(index)
    if isinstance(index, pandas.RangeIndex):
        return Foreign("pandas.RangeIndex", (kind, index.name, index.start, index.stop, index.step))
    if isinstance(index, pandas.MultiIndex):
        levels = [index.get_level_values(number) for number in range(index.nlevels)]
        return Foreign("pandas.MultiIndex", (kind, list(index.names), len(index), levels))
    dtypes, (content,) = _columns([index.array])
    return Foreign("pandas.Index", (kind, index.name, len(index), getattr(index, "freq", None), dtypes, content))


def _array(pandas: Any, array: Any) -> Foreign | None:
    arrays, kind = pandas.arrays, type(array)
    name = f"pandas.{kind.__name__}"
    if _is_plain(array):
        return Foreign(name, (len(array), *_columns([array])))
    if isinstance(array, pandas.Categorical):
        return Foreign(name, (array.categories, bool(array.ordered), array.codes))
    if isinstance(array, (arrays.DatetimeArray, arrays.TimedeltaArray)):
        zone = getattr(array, "tz", None)
        return Foreign(name, (str(array.dtype), zone, array.asi8))
    if isinstance(array, arrays.PeriodArray):
        return Foreign(name, (str(array.dtype), array.asi8))
    if isinstance(array, arrays.IntervalArray):
        return Foreign(name, (array.closed, array.left, array.right))
    if isinstance(array, arrays.SparseArray):
        places = array.sp_index.to_int_index().indices
        return Foreign(name, (len(array), str(array.dtype), array.fill_value, array.sp_values, places))
    if isinstance(array, arrays.ArrowExtensionArray):
        return Foreign(name, (*_dtype(pandas, array.dtype), array.__arrow_array__()))
    if isinstance(array, (arrays.IntegerArray, arrays.FloatingArray, arrays.BooleanArray)):
        missing = array.isna()
        seen = array.to_numpy(dtype=array.dtype.numpy_dtype, na_value=0)
        seen[missing] = 0
        return Foreign(name, (str(array.dtype), missing, seen))
    if isinstance(array, arrays.StringArray):
        missing = array.isna()
        return Foreign(name, (*_dtype(pandas, array.dtype), missing, array.to_numpy(object, na_value="")))
    return None


def _dtype(pandas: Any, dtype: Any) -> tuple[object, ...]:
    if not isinstance(dtype, pandas.StringDtype):
        return (str(dtype),)
    return str(dtype), dtype.storage, repr(getattr(dtype, "na_value", None))


def _scalar(pandas: Any, value: Any) -> Foreign | None:
    if value is pandas.NaT or value is pandas.NA:
        return Foreign("pandas.NaT" if value is pandas.NaT else "pandas.NA", ())
    if isinstance(value, pandas.Timestamp):
        return Foreign("pandas.Timestamp", (class_identity(value), value.unit, _number(value), value.tz, value.fold))
    if isinstance(value, pandas.Timedelta):
        return Foreign("pandas.Timedelta", (class_identity(value), value.unit, _number(value)))
    if isinstance(value, pandas.Period):
        return Foreign("pandas.Period", (value.freqstr, value.ordinal))
    if isinstance(value, pandas.Interval):
        return Foreign("pandas.Interval", (value.left, value.right, value.closed))
    return None


def _number(moment: Any) -> int:
    """Return a moment or a duration as a number of its units, in UTC where it has a zone."""
    return int(moment.to_numpy().view("i8"))
