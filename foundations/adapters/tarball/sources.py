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
from collections.abc import Sequence
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import Any

from foundations import events
from foundations.adapters._shared.bundle.gzip_format import stored_size
from foundations.adapters._shared.bundle.project_files import SourceFile, stamp
from foundations.adapters._shared.bundle.tar_format import padding
from foundations.adapters._shared.fs.files import copy_all, write_atomically
from foundations.adapters._shared.fs.trusted import ensure_private_directory, is_private_directory
from foundations.adapters.tarball.packing import Packed, digest_of_source
from foundations.errors import FoundationsError

_FORMAT = 3
_TICK = 2_000_000_000
"""Nanoseconds between two ticks of the coarsest clock that a file system has (FAT's)."""
_FORGOTTEN_AFTER = 30 * 24 * 3600.0
_ABANDONED_AFTER = 24 * 3600.0
_SEEN = itemgetter(*(number for number, field in enumerate(SourceFile._fields) if field != "location"))
"""What of a source counts; where it lies, the places and its path tell."""

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class SourceStore:
    """Keeps packed projects, the latest of each place.

    What is kept is not flushed to the disk, and so counts only until the machine starts again.

    Args:
        directory: A private directory; made when something is kept.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def find(self, places: Sequence[Path], sources: Sequence[SourceFile]) -> tuple[Packed, int] | None:
        """Return the packed project of these sources, and a descriptor to copy it from, which the caller closes.

        Args:
            places: Where the sources lie: the project, and the extra source paths.
            sources: What lies there now.

        Returns:
            None where it has to be packed.
        """
        looked_at = time.time_ns()
        try:
            if not is_private_directory(self.directory):
                return None
            index = self._index(places)
            note, _, files = index.read_bytes().partition(b"\n")
            known = json.loads(note)
            if known["format"] != _FORMAT or known["boot"] != _boot() or known["sources"] != _fingerprint(sources):
                return None
            if known["recent"] and not _are_as_listed(sources, known["recent"], files):
                return None
            descriptor = os.open(self.directory / known["part"], os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, IndexError, FoundationsError) as error:
            events.info("packed_project_not_reused", directory=str(self.directory), reason=str(error))
            return None
        if list(stamp(os.fstat(descriptor))) != known["part_stamp"]:
            os.close(descriptor)
            return None
        if known["recent"]:
            self._note(index, {**known, "recent": _recent(sources, looked_at)}, files)
        else:
            os.utime(index)  # it is in use
        return Packed(files, known["size"], known["digest"]), descriptor

    def keep(
        self, places: Sequence[Path], sources: Sequence[SourceFile], looked_at: int, packed: Packed, bundle: int
    ) -> None:
        """Keep a packed project.

        Args:
            places: Where its sources lie.
            sources: What they were.
            looked_at: When that was seen, in nanoseconds since the epoch.
            packed: What was packed.
            bundle: A descriptor of the bundle that stands where the framed project begins.

        Raises:
            OSError: It cannot be kept.
            FoundationsError: The directory cannot be trusted.
        """
        boot = _boot()
        if boot is None:
            return
        ensure_private_directory(self.directory)
        self._tidy_up()
        index = self._index(places)
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
        self._note(
            index,
            {
                "format": _FORMAT,
                "boot": boot,
                "part": part.name,
                "part_stamp": part_stamp,
                "size": packed.size,
                "digest": packed.digest,
                "recent": _recent(sources, looked_at),
                "sources": _fingerprint(sources),
            },
            packed.files,
        )
        if before is not None:
            (self.directory / before).unlink(missing_ok=True)

    def _index(self, places: Sequence[Path]) -> Path:
        key = hashlib.sha256("\0".join(map(str, places)).encode(errors="surrogateescape")).hexdigest()
        return self.directory / f"{key[:32]}.json"

    def _note(self, index: Path, known: dict[str, Any], files: bytes) -> None:
        write_atomically(index, [json.dumps(known, separators=(",", ":")).encode(), b"\n", files], durable=False)

    def _tidy_up(self) -> None:
        """Remove what was not used for long, and what a process that died has left."""
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
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or nobody can tell: it is abandoned
        return None
    return part if isinstance(part, str) and part == os.path.basename(part) else None


def _fingerprint(sources: Sequence[SourceFile]) -> str:
    """Return the SHA-256 of what was seen of the sources, without what is in them."""
    seen = list(map(_SEEN, sources))
    return hashlib.sha256(marshal.dumps(seen, 2)).hexdigest()  # a version that writes equal values as equal bytes


def _are_as_listed(sources: Sequence[SourceFile], numbers: Sequence[int], files: bytes) -> bool:
    """Read some of the sources, and return whether their content is that which was packed."""
    entries = json.loads(files)
    return all(digest_of_source(sources[number]) == entries[number][4] for number in numbers)


def _recent(sources: Sequence[SourceFile], looked_at: int) -> list[int]:
    """Return the positions of the files that had changed shortly before they were looked at."""
    return [
        number for number, source in enumerate(sources) if source.stamp and max(source.stamp[2:]) > looked_at - _TICK
    ]


def _boot() -> str | None:
    try:
        return _BOOT.read_text().strip()
    except OSError:  # not Linux
        return None
