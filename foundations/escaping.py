"""Texts from other sources, made safe for a terminal or a file."""

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


def escape_lines(text: str) -> str:
    r"""Return a text of several lines with the same escapes; line feeds and tabs stay.

    >>> print(escape_lines("a\x1b[2J\nb"))
    a\x1b[2J
    b
    """
    return "\n".join("\t".join(map(escape_unprintable, line.split("\t"))) for line in text.split("\n"))


def has_controls(text: str) -> bool:
    r"""Return whether a text has control characters, of which line feeds and tabs are two.

    >>> has_controls("a\x1b[2J"), has_controls("\x9b2J"), has_controls("naïve")
    (True, True, False)
    """
    return any(character < " " or "\x7f" <= character < "\xa0" for character in text)


def truncate(text: str, longest: int) -> str:
    """Return a text of at most `longest` characters; an ellipsis replaces what is left out.

    >>> truncate("normalise_columns", 10)
    'normali...'
    """
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
