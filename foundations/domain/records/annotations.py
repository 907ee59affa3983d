"""What people have written about a job, as a document in its archive."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from foundations.ports.job import check_format

FORMAT = 1


class Annotations(NamedTuple):
    """The tags and the note of a job.

    Attributes:
        tags: Values by name.
        note: Free text; None for none.
        further: What a newer version of foundations has written besides; it is kept.
    """

    tags: Mapping[str, str] = MappingProxyType({})
    note: str | None = None
    further: Mapping[str, Any] = MappingProxyType({})

    def to_json(self) -> dict[str, Any]:
        """Return the annotations as JSON's own types."""
        return {**self.further, "format": FORMAT, "tags": dict(self.tags), "note": self.note}

    @classmethod
    def from_json(cls, document: Any) -> Annotations:
        """Read what :meth:`to_json` wrote.

        Raises:
            NewerFormatError: A newer version of foundations has written it.
            ValueError: It is no document of annotations.
        """
        check_format(document, FORMAT)
        further = {name: value for name, value in document.items() if name not in ("format", "tags", "note")}
        tags, note = document.get("tags", {}), document.get("note")
        if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
            raise ValueError("its tags are no mapping of texts")
        if note is not None and not isinstance(note, str):
            raise ValueError("its note is no text")
        return cls(tags, note, further)
