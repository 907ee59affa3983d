"""The names of artifacts."""

from __future__ import annotations

from foundations.errors import FoundationsError
from foundations.escaping import escape_unprintable, has_controls

LONGEST_NAME = 900
"""Characters; an item's name has 1,000, and begins with more than the artifact's."""


def check_artifact_name(name: object) -> str:
    """Return `name` where an artifact can have it.

    A name has parts separated by ``/``. It is relative: whoever fetches all artifacts writes below one directory.

    Raises:
        FoundationsError: It cannot; the message gives the reason.

    >>> check_artifact_name("plots/loss.png")
    'plots/loss.png'
    """
    if not isinstance(name, str):
        raise FoundationsError(f"save_artifact: an artifact's name must be a string, not {name!r:.100}")
    reason = _reason_against(name)
    if reason is not None:
        shown = escape_unprintable(repr(name if len(name) <= 80 else name[:77] + "..."))
        raise FoundationsError(f"save_artifact: {shown} cannot name an artifact: {reason}. Nothing was saved.")
    return name


def _reason_against(name: str) -> str | None:
    if not name:
        return "it is empty"
    if len(name) > LONGEST_NAME:
        return f"it has {len(name)} characters, and {LONGEST_NAME} are allowed"
    if name.startswith("/"):
        return "it is an absolute path; a name is relative, as in 'plots/loss.png'"
    parts = name.split("/")
    if ".." in parts:
        return "'..' would lead out of the artifacts"
    if "" in parts or "." in parts:
        return "a part between '/' is empty or '.'"
    if has_controls(name):
        return "it has control characters"
    if any(0xD800 <= ord(character) < 0xE000 for character in name):
        return "it has bytes that are not UTF-8"
    return None
