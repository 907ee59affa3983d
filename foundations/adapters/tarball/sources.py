"""Projects that were packed before, so that an unchanged one is neither read nor compressed again.

A file counts as unchanged where its size, its inode number and both its times are as they were when it was packed. One
that had changed shortly before it was read might have changed again in the same tick of its file system's clock: such a
file is read once more, and its digest compared.
"""

from __future__ import annotations

import hashlib
import json
import marshal
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from foundations import events
from foundations.adapters._shared.bundle.gzip_format import stored_size
from foundations.adapters._shared.bundle.tar_format import padding
from foundations.adapters._shared.fs.files import copy_all, write_atomically
from foundations.adapters._shared.fs.trusted import ensure_private_directory, is_private_directory
from foundations.adapters._shared.project.project_files import SourceFile, stamp
from foundations.adapters.tarball.packing import Packed
from foundations.adapters.tarball.reading import digest_of_source
from foundations.errors import FoundationsError

_FORMAT = 3
_TICK = 2_000_000_000
"""Nanoseconds between two ticks of the coarsest clock that a file system has (FAT's)."""
_FORGOTTEN_AFTER = 30 * 24 * 3600.0
_ABANDONED_AFTER = 24 * 3600.0
_SEEN = itemgetter(*(number for number, field in enumerate(SourceFile._fields) if field != "location"))
"""Returns what counts of a source; its location follows from the places and its path."""

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Sources(NamedTuple):
    """What a project was made of at one moment.

    Attributes:
        places: Where its files lie: the project directory, and the extra source paths.
        files: What lay there.
        seen_at: The moment, in nanoseconds since the epoch.
    """

    places: tuple[Path, ...]
    files: Sequence[SourceFile]
    seen_at: int


class SourceStore:
    """Stores packed projects, the latest of each place.

    They are not flushed to the disk, and so count only until the machine starts again.

    Args:
        directory: A private directory; made when something is stored.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def find(self, sources: Sources) -> tuple[Packed, int] | None:
        """Return the packed project of these sources, and a descriptor to copy it from, which the caller closes.

        Returns:
            None where the project has to be packed.
        """
        try:
            if not is_private_directory(self.directory):
                return None
            index = self._index(sources.places)
            note, _, files = index.read_bytes().partition(b"\n")
            stored = json.loads(note)
            if not _is_current(stored, sources, files):
                return None
            descriptor = os.open(self.directory / stored["part"], os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, IndexError, FoundationsError) as error:
            events.info("packed_project_not_reused", directory=str(self.directory), reason=str(error))
            return None
        if list(stamp(os.fstat(descriptor))) != stored["part_stamp"]:
            os.close(descriptor)
            return None
        if stored["recent"]:
            self._write_index(index, {**stored, "recent": _recent(sources)}, files)
        else:
            os.utime(index)  # it is in use
        return Packed(files, stored["size"], stored["digest"]), descriptor

    def store(self, sources: Sources, packed: Packed, bundle: int) -> None:
        """Store a packed project.

        Args:
            sources: What it was packed from.
            packed: What was packed.
            bundle: A descriptor of the bundle whose position is where the framed project begins.

        Raises:
            OSError: It cannot be stored.
            FoundationsError: The directory cannot be trusted.
        """
        boot = _boot()
        if boot is None:
            return
        ensure_private_directory(self.directory)
        self._remove_old()
        index = self._index(sources.places)
        before = _part_of(index)
        part = index.with_name(f"{os.urandom(8).hex()}.part")
        target = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            copy_all(bundle, target, stored_size(packed.size + padding(packed.size)))
            part_stamp = stamp(os.fstat(target))
        except BaseException:
            part.unlink()
            raise
        finally:
            os.close(target)
        self._write_index(
            index,
            {
                "format": _FORMAT,
                "boot": boot,
                "part": part.name,
                "part_stamp": part_stamp,
                "size": packed.size,
                "digest": packed.digest,
                "recent": _recent(sources),
                "sources": _fingerprint(sources),
            },
            packed.files,
        )
        if before is not None:
            (self.directory / before).unlink(missing_ok=True)

    def _index(self, places: Sequence[Path]) -> Path:
        key = hashlib.sha256("\0".join(map(str, places)).encode(errors="surrogateescape")).hexdigest()
        return self.directory / f"{key[:32]}.json"

    def _write_index(self, index: Path, note: dict[str, Any], files: bytes) -> None:
        write_atomically(index, [json.dumps(note, separators=(",", ":")).encode(), b"\n", files], durable=False)

    def _remove_old(self) -> None:
        """Remove what was not used for long, and what a process that died left behind."""
        now = time.time()
        for path in self.directory.iterdir():
            with suppress(FileNotFoundError):  # another process was faster
                age = now - path.stat().st_mtime
                if path.suffix == ".json" and age > _FORGOTTEN_AFTER:
                    part = _part_of(path)
                    path.unlink()
                    if part is not None:
                        (self.directory / part).unlink(missing_ok=True)
                elif path.suffix != ".json" and age > _ABANDONED_AFTER and path.name not in self._parts():
                    path.unlink()

    def _parts(self) -> set[str | None]:
        return {_part_of(index) for index in self.directory.glob("*.json")}


def _part_of(index: Path) -> str | None:
    try:
        with index.open("rb") as stream:
            part = json.loads(stream.readline())["part"]
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or none that can be read: it is abandoned
        return None
    return part if isinstance(part, str) and part == os.path.basename(part) else None


def _is_current(stored: Mapping[str, Any], sources: Sources, files: bytes) -> bool:
    """Return whether a stored project is what would be packed of `sources` now.

    Args:
        stored: The note of the stored project.
        sources: What its places hold now.
        files: The entries of its files, as JSON.
    """
    if stored["format"] != _FORMAT or stored["boot"] != _boot() or stored["sources"] != _fingerprint(sources):
        return False
    entries = json.loads(files) if stored["recent"] else []
    return all(digest_of_source(sources.files[number]) == entries[number][4] for number in stored["recent"])


def _fingerprint(sources: Sources) -> str:
    """Return the SHA-256 of the attributes of the files, without their content."""
    seen = list(map(_SEEN, sources.files))
    return hashlib.sha256(marshal.dumps(seen, 2)).hexdigest()  # a version that writes equal values as equal bytes


def _recent(sources: Sources) -> list[int]:
    """Return the positions of the files that had changed shortly before they were seen."""
    changed_after = sources.seen_at - _TICK
    return [
        number for number, source in enumerate(sources.files) if source.stamp and max(source.stamp[2:]) > changed_after
    ]


def _boot() -> str | None:
    try:
        return _BOOT.read_text().strip()
    except OSError:  # not Linux
        return None
