"""Secrets that the configuration has taken from the environment: no error, event or record of ours shows them."""

from __future__ import annotations

_SHORTEST = 4  # characters; a shorter value would be found in innocent text
_names: dict[str, str] = {}


def remember_secret(value: str, name: str) -> None:
    """Have :func:`conceal` replace `value`, of the environment variable `name`, from now on in this process."""
    if len(value) >= _SHORTEST:
        _names[value] = name


def conceal(text: str) -> str:
    """Return a text with each secret replaced by its variable, as in ``${TOKEN}``."""
    for value, name in _names.items():
        if value in text:
            text = text.replace(value, f"${{{name}}}")
    return text
