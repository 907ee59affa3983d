"""Opening the files of a project, and reporting those that change or vanish while they are read."""

from __future__ import annotations

import hashlib
import os
import stat

from foundations import events
from foundations.adapters._shared.bundle.gzip_format import CHUNK
from foundations.adapters._shared.project.project_files import VANISHED, SourceFile, stamp
from foundations.errors import BundleError


def open_source(source: SourceFile) -> int | None:
    """Return a descriptor of a file, which the caller closes; None where there is no such file any more.

    Opening never waits, whatever is in the file's place.

    Raises:
        OSError: It cannot be opened.
    """
    try:
        descriptor = os.open(source.location, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in VANISHED:
            return None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def report_change(source: SourceFile, opened: os.stat_result, read: os.stat_result, size: int | None) -> None:
    """Report a file whose content changed while it was read.

    Args:
        source: The file.
        opened: Its status when it was opened.
        read: Its status when it had been read.
        size: How many of its bytes are in the bundle; None where it became shorter and was filled up with zeros.
    """
    if size is None:
        reason = "it became shorter while it was bundled: the rest of it is zeros in the bundle"
    elif (opened.st_size, opened.st_mtime_ns) == (read.st_size, read.st_mtime_ns):
        return
    elif opened.st_size == size < read.st_size:
        events.info("file_grew", path=source.location, bundled=f"the {size:,} bytes that it had when it was opened")
        return
    else:
        reason = "it was written while it was bundled: the bundle may hold parts of two versions"
    events.warning("file_changed", path=source.location, reason=reason, remedy="run again when nothing writes to it")


def digest_of_source(source: SourceFile) -> str | None:
    """Return the SHA-256 of a file's present content; None where the file was changed since it was seen."""
    digest = hashlib.sha256()
    try:
        descriptor = open_source(source)
        if descriptor is None:
            return None
        with open(descriptor, "rb", buffering=0) as stream:
            if stamp(os.fstat(descriptor)) != source.stamp:
                return None
            while data := stream.read(CHUNK):
                digest.update(data)
            return digest.hexdigest() if stamp(os.fstat(descriptor)) == source.stamp else None
    except OSError as error:
        raise unreadable(source, error) from error


def unreadable(source: SourceFile, error: OSError) -> BundleError:
    """Return the error for a file that cannot be read."""
    return BundleError(
        f"{source.location}: cannot be read: {error.strerror}. Make it readable, or name it in .foundationsignore.",
        path=source.location,
    )
