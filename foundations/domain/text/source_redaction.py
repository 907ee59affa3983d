"""Redaction of source text: what is assigned to names that look like secrets', keys, tokens, passwords in URLs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from foundations.domain.text.redaction import is_secret_name, redact_text

_ASSIGNMENT = re.compile(r"([A-Za-z_][\w.-]*)[\"']?\]?[ \t]*(?::=|[:=](?!=))[ \t]*")
_PAIRS = {'"""': '"""', "'''": "'''", "(": ")", "[": "]", "{": "}"}
_LONGEST_LINE = 10_000


def redact_source(text: str) -> str:
    """Return source text, or a difference of it, without what may be a secret; the rest of such a line goes with it.

    >>> redact_source('+db = connect(user="ann", password="hunter2")')
    '+db = connect(user="ann", password=...'
    """
    return "".join(_redacted_lines(text))


def _redacted_lines(text: str) -> Iterator[str]:
    awaited: str | None = None  # what ends the value of a secret, which goes on; any line where it is empty
    for line in text.splitlines(keepends=True):
        content = line.rstrip("\r\n")
        if content.startswith(("@@ ", "diff --git ")):  # another place, to which nothing goes on
            awaited = None
        if awaited is None:
            redacted, awaited = _redact_line(content)
        else:
            redacted = f"{content[: content[:1] in ('+', '-', ' ')]}..."
            awaited = None if awaited in content else awaited
        yield redacted + line[len(content) :]


def _redact_line(content: str) -> tuple[str, str | None]:
    """Return a line without secrets, and what ends the value of one that goes on in the next."""
    if "PRIVATE KEY-----" in content:
        return content[: content.index("-----")] + "...", None if "-----END" in content else "-----END"
    for match in _ASSIGNMENT.finditer(content[:_LONGEST_LINE]):
        if is_secret_name(match[1]):
            return redact_text(content[: match.end()]) + "...", _awaited(content[match.end() :].strip())
    if len(content) > _LONGEST_LINE:
        content = content[:_LONGEST_LINE] + "..."
    return redact_text(content), None


def _awaited(value: str) -> str | None:
    """Return what ends a value of which this is the first line, where it goes on."""
    if value in ("", "\\"):
        return ""
    for opening, closing in _PAIRS.items():
        if value.startswith(opening):
            return None if closing in value[len(opening) :] else closing
    return None
