"""Which bundles are being made or in use, so that the next process removes what a process that dies leaves behind."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from foundations import events
from foundations.adapters._shared.fs.files import lock_file, locked_directory, write_all
from foundations.adapters._shared.fs.trusted import ensure_private_directory

PRIVATE_PREFIX = "foundations-bundle-"
"""What the name of a temporary directory begins with that was made for one bundle alone."""


class Registration(NamedTuple):
    """A note of a bundle, locked for as long as its maker lives."""

    note: Path
    descriptor: int

    def close(self) -> None:
        """Remove the note of a bundle of which nothing is left."""
        self.note.unlink(missing_ok=True)
        os.close(self.descriptor)


class BundleRegistry:
    """Notes of bundles, each with the two names that a bundle has while it is in use.

    The name that it was made under stays until the bundle is discarded: it shows that a file of the final name is ours.

    Args:
        directory: A private directory.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def register(self, made: Path, target: Path) -> Registration:
        """Note a bundle before its first byte is written.

        Args:
            made: The name that it is made under.
            target: The name that it gets.

        Raises:
            OSError: The note cannot be written.
            UntrustedLocationError: Somebody else could write notes there.
        """
        ensure_private_directory(self.directory)
        note = self.directory / f"{os.urandom(8).hex()}.json"
        with locked_directory(self.directory):  # so that nobody sees a note before it is locked
            descriptor = os.open(note, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                lock_file(descriptor, wait=True)
                write_all(descriptor, [json.dumps({"made": str(made), "target": str(target)}).encode()])
            except BaseException:
                os.close(descriptor)
                note.unlink()
                raise
        return Registration(note, descriptor)

    def remove_abandoned(self) -> None:
        """Remove the bundles whose makers have died without discarding them."""
        if not self.directory.is_dir():  # nothing was ever noted
            return
        with locked_directory(self.directory):
            for name in os.listdir(self.directory):
                try:
                    self._remove_abandoned(self.directory / name)
                except (OSError, KeyError, TypeError) as error:
                    events.info("abandoned_bundle_not_removed", note=str(self.directory / name), reason=str(error))

    def _remove_abandoned(self, note: Path) -> None:
        try:
            descriptor = os.open(note, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:  # discarded meanwhile
            return
        try:
            if not lock_file(descriptor):  # its maker lives
                return
            try:
                noted = json.loads(os.read(descriptor, 1 << 16))
            except ValueError:  # its maker died while it wrote the note, before anything else
                note.unlink()
                return
            made, target = Path(noted["made"]), Path(noted["target"])
            if made.exists():
                with suppress(FileNotFoundError):
                    if target.samefile(made):
                        target.unlink()
                made.unlink()
                events.info("abandoned_bundle_removed", path=str(target))
            if target.parent.name.startswith(PRIVATE_PREFIX):
                with suppress(OSError):  # something else is in it
                    target.parent.rmdir()
            note.unlink(missing_ok=True)
        finally:
            os.close(descriptor)
