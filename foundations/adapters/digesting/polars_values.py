"""The content of values of polars, which is read by pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from foundations.adapters.digesting.class_identity import class_identity
from foundations.ports.digesting import Foreign


def read(polars: Any, value: Any) -> Foreign | None:
    """Return the content of a value of polars; None where its own reduction is enough.

    Raises:
        ValueError: Its content cannot be read.
    """
    if isinstance(value, polars.DataFrame):
        return Foreign("polars.DataFrame", _frame(polars, value))
    if isinstance(value, polars.Series):
        return Foreign("polars.Series", _series(polars, value))
    if isinstance(value, polars.LazyFrame):
        raise ValueError("it is a lazy frame, which is not computed yet and may read files; call collect() first")
    if isinstance(value, polars.Expr):  # its stable serialised form has functions by name or line
        raise ValueError("it may hold functions, which cannot be inspected; make it inside the stage")
    return None


def _frame(polars: Any, frame: Any) -> Iterator[object]:
    yield class_identity(frame)
    yield frame.shape
    for series in frame.get_columns():
        yield from _series(polars, series)


def _series(polars: Any, series: Any) -> Iterator[object]:
    yield class_identity(series)
    yield series.name
    yield _dtype(polars, series.dtype)
    if series.dtype == polars.Object:
        yield series.to_list()
        return
    try:
        plain = _plain(polars, series.dtype)
        yield (series if plain == series.dtype else series.cast(plain)).to_arrow()
    except ImportError as error:
        raise ValueError(f"reading its content needs pyarrow: {error}; pip install pyarrow") from error
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException, ValueError) as error:
        raise ValueError(f"it has items of type {series.dtype}: {error}") from error


def _dtype(polars: Any, dtype: Any) -> object:
    """Return plain values that differ for unequal types."""
    if isinstance(dtype, polars.Enum):
        return "Enum", dtype.categories.to_list()
    if isinstance(dtype, polars.Struct):
        return "Struct", [(field.name, _dtype(polars, field.dtype)) for field in dtype.fields]
    if isinstance(dtype, (polars.List, polars.Array)):
        return type(dtype).__name__, getattr(dtype, "shape", None), _dtype(polars, dtype.inner)
    return repr(dtype)


def _plain(polars: Any, dtype: Any) -> Any:
    """Return the type with strings for categories, whose numbers differ from process to process."""
    if isinstance(dtype, (polars.Categorical, polars.Enum)):
        return polars.String()
    if isinstance(dtype, polars.Struct):
        return polars.Struct([polars.Field(field.name, _plain(polars, field.dtype)) for field in dtype.fields])
    if isinstance(dtype, polars.List):
        return polars.List(_plain(polars, dtype.inner))
    if isinstance(dtype, polars.Array):
        return polars.Array(_plain(polars, dtype.inner), dtype.size)
    return dtype
