"""Images as PNG: figures of Matplotlib, images of Pillow, arrays."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

IMAGES = "a figure or axes of Matplotlib, an image of Pillow, or an array of height x width [x 1, 3 or 4]"


def write_png(value: Any, path: Path) -> None:
    """Write a figure, an image or an array as PNG.

    An array has whole numbers from 0 to 255, fractions from 0 to 1, or truth values.

    Raises:
        TypeError: It is none of these.
    """
    for figure in (value, getattr(value, "figure", None)):
        save = getattr(figure, "savefig", None)
        if callable(save):
            save(path, format="png")
            return
    if type(value).__module__.startswith("PIL."):
        value.save(path, format="PNG")
        return
    if not hasattr(value, "__array__"):
        raise TypeError(f"it takes {IMAGES}")
    import_module("PIL.Image").fromarray(_pixels(value)).save(path, format="PNG")


def read_png(path: Path) -> Any:
    """Return the image of a PNG file, an image of Pillow."""
    with import_module("PIL.Image").open(path) as image:
        image.load()
        return image.copy()


def _pixels(value: Any) -> Any:
    """Return an array as bytes from 0 to 255."""
    numpy = import_module("numpy")
    array = numpy.asarray(value)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))) or not array.size:
        raise TypeError(f"an array of the shape {array.shape} is no image; it takes {IMAGES}")
    if array.dtype.kind == "b":
        return array.astype(numpy.uint8) * 255
    if array.dtype.kind not in "uif":
        raise TypeError(f"an array of the type {array.dtype} is no image")
    top = 1 if array.dtype.kind == "f" else 255
    if not bool((array >= 0).all() and (array <= top).all()):  # NaN is refused, too
        raise TypeError(f"an array of the type {array.dtype} must have values from 0 to {top}")
    return numpy.rint(array * (255 // top)).astype(numpy.uint8)
