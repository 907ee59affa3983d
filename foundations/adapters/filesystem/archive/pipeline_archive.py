"""The adapter of the archive port: each item is a file."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from foundations.adapters._shared.fs.files import (
    TEMPORARY_PREFIX,
    copy_all,
    copy_atomically,
    locked_directory,
    open_descriptor,
    read_all,
    translating_os_errors,
    write_atomically,
)
from foundations.adapters._shared.fs.trusted import check_private_directory, check_private_file
from foundations.adapters._shared.rules import check_digest, check_item
from foundations.adapters.filesystem.archive.blobs import BlobStore
from foundations.adapters.filesystem.archive.item_paths import item_name, item_path
from foundations.adapters.filesystem.root import absolute_root, ensure_writable, is_readable
from foundations.errors import ItemNotFoundError
from foundations.ports.archive import ArchiveItem, PipelineArchive
from foundations.ports.frames import Buffer
from foundations.ports.job import check_job_name

_TRASH_PREFIX = ".deleted-"
_NO_SUCH_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP})


class LocalFileSystemPipelineArchive(PipelineArchive):
    """Stores each item in a file of its own, ``<root>/jobs/<job name>/<item name>``.

    Content that is written with a digest is stored once, in ``<root>/blobs``. Its items are hard links to it, and it is
    removed with the last of them; on a file system without hard links every item is a copy. Since items are files, an
    item ``a/b`` cannot exist beside an item ``a``: the second write raises
    :class:`~foundations.errors.StorageUnavailableError`.

    Args:
        root: An absolute path, or one that begins with ``~``; created on the first write, private to the user.

    Raises:
        ConfigurationError: `root` is relative.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = absolute_root(root)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.root)!r})"

    def check(self) -> None:
        """See :meth:`PipelineArchive.check`."""
        check_private_directory(self.root)

    def write(self, job_name: str, item: str, data: Sequence[Buffer]) -> None:
        """See :meth:`PipelineArchive.write`."""
        path = self._path_to_write(job_name, item)
        with translating_os_errors(path, "write"):
            write_atomically(path, data)

    def write_file(self, job_name: str, item: str, source: Path, *, digest: str | None = None) -> None:
        """See :meth:`PipelineArchive.write_file`."""
        if digest is not None:
            check_digest(digest)
        path = self._path_to_write(job_name, item)
        with translating_os_errors(path, f"copy {source} to"):
            if digest is None or not BlobStore(self.root).link(job_name, digest, source, path):
                copy_atomically(source, path)

    def append(self, job_name: str, item: str, data: Buffer) -> None:
        """See :meth:`PipelineArchive.append`; several processes may append to one item."""
        path = self._path_to_write(job_name, item)
        with translating_os_errors(path, "append to"), locked_directory(path.parent):
            if path.exists() and _is_shared(path.stat()):
                copy_atomically(path, path)
            with open_descriptor(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW) as descriptor:
                _append_all_or_nothing(descriptor, memoryview(data).cast("B"))
                os.fsync(descriptor)

    def read(self, job_name: str, item: str) -> bytearray | memoryview:
        """See :meth:`PipelineArchive.read`."""
        with self._open(job_name, item) as (descriptor, path), translating_os_errors(path, "read"):
            return read_all(descriptor, os.fstat(descriptor).st_size)

    def read_file(self, job_name: str, item: str, target: Path) -> None:
        """See :meth:`PipelineArchive.read_file`.

        Raises:
            FileExistsError: `target` exists.
        """
        with self._open(job_name, item) as (descriptor, path):
            try:
                with translating_os_errors(path, f"copy to {target} from"), target.open("xb", buffering=0) as copy:
                    copy_all(descriptor, copy.fileno())
            except BaseException as error:
                if isinstance(error.__cause__, FileExistsError):
                    raise error.__cause__ from None
                target.unlink(missing_ok=True)
                raise

    def items(self, job_name: str, prefix: str = "") -> list[ArchiveItem]:
        """See :meth:`PipelineArchive.items`."""
        items = self._walk(self._job_directory(job_name))
        return sorted((item for item in items if item.name.startswith(prefix)), key=lambda item: item.name)

    def jobs(self) -> Iterator[str]:
        """See :meth:`PipelineArchive.jobs`."""
        top = self.root / "jobs"
        if not is_readable(self.root, top):
            return
        with translating_os_errors(top, "list"):
            directories = [path for path in top.iterdir() if not path.name.startswith(_TRASH_PREFIX)]
        for directory in directories:
            if next(self._walk(directory), None) is not None:
                yield directory.name

    def delete(self, job_name: str) -> None:
        """See :meth:`PipelineArchive.delete`; the remains of an earlier, interrupted deletion are removed too."""
        from shutil import rmtree

        directory = self._job_directory(job_name)
        top = directory.parent
        if not is_readable(self.root, top):
            return
        trash = top / f"{_TRASH_PREFIX}{job_name}"
        with translating_os_errors(directory, "delete"), locked_directory(top):
            if trash.exists():
                rmtree(trash)
            if directory.exists():
                directory.rename(trash)
                rmtree(trash)
            BlobStore(self.root).release(job_name)

    def _job_directory(self, job_name: str) -> Path:
        return self.root / "jobs" / check_job_name(job_name)

    def _path_to_write(self, job_name: str, item: str) -> Path:
        check_item(job_name, item)
        path = self._job_directory(job_name) / item_path(item)
        ensure_writable(self.root, path.parent)
        return path

    @contextmanager
    def _open(self, job_name: str, item: str) -> Iterator[tuple[int, Path]]:
        """Open the file of an item; yield its descriptor and its path."""
        check_item(job_name, item)
        path = self._job_directory(job_name) / item_path(item)
        missing = ItemNotFoundError(
            f"{self.root} has no item {item!r} of job {job_name!r}.", path=str(self.root), job_name=job_name, item=item
        )
        if self._is_below_an_item(path) or not is_readable(self.root, path.parent):
            raise missing
        with translating_os_errors(path, "read"):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                if error.errno not in _NO_SUCH_FILE:
                    raise
                raise missing from error
        try:
            with translating_os_errors(path, "read"):
                status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise missing
            check_private_file(path, status)
            yield descriptor, path
        finally:
            os.close(descriptor)

    def _is_below_an_item(self, path: Path) -> bool:
        """Return whether something between the root and `path` is an item itself."""
        between = list(path.parents)[: len(path.parts) - len(self.root.parts) - 1]
        return any(parent.is_file() for parent in between)

    def _walk(self, top: Path) -> Iterator[ArchiveItem]:
        """Yield the items in the directory `top` and below it."""
        pending = [top]
        while pending:
            directory = pending.pop()
            if not is_readable(self.root, directory):
                continue
            with translating_os_errors(directory, "list"):
                paths = [path for path in directory.iterdir() if not path.name.startswith(TEMPORARY_PREFIX)]
            for path in paths:
                with translating_os_errors(path, "look at"):
                    try:
                        status = path.lstat()
                    except FileNotFoundError:
                        continue
                if stat.S_ISDIR(status.st_mode):
                    pending.append(path)
                elif stat.S_ISREG(status.st_mode):
                    name = item_name(path.relative_to(top).as_posix())
                    yield ArchiveItem(name=name, size=status.st_size)


def _is_shared(status: os.stat_result) -> bool:
    return status.st_nlink > 1 or not status.st_mode & stat.S_IWUSR


def _append_all_or_nothing(descriptor: int, data: memoryview) -> None:
    """Append all of `data` or, where the disk is full, nothing; the caller must hold the lock."""
    size = os.fstat(descriptor).st_size
    written = 0
    try:
        while written < data.nbytes:
            written += os.write(descriptor, data[written:])
    except BaseException:
        os.ftruncate(descriptor, size)
        raise
