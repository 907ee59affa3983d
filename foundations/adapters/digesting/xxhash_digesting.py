"""The adapter: XXH3 for buffers, and one module for each third-party library whose values it knows."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import chain
from typing import Any
from weakref import WeakKeyDictionary

from foundations.adapters.digesting import numpy_values, pandas_values, polars_values, pyarrow_values, torch_values
from foundations.ports.digesting import Digesting, Foreign
from foundations.ports.frames import Buffer

_Tell = Callable[[Any, Any], Foreign | None]

_LIBRARIES: dict[str, _Tell] = {
    "numpy": numpy_values.tell,
    "pandas": pandas_values.tell,
    "polars": polars_values.tell,
    "pyarrow": pyarrow_values.tell,
    "torch": torch_values.tell,
}


class XxhashDigesting(Digesting):
    """Digests buffers by the 128 bits of XXH3: as fast as memory, and no defence against who makes two on purpose."""

    __slots__ = ("_digest", "_tells")

    def __init__(self) -> None:
        self._digest: Callable[[Buffer], bytes] | None = None
        self._tells: WeakKeyDictionary[type, tuple[_Tell, str] | None] = WeakKeyDictionary()

    def buffer(self, data: Buffer) -> bytes:
        """Return the 16 bytes of XXH3."""
        if self._digest is None:
            from xxhash import xxh3_128_digest  # only what is long needs it

            self._digest = xxh3_128_digest
        return self._digest(data)

    def foreign(self, value: object) -> Foreign | None:
        """Return what stands for `value`, or None where its type comes from no library that is known here.

        Raises:
            ValueError: It holds what cannot be told.
        """
        kind = type(value)
        try:
            found = self._tells[kind]
        except KeyError:
            found = self._tells[kind] = _tell_of(kind)
        if found is None:
            return None
        tell, library = found
        module = sys.modules[library]
        foreign = tell(module, value)
        # what is done with it is the library's, whose version counts wherever the module does
        return None if foreign is None else foreign._replace(parts=chain((module,), foreign.parts))


def _tell_of(kind: type) -> tuple[_Tell, str] | None:
    for base in kind.__mro__:
        library = str(base.__module__).partition(".")[0]
        if library in _LIBRARIES and library in sys.modules:
            return _LIBRARIES[library], library
    return None
