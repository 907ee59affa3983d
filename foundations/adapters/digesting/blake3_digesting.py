"""The adapter: BLAKE3 for buffers, and one module for each third-party library whose values it reads."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import chain
from pickle import PickleBuffer
from typing import Any
from weakref import WeakKeyDictionary

from foundations.adapters.digesting import numpy_values, pandas_values, polars_values, pyarrow_values, torch_values
from foundations.adapters.digesting.hashing import digest_bytes
from foundations.ports.digesting import Digesting, Foreign
from foundations.ports.frames import Buffer

_Reader = Callable[[Any, Any], Foreign | None]

_LIBRARIES: dict[str, _Reader] = {
    "numpy": numpy_values.read,
    "pandas": pandas_values.read,
    "polars": polars_values.read,
    "pyarrow": pyarrow_values.read,
    "torch": torch_values.read,
}


class Blake3Digesting(Digesting):
    """Digests buffers by BLAKE3: nobody can make two that have one digest, so that a hit is never another's output."""

    __slots__ = ("_readers",)

    def __init__(self) -> None:
        self._readers: WeakKeyDictionary[type, tuple[_Reader, str] | None] = WeakKeyDictionary()

    def buffer(self, data: Buffer) -> bytes:
        """Return the 32 bytes of BLAKE3.

        Raises:
            ModuleNotFoundError: The library is not installed in this Python.
        """
        return digest_bytes(PickleBuffer(data).raw())  # single bytes, whatever the items and their order

    def foreign(self, value: object) -> Foreign | None:
        """Return the content of `value`, or None where its type belongs to none of the libraries.

        Raises:
            ValueError: Its content cannot be read.
        """
        kind = type(value)
        try:
            found = self._readers[kind]
        except KeyError:
            found = self._readers[kind] = _find_reader(kind)
        if found is None:
            return None
        read, library = found
        module = sys.modules[library]
        foreign = read(module, value)
        # the library's version decides what code does with the value, and counts where the module is among the parts
        return None if foreign is None else foreign._replace(parts=chain((module,), foreign.parts))


def _find_reader(kind: type) -> tuple[_Reader, str] | None:
    for base in kind.__mro__:
        library = str(base.__module__).partition(".")[0]
        if library in _LIBRARIES and library in sys.modules:
            return _LIBRARIES[library], library
    return None
