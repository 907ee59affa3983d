"""Digesting what Python's own types do not cover; internal, implemented by one adapter.

A content digest is the same for equal values in every process, under every hash seed and on every machine.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import NamedTuple

from foundations.ports.frames import Buffer


class Foreign(NamedTuple):
    """What stands for a value of a third-party type.

    Attributes:
        name: Tells its kind apart from every other, as in ``numpy.ndarray``.
        parts: Digested in order in the value's place: plain values, buffers, and further third-party values.
    """

    name: str
    parts: Iterable[object]


class Digesting(ABC):
    """Digests buffers at the speed of memory, and knows what makes up values of third-party types."""

    __slots__ = ()

    @abstractmethod
    def buffer(self, data: Buffer) -> bytes:
        """Return the 16 bytes that stand for the bytes of `data`, contiguous and of any size."""

    @abstractmethod
    def foreign(self, value: object) -> Foreign | None:
        """Return what stands for `value`, or None where its type is none that is known here.

        Raises:
            ValueError: It is of a known type, but what it holds cannot be told; the message says why.
        """
