"""An archive listing in memory, for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

import attrs

from foundations.adapters._shared.rules import canonical_json
from foundations.adapters.memory.stores import InStore
from foundations.errors import JobExistsError, JobNotFoundError
from foundations.ports.archive_listing import JobChange, JobQuery, JobRecord, PipelineListing
from foundations.ports.job import check_job_name


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

    def find(self, query: JobQuery) -> list[JobRecord]:
        """See :meth:`PipelineListing.find`; newest first is the reverse of oldest first, ties included."""
        with self._store.lock:
            found = [record for record in self._store.records.values() if _matches(record, query)]
        found.sort(key=lambda record: (record.submitted_at, record.job_name), reverse=not query.oldest_first)
        limit = None if query.limit is None else max(query.limit, 0)
        return [_copy(record) for record in islice(found, limit)]

    def remove(self, job_name: str) -> bool:
        """See :meth:`PipelineListing.remove`."""
        with self._store.lock:
            return self._store.records.pop(job_name, None) is not None


def _copy(record: JobRecord) -> JobRecord:
    """Return `record` as it would be read from a disk: of JSON's own types, shared with nobody."""
    mappings = ("parameters", "metrics", "tags", "environment")
    return record._replace(**{name: json.loads(json.dumps(dict(getattr(record, name)))) for name in mappings})


def _matches(record: JobRecord, query: JobQuery) -> bool:
    return (
        (query.project is None or record.project == query.project)
        and (query.states is None or record.state in query.states)
        and (query.submitted_from is None or record.submitted_at >= query.submitted_from)
        and (query.submitted_until is None or record.submitted_at < query.submitted_until)
        and _contains(record.tags, query.tags)
        and _contains(record.parameters, query.parameters)
        and _contains(record.metrics, query.metrics)
    )


def _contains(values: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(
        name in values and canonical_json(values[name]) == canonical_json(value) for name, value in wanted.items()
    )
