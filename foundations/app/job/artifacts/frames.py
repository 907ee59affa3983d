"""Tables as files: Parquet and CSV, from pandas, polars and pyarrow."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

TABLES = "a DataFrame of pandas or polars, a Series of pandas or a table of pyarrow"


def write_parquet(value: Any, path: Path) -> None:
    """Write a table as Parquet."""
    library = _library_of(value)
    if library == "pandas":
        _as_frame(value).to_parquet(path)
    elif library == "polars":
        value.write_parquet(path)
    else:
        import_module("pyarrow.parquet").write_table(value, path)


def write_csv(value: Any, path: Path) -> None:
    """Write a table as CSV with a header; an index of pandas is written unless it merely counts the rows."""
    library = _library_of(value)
    if library == "pandas":
        index = value.index
        counts = type(index).__name__ == "RangeIndex" and index.name is None
        value.to_csv(path, index=not counts)
    elif library == "polars":
        value.write_csv(path)
    else:
        import_module("pyarrow.csv").write_csv(value, path)


def read_parquet(path: Path) -> Any:
    """Return the table of a Parquet file: a DataFrame of pandas, or a table of pyarrow where pandas is missing."""
    if find_spec("pandas") is None:
        return import_module("pyarrow.parquet").read_table(path)
    return import_module("pandas").read_parquet(path)


def read_csv(path: Path) -> Any:
    """Return the table of a CSV file as a DataFrame of pandas."""
    return import_module("pandas").read_csv(path)


def _library_of(value: Any) -> str:
    """Return which library a table is of.

    Raises:
        TypeError: It is no table.
    """
    for kind in type(value).__mro__:
        library = kind.__module__.partition(".")[0]
        if (library, kind.__name__) in {
            ("pandas", "DataFrame"),
            ("pandas", "Series"),
            ("polars", "DataFrame"),
            ("pyarrow", "Table"),
        }:
            return library
    raise TypeError(f"it takes {TABLES}")


def _as_frame(value: Any) -> Any:
    """Return a Series as a DataFrame of one column, since Parquet has columns alone; its name must be a string."""
    if not hasattr(value, "to_frame"):
        return value
    return value.to_frame("value" if value.name is None else str(value.name))
