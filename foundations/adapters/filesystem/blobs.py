"""Content that several jobs share, by digest."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from foundations.adapters._shared.fs.files import copy_atomically, link_atomically
from foundations.adapters.filesystem.root import ensure_writable, readable

_NOT_LINKED = frozenset({errno.EMLINK, errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOENT})


class Blobs:
    """Files under ``<root>/blobs`` named by the digest of their content; those who use one are hard links to it.

    ``<root>/references/<job name>`` lists the digests a job was given, so that its deletion need not look at all.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def link(self, job_name: str, digest: str, source: Path, path: Path) -> bool:
        """Make `path` a link to the content of `digest`, taken from `source` where it is not held yet.

        Returns:
            Whether that was done: a file system may have no links, or no more of one file.
        """
        blob = self._path(digest)
        self._note(job_name, digest)
        try:
            if not blob.exists():
                ensure_writable(self._root, blob.parent)
                copy_atomically(source, blob, exclusive=True, mode=0o400)
            link_atomically(blob, path)
        except OSError as error:
            if error.errno not in _NOT_LINKED:
                raise
            return False
        return True

    def release(self, job_name: str) -> None:
        """Remove what the job was given and nobody refers to any more; its items are gone already."""
        references = self._root / "references" / job_name
        if not readable(self._root, references.parent) or not references.exists():
            return
        for digest in set(references.read_text().split()):
            blob = self._path(digest)
            if blob.exists() and blob.stat().st_nlink == 1:
                blob.unlink(missing_ok=True)
        references.unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self._root / "blobs" / digest[:2] / digest

    def _note(self, job_name: str, digest: str) -> None:
        references = self._root / "references" / job_name
        ensure_writable(self._root, references.parent)
        descriptor = os.open(references, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, f"{digest}\n".encode())
        finally:
            os.close(descriptor)
