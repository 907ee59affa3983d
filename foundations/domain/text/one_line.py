"""Texts from other sources, made safe for one line of a terminal or a file."""

from __future__ import annotations


def escape_unprintable(text: str) -> str:
    r"""Return a text with escapes for the characters that are not printable or would control a terminal.

    >>> print(escape_unprintable("a\x1b[2J"))
    a\x1b[2J
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def truncate(text: str, longest: int) -> str:
    """Return a text of at most `longest` characters; an ellipsis replaces what is left out.

    >>> truncate("normalise_columns", 10)
    'normali...'
    """
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
