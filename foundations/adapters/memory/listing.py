"""An archive listing in memory, for tests."""

from __future__ import annotations

import json
from collections.abc import Iterator

import attrs

from foundations.adapters._shared.job_matching import check_field, matches, select
from foundations.adapters.memory.stores import InStore
from foundations.errors import JobExistsError, JobNotFoundError
from foundations.ports.archive_listing import JobChange, JobRecord, PipelineListing
from foundations.ports.job import check_job_name
from foundations.ports.job_query import Condition, Field, JobQuery


@attrs.frozen
class MemoryPipelineListing(InStore, PipelineListing):
    """Stores records in this process, for tests: a job in another process cannot see them.

    Args:
        store: The name of the store; adapters of the same name share their content.
    """

    def track(self, record: JobRecord) -> None:
        """See :meth:`PipelineListing.track`."""
        check_job_name(record.job_name)
        stored = _copy(record)
        with self._store.lock:
            if record.job_name in self._store.records:
                raise JobExistsError(
                    f"job name {record.job_name!r} is taken by an earlier job. Choose another name.",
                    job_name=record.job_name,
                )
            self._store.records[record.job_name] = stored

    def update(self, job_name: str, change: JobChange) -> None:
        """See :meth:`PipelineListing.update`."""
        with self._store.lock:
            self._store.records[job_name] = _copy(change.applied_to(self.get(job_name)))

    def get(self, job_name: str) -> JobRecord:
        """See :meth:`PipelineListing.get`."""
        with self._store.lock:
            record = self._store.records.get(job_name)
        if record is None:
            raise JobNotFoundError(
                f"the store {self.store!r} in memory has no job named {job_name!r}.", job_name=job_name
            )
        return _copy(record)

    def find(self, query: JobQuery) -> Iterator[JobRecord]:
        """See :meth:`PipelineListing.find`."""
        with self._store.lock:
            names = [record.job_name for record in select([*self._store.records.values()], query)]
        for name in names:
            with self._store.lock:
                record = self._store.records.get(name)
            if record is not None:
                yield _copy(record)

    def count(self, condition: Condition | None = None) -> int:
        """See :meth:`PipelineListing.count`."""
        with self._store.lock:
            return sum(matches(record, condition) for record in self._store.records.values())

    def names(self, group: str) -> list[str]:
        """See :meth:`PipelineListing.names`."""
        with self._store.lock:
            records = [*self._store.records.values()]
        if group == "project":
            return sorted({record.project for record in records})
        check_field(Field("", group))
        return sorted({name for record in records for name in getattr(record, group)})

    def remove(self, job_name: str) -> bool:
        """See :meth:`PipelineListing.remove`."""
        with self._store.lock:
            return self._store.records.pop(job_name, None) is not None


def _copy(record: JobRecord) -> JobRecord:
    """Return `record` as it would be read from a disk: of JSON's own types, shared with nobody."""
    mappings = ("parameters", "metrics", "tags", "environment")
    return record._replace(**{name: json.loads(json.dumps(dict(getattr(record, name)))) for name in mappings})
