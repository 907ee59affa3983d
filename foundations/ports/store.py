"""What the cache, the archive and the archive listing have in common."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar


class Store(ABC):
    """A place that outlives the calls that write to it."""

    __slots__ = ()

    in_this_process_only: ClassVar[bool] = False
    """True where another process cannot see what is stored here; a job in another process is then refused."""

    def check(self) -> None:
        """Raise now what using the store would raise, as far as that can be found out without writing. Optional.

        Raises:
            UntrustedLocationError: Somebody else could have written its content.
            StorageUnavailableError: It cannot be used: not a directory, no access, unreachable.
        """
