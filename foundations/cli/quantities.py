"""Sizes and times as people write and read them."""

from __future__ import annotations

import re

_DECIMAL = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15}
_BINARY = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "PiB": 2**50}
_BYTES = {unit.lower(): factor for unit, factor in {"": 1, **_DECIMAL, **_BINARY}.items()}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_QUANTITY = re.compile(r"\s*(?P<number>[0-9]{1,18}(\.[0-9]{1,18})?)\s*(?P<unit>[A-Za-z]*)\s*")


def parse_size(text: str) -> int:
    """Return the number of bytes that a text stands for.

    Raises:
        ValueError: It is no size.

    >>> parse_size("20GB"), parse_size("1.5 GiB"), parse_size("1000")
    (20000000000, 1610612736, 1000)
    """
    found = _QUANTITY.fullmatch(text)
    factor = _BYTES.get(found["unit"].lower()) if found else None
    if found is None or factor is None:
        unit = found["unit"].upper() if found else ""
        hint = (
            f" {unit} alone is ambiguous: say {unit}B (1000) or {unit}iB (1024)."
            if unit and unit in "KMGTP"
            else f" The units are {', '.join([*_DECIMAL, *_BINARY])}."
        )
        raise ValueError(f"{text!r} is not a size: give a number and a unit, as in 20GB, 500MB or 1.5GiB.{hint}")
    return round(float(found["number"]) * factor)


def parse_duration(text: str) -> float:
    """Return the number of seconds that a text stands for.

    Raises:
        ValueError: It is no duration. A capital M is refused, since it may mean months.

    >>> parse_duration("30d"), parse_duration("90m"), parse_duration("1.5h")
    (2592000.0, 5400.0, 5400.0)
    """
    found = _QUANTITY.fullmatch(text)
    factor = _SECONDS.get(found["unit"]) if found else None
    if found is None or factor is None:
        raise ValueError(
            f"{text!r} is not a duration: give a number and a unit, as in 30d, 12h or 90m."
            " The units are s, m (minutes), h, d and w."
        )
    return float(found["number"]) * factor


def parse_count(text: str) -> int:
    """Return the number of entries that a text stands for.

    Raises:
        ValueError: It is no whole number, or it is 0.
    """
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ValueError(f"{text!r} is not a number of entries: give 1 or more, as in 10.")
    return int(text)


def size_text(size: int) -> str:
    """Return bytes for a person, in decimal units and with up to three digits.

    >>> size_text(999), size_text(1234), size_text(20_000_000_000)
    ('999 B', '1.2 kB', '20 GB')
    """
    if size < 1000:
        return f"{size} B"
    fitting = [(size / factor, unit) for unit, factor in _DECIMAL.items() if round(size / factor) < 1000]
    value, unit = fitting[0] if fitting else (size / 10**15, "PB")
    digits = f"{value:.1f}".removesuffix(".0") if round(value, 1) < 10 else f"{value:.0f}"
    return f"{digits} {unit}"


def duration_text(seconds: float) -> str:
    """Return a duration for a person, in its largest unit and rounded down; a negative one is 0 ms.

    >>> duration_text(0.25), duration_text(59.9), duration_text(7200), duration_text(3.9 * 86_400)
    ('250 ms', '59 s', '2 h', '3 d')
    """
    if seconds < 1:
        return f"{max(0, int(seconds * 1000))} ms"
    for unit, factor in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= factor:
            return f"{int(seconds // factor)} {unit}"
    return f"{int(seconds)} s"


def age_text(seconds: float) -> str:
    """Return how long ago something was, for a person; less than a second, and the future, is ``0 s``.

    >>> age_text(-1), age_text(0.9), age_text(90)
    ('0 s', '0 s', '1 min')
    """
    return duration_text(seconds) if seconds >= 1 else "0 s"


def count_text(number: int, noun: str = "entry", nouns: str = "entries") -> str:
    """Return a number and its noun.

    >>> count_text(1), count_text(12_345)
    ('1 entry', '12,345 entries')
    """
    return f"{number:,} {noun if number == 1 else nouns}"
