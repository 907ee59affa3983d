"""The result document: what is archived of a job's stages, but for their outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from foundations.ports.job import describe_format

CONTEXT_DEFAULTS: dict[str, Any] = {
    "stage_log": {},
    "meta_data": {},
    "data_uuid": None,
    "has_stage_output": False,
    "no_output_because": None,
    "error_information": None,
    "is_context_aware": False,
    "used_cache": False,
    "cache_uuid": None,
    "not_cached_because": None,
    "cache_read_time": None,
    "cache_write_time": None,
}


class ResultDocument(NamedTuple):
    """The result as it is archived: columns for what every stage has, details for what few have.

    Attributes:
        uuids: The stages of the flat pipeline, in its order; the last is the one that was run.
        names: Likewise, their names.
        started_at: Likewise, seconds since the epoch; None for a stage that did not run.
        ended_at: Likewise.
        details: By uuid, the fields of the stage's context that are not as in ``CONTEXT_DEFAULTS``.
        differences: What had another value in the job than where it was submitted: name, value there, value in the job.
    """

    uuids: list[str]
    names: list[str]
    started_at: list[float | None]
    ended_at: list[float | None]
    details: dict[str, dict[str, Any]]
    differences: Sequence[Sequence[str]] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the document as JSON's own types."""
        return {"format": 1, **self._asdict()}

    @classmethod
    def from_json(cls, document: Any) -> ResultDocument:
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError: It is no result document of a known format.
        """
        try:
            if document["format"] != 1:
                raise ValueError(f"it has {describe_format(document['format'], 1)}")
            columns = [document[name] for name in ("uuids", "names", "started_at", "ended_at")]
            if len({len(column) for column in columns}) != 1 or not isinstance(document["details"], dict):
                raise ValueError("its columns differ in length")
            uuids, names, started_at, ended_at = columns
            return cls(uuids, names, started_at, ended_at, document["details"], document.get("differences", ()))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a result document of format 1: {error}") from error
