"""The formats of objects that are saved as artifacts, by the suffix of the name."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from foundations.app.job.artifacts import frames, images
from foundations.errors import FoundationsError


class Format(NamedTuple):
    """How an object is written to a file and read again.

    Attributes:
        takes: What can be written, for a person.
        write: Writes an object to a new file; raises whatever it likes.
        read: Returns the object of a file; raises whatever it likes.
    """

    takes: str
    write: Callable[[Any, Path], None]
    read: Callable[[Path], Any]


def _write_json(value: Any, path: Path) -> None:
    with path.open("x", encoding="utf-8") as stream:
        json.dump(value, stream, default=_plain_value)


def _plain_value(value: Any) -> Any:
    """Return what JSON has in place of a value of NumPy and the like."""
    if callable(getattr(value, "tolist", None)):
        return value.tolist()
    raise TypeError(f"a value of the type {type(value).__qualname__} has no form in JSON")


def _read_json(path: Path) -> Any:
    return json.loads(path.read_bytes())


def _write_text(value: Any, path: Path) -> None:
    path.write_bytes(bytes(value) if isinstance(value, (bytes, bytearray)) else str(value).encode())


def _read_text(path: Path) -> str:
    return path.read_bytes().decode()


def _write_array(value: Any, path: Path) -> None:
    numpy = import_module("numpy")
    with path.open("xb") as stream:
        numpy.save(stream, numpy.asarray(value), allow_pickle=False)


def _read_array(path: Path) -> Any:
    return import_module("numpy").load(path, allow_pickle=False)


def _write_html(value: Any, path: Path) -> None:
    if callable(getattr(value, "write_html", None)):
        value.write_html(path)
    elif callable(getattr(value, "_repr_html_", None)):
        path.write_bytes(value._repr_html_().encode())
    else:
        raise TypeError("it takes a figure of Plotly, or what notebooks show as HTML")


def _write_pickle(value: Any, path: Path) -> None:
    with path.open("xb") as stream:
        import_module("pickle").dump(value, stream, protocol=5)


def _read_pickle(path: Path) -> Any:
    with path.open("rb") as stream:
        return import_module("pickle").load(stream)


PICKLE = ".pkl"
FORMATS = {
    ".json": Format("what JSON has, and values and arrays of NumPy", _write_json, _read_json),
    ".txt": Format("anything: its str(), and bytes as they are", _write_text, _read_text),
    ".npy": Format("arrays of NumPy, and what it makes arrays of", _write_array, _read_array),
    ".parquet": Format(frames.TABLES, frames.write_parquet, frames.read_parquet),
    ".csv": Format(frames.TABLES, frames.write_csv, frames.read_csv),
    ".png": Format(images.IMAGES, images.write_png, images.read_png),
    ".html": Format("figures of Plotly, and what notebooks show as HTML", _write_html, _read_text),
    PICKLE: Format("anything that can be pickled, with pickle=True", _write_pickle, _read_pickle),
}


def find_format(name: str) -> Format | None:
    """Return the format that the suffix of `name` selects, in upper or lower case; None where it selects none."""
    return FORMATS.get(suffix_of(name))


def suffix_of(name: str) -> str:
    """Return the suffix of an artifact's name, in lower case."""
    return PurePosixPath(name).suffix.lower()


def write_object(value: Any, name: str, path: Path) -> None:
    """Write an object to the new file `path`, in the format that `name` selects.

    Raises:
        FoundationsError: It cannot be written in this format.
    """
    suffix = suffix_of(name)
    try:
        FORMATS[suffix].write(value, path)
    except OSError:
        raise  # the disk's, not the object's
    except Exception as error:
        missing = isinstance(error, ImportError)
        advice = "Install the package that is missing" if missing else f"{suffix} takes {FORMATS[suffix].takes}"
        raise FoundationsError(
            f"save_artifact: an object of the type {type(value).__qualname__} cannot be saved as {name!r}:"
            f" {type(error).__name__}: {error!s:.1000}. {advice}. Nothing was saved."
        ) from error


def read_object(name: str, path: Path) -> Any:
    """Return the object in the file `path`, in the format that `name` selects.

    Raises:
        FoundationsError: It cannot be read.
    """
    try:
        return FORMATS[suffix_of(name)].read(path)
    except Exception as error:  # whatever the library raises, or a class that is pickled
        raise FoundationsError(
            f"load_artifact: {name!r} cannot be loaded here: {type(error).__name__}: {error!s:.1000}. Where a module is"
            " missing, install it, or run from the project's directory; fetch_artifact() writes it to a file as it is."
        ) from error
