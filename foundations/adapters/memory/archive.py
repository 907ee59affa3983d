"""An archive in memory, for tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from foundations.adapters._shared.fs.files import translating_os_errors
from foundations.adapters._shared.rules import check_digest, check_item
from foundations.adapters.memory.stores import InStore, StoredItem
from foundations.errors import ItemNotFoundError
from foundations.ports.archive import ArchiveItem, PipelineArchive
from foundations.ports.frames import Buffer
from foundations.ports.job import check_job_name


@attrs.frozen
class MemoryPipelineArchive(InStore, PipelineArchive):
    """Stores items in this process, for tests: a job in another process cannot see them, and files are read whole.

    Args:
        store: The name of the store; adapters of the same name share their content.
    """

    def write(self, job_name: str, item: str, data: Sequence[Buffer]) -> None:
        """See :meth:`PipelineArchive.write`; the buffers are copied."""
        check_item(job_name, item)
        self._put(job_name, item, StoredItem(b"".join(data)))

    def write_file(self, job_name: str, item: str, source: Path, *, digest: str | None = None) -> None:
        """See :meth:`PipelineArchive.write_file`."""
        check_item(job_name, item)
        stored = None if digest is None else self._find(check_digest(digest))
        if stored is None:
            with translating_os_errors(source, "read"):
                stored = StoredItem(source.read_bytes(), digest)
        self._put(job_name, item, stored)

    def append(self, job_name: str, item: str, data: Buffer) -> None:
        """See :meth:`PipelineArchive.append`."""
        check_item(job_name, item)
        with self._store.lock:
            before = self._store.items.get(job_name, {}).get(item, StoredItem(b""))
            self._put(job_name, item, StoredItem(before.data + data))

    def read(self, job_name: str, item: str) -> bytes:
        """See :meth:`PipelineArchive.read`."""
        check_item(job_name, item)
        with self._store.lock:
            stored = self._store.items.get(job_name, {}).get(item)
        if stored is None:
            raise ItemNotFoundError(
                f"the store {self.store!r} in memory has no item {item!r} of job {job_name!r}.",
                job_name=job_name,
                item=item,
            )
        return stored.data

    def read_file(self, job_name: str, item: str, target: Path) -> None:
        """See :meth:`PipelineArchive.read_file`.

        Raises:
            FileExistsError: `target` exists.
        """
        data = self.read(job_name, item)
        if target.exists():
            raise FileExistsError(f"{target} exists")
        with translating_os_errors(target, "write"):
            target.write_bytes(data)

    def items(self, job_name: str, prefix: str = "") -> list[ArchiveItem]:
        """See :meth:`PipelineArchive.items`."""
        check_job_name(job_name)
        with self._store.lock:
            return [
                ArchiveItem(name=name, size=len(item.data))
                for name, item in sorted(self._store.items.get(job_name, {}).items())
                if name.startswith(prefix)
            ]

    def jobs(self) -> Iterator[str]:
        """See :meth:`PipelineArchive.jobs`."""
        with self._store.lock:
            names = list(self._store.items)
        yield from names

    def delete(self, job_name: str) -> None:
        """See :meth:`PipelineArchive.delete`."""
        check_job_name(job_name)
        with self._store.lock:
            self._store.items.pop(job_name, None)

    def _put(self, job_name: str, item: str, stored: StoredItem) -> None:
        with self._store.lock:
            self._store.items.setdefault(job_name, {})[item] = stored

    def _find(self, digest: str) -> StoredItem | None:
        """Return an item of any job with the content of `digest`."""
        with self._store.lock:
            items = [item for job in self._store.items.values() for item in job.values()]
        return next((item for item in items if item.digest == digest), None)
