"""Serialisation: values to buffers and back. Internal: not a seam for third parties."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence

from foundations.ports.frames import Buffer


class Serialiser(ABC):
    """Turns values into buffers and back.

    Loading runs code that the buffers choose: load only from what SECURITY.md calls trusted.
    """

    __slots__ = ()

    @abstractmethod
    def dump(self, value: object, called: str = "the value", *, for_cache: bool = False) -> list[Buffer]:
        """Return `value` as a pickle followed by its out-of-band buffers.

        Args:
            value: What to pickle.
            called: Its name in an error.
            for_cache: Whether other jobs will load it: a class of ``__main__`` is then found again where they have it.

        Raises:
            NotSerialisableError: Part of it cannot be pickled; ``path`` leads there from `called`.
        """

    @abstractmethod
    def load(self, buffers: Sequence[Buffer]) -> object:
        """Return the value that :meth:`dump` was given."""

    @abstractmethod
    def dump_sequence(
        self, values: Iterable[object], parts: Callable[[int], Iterable[tuple[str, object]]]
    ) -> list[Buffer]:
        """Return the pickles of values, one after the other; objects that they share stay shared.

        Args:
            values: The values.
            parts: Returns the parts of the value at a position, each with its name in an error; called where that value
                cannot be pickled.

        Raises:
            NotSerialisableError: Part of one cannot be pickled; ``path`` leads there from the name that `parts` gave.
        """

    @abstractmethod
    def load_sequence(self, data: Buffer) -> Iterator[object]:
        """Iterate over the values that :meth:`dump_sequence` was given."""
