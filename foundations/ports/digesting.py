"""Digests of buffers and of values of third-party types; internal, implemented by one adapter.

A content digest is the same for equal values in every process, under every hash seed and on every machine.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import NamedTuple

from foundations.ports.frames import Buffer


class Foreign(NamedTuple):
    """The content of a value of a third-party type.

    Attributes:
        name: The kind of the value, different from every other kind's, as in ``numpy.ndarray``.
        parts: The content, which is digested in this order: plain values, buffers, and further third-party values.
    """

    name: str
    parts: Iterable[object]


class Digesting(ABC):
    """Digests buffers, and reads the content of values of third-party types."""

    __slots__ = ()

    @abstractmethod
    def buffer(self, data: Buffer) -> bytes:
        """Return the 32-byte digest of `data`, which is contiguous and of any size.

        The digest is collision-resistant: it decides whether an output is used again, and data may come from anybody.
        """

    @abstractmethod
    def foreign(self, value: object) -> Foreign | None:
        """Return the content of `value`, or None where the adapter does not support its type.

        Raises:
            ValueError: Its type is supported, but its content cannot be read; the message says why.
        """
