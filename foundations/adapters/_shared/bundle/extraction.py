"""Writing the files of a bundle: new ones only, each compared with its entry."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from foundations.adapters._shared.bundle.prefetch import prefetch
from foundations.adapters._shared.fs.files import open_descriptor, write_all
from foundations.errors import DamagedBundleError
from foundations.ports.frames import Buffer
from foundations.ports.job_layout import Entry

_WORTH_A_THREAD = 2**24


@contextmanager
def reading_tgz(name: str, *further: type[Exception]) -> Iterator[None]:
    """Translate the errors of reading a damaged .tgz, and `further`, to :class:`DamagedBundleError`."""
    raised: tuple[type[Exception], ...] = (gzip.BadGzipFile, zlib.error, EOFError, ValueError, *further)
    try:
        yield
    except raised as error:
        raise damaged(name, f"it is not an intact .tgz: {error}") from error


def copy_checked(content: Iterable[Buffer], entry: Entry, target: str | Path | None) -> None:
    """Copy one file, and compare its size and digest with its entry; read at most that size.

    A large file is hashed in a thread, while this one writes.
    """
    digest = hashlib.sha256()
    size = 0

    def hashed() -> Iterator[Buffer]:
        nonlocal size
        for data in content:
            size += len(data)
            if size > entry.size:
                return
            digest.update(data)
            yield data

    if target is None:
        for _ in hashed():
            continue
    else:
        if "/" in entry.path and isinstance(target, Path):
            target.parent.mkdir(parents=True, exist_ok=True)
        with nullcontext(hashed()) if entry.size < _WORTH_A_THREAD else prefetch(hashed()) as pieces:
            write_new(target, pieces, entry.mode)
    if size != entry.size or digest.hexdigest() != entry.digest:
        raise damaged(entry.path, "its size or digest is not the manifest's")


def write_new(target: str | Path, content: Iterable[Buffer], mode: int = 0o600) -> None:
    """Write a new file; an existing one, also a link, is an error."""
    with open_descriptor(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode) as descriptor:
        for data in content:
            write_all(descriptor, [data])


def damaged(member: str, reason: str) -> DamagedBundleError:
    """Return the error for a bundle that is damaged at a member."""
    return DamagedBundleError(f"the bundle is damaged at {member}: {reason}. Nothing of it was run.", member=member)
