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
    def dump(self, value: object, called: str = "the value") -> list[Buffer]:
        """Return `value` as a pickle followed by its out-of-band buffers.

        A class of ``__main__`` is found again in a process whose ``__main__`` has it, and loaded by value in any other.

        Args:
            value: What to pickle.
            called: Its name in an error.

        Raises:
            NotSerialisableError: Part of it cannot be pickled; ``path`` leads there from `called`.
        """

    @abstractmethod
    def load(self, buffers: Sequence[Buffer]) -> object:
        """Return the value that :meth:`dump` was given.

        Raises:
            OtherPythonError: It holds code by value that another minor version of Python has made.
            Exception: Whatever its classes raise.
        """

    @abstractmethod
    def installed_versions(self, buffers: Sequence[Buffer]) -> dict[str, str | None]:
        """Return the versions that are installed here of the libraries that :meth:`dump` named in a pickle.

        Returns:
            The versions by the names of distributions; None for a name of which none is installed.
        """

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
        """Iterate over the values that :meth:`dump_sequence` was given.

        Raises:
            OtherPythonError: One holds code by value that another minor version of Python has made.
            Exception: Whatever their classes raise.
        """
