"""Texts that others have made, on one line of a terminal or a file."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return a text with what would not be printed, or would steer a terminal, spelt out.

    >>> print(printable("a\x1b[2J"))
    a\x1b[2J
    """
    if text.isprintable():
        return text
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text)


def cut(text: str, longest: int) -> str:
    """Return a text of at most so many characters, three of which tell that something is left out.

    >>> cut("normalise_columns", 10)
    'normali...'
    """
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
