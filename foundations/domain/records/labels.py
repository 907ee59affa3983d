"""What a person gives a job besides its name: project, tags and a note."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from foundations.errors import FoundationsError


class JobLabels(NamedTuple):
    """What a job is labelled with when it is submitted.

    Attributes:
        project: The project; None for that of the process.
        tags: Values by name.
        note: Free text; None for none.
    """

    project: str | None = None
    tags: Mapping[str, str] = MappingProxyType({})
    note: str | None = None

    def changed(self, project: object, tags: Any, note: object) -> JobLabels:
        """Return the labels with those that are not None; tags are added to those that are there.

        Raises:
            FoundationsError: One of them is of another kind.
        """
        return JobLabels(
            self.project if project is None else check_project_name(project),
            self.tags if tags is None else {**self.tags, **check_tags(tags)},
            self.note if note is None else check_note(note),
        )


NO_LABELS = JobLabels()


def check_project_name(name: object) -> str:
    """Return `name` where it can name a project: any text that is not blank.

    Raises:
        FoundationsError: It cannot.
    """
    return _checked_text(name, "a project's name", may_be_empty=False)


def check_tag(name: object, value: object = "") -> tuple[str, str]:
    """Return a tag's name, any text that is not blank, and its value as text.

    Args:
        name: The name.
        value: Text, a number or a truth value.

    Raises:
        FoundationsError: One of them is of another kind.
    """
    name = _checked_text(name, "a tag's name", may_be_empty=False)
    if isinstance(value, (bool, int, float)):
        value = str(value)
    return name, _checked_text(value, f"the value of tag {name!r:.100}", kinds="a string, a number or a truth value")


def check_tags(tags: object) -> dict[str, str]:
    """Return tags as a dictionary.

    Args:
        tags: Values by name; or names alone, or one of them, whose values are empty.

    Raises:
        FoundationsError: They are of another kind.
    """
    if isinstance(tags, Mapping):
        return dict(check_tag(name, value) for name, value in tags.items())
    if isinstance(tags, str):
        return dict([check_tag(tags)])
    if isinstance(tags, Iterable) and not isinstance(tags, (bytes, bytearray)):
        return dict(check_tag(name) for name in tags)
    raise FoundationsError(f"tags must be a dictionary of values by name, or a list of names, not {tags!r:.100}")


def check_note(text: object) -> str:
    """Return `text` where it can be a note: any text.

    Raises:
        FoundationsError: It cannot.
    """
    return _checked_text(text, "a note")


def _checked_text(text: object, what: str, *, may_be_empty: bool = True, kinds: str = "a string") -> str:
    if not isinstance(text, str):
        raise FoundationsError(f"{what} must be {kinds}, not {text!r:.100}")
    if not may_be_empty and not text.strip():
        raise FoundationsError(f"{what} must have a character that is not blank, not {text!r:.100}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise FoundationsError(
            f"{what} cannot be stored: {text!r:.100} is not valid Unicode: {error.reason}"
        ) from error
    return text
