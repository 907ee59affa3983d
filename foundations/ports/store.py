"""What every store promises: the cache, the archive and the archive listing."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar


class Store(ABC):
    """A place that keeps things beyond the call that put them there."""

    __slots__ = ()

    in_this_process_only: ClassVar[bool] = False
    """True where another process cannot see what is stored here; a job in another process is then refused."""

    def check(self) -> None:
        """Raise what using the store would raise and can be told without writing anything. Optional.

        Raises:
            UntrustedLocationError: Somebody else could have written what lies there.
            StorageUnavailableError: It cannot be used: not a directory, no access, unreachable.
        """
