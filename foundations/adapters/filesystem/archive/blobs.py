"""Content that several jobs share, stored once under its digest."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from foundations.adapters._shared.fs.files import copy_atomically, link_atomically, open_descriptor
from foundations.adapters.filesystem.root import ensure_writable, is_readable

_LINK_FAILURES = frozenset({errno.EMLINK, errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOENT})


class BlobStore:
    """Files under ``<root>/blobs``, each named by the digest of its content; archive items are hard links to them.

    ``<root>/references/<job name>`` lists the digests that a job uses, so that its deletion looks at these blobs alone.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def link(self, job_name: str, digest: str, source: Path, path: Path) -> bool:
        """Make `path` a link to the content of `digest`, which is copied from `source` where it is not stored yet.

        Returns:
            Whether the link was made: a file system may have no links, or no more for one file.
        """
        blob = self._path(digest)
        self._add_reference(job_name, digest)
        try:
            if not blob.exists():
                ensure_writable(self._root, blob.parent)
                copy_atomically(source, blob, exclusive=True, mode=0o400)
            link_atomically(blob, path)
        except OSError as error:
            if error.errno not in _LINK_FAILURES:
                raise
            return False
        return True

    def release(self, job_name: str) -> None:
        """Remove the blobs that this job used and that no item refers to; the job's items must be deleted before."""
        references = self._root / "references" / job_name
        if not is_readable(self._root, references.parent) or not references.exists():
            return
        for digest in set(references.read_text().split()):
            blob = self._path(digest)
            if blob.exists() and blob.stat().st_nlink == 1:
                blob.unlink(missing_ok=True)
        references.unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self._root / "blobs" / digest[:2] / digest

    def _add_reference(self, job_name: str, digest: str) -> None:
        references = self._root / "references" / job_name
        ensure_writable(self._root, references.parent)
        with open_descriptor(references, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW) as descriptor:
            os.write(descriptor, f"{digest}\n".encode())
