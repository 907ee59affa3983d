"""Secrets from the environment, and passwords in URLs: no error and no event of ours shows them."""

from __future__ import annotations

import re

_PASSWORD_IN_URL = r"(?<=://)([^\s/?#@:'\"]*):[^\s/?#'\"]+@(?=[^\s@])"  # noqa: S105 - a pattern
_SHORTEST = 4  # characters; a shorter value would be found in innocent text
_names: dict[str, str] = {}


def remember_secret(value: str, name: str) -> None:
    """Have :func:`conceal` replace `value`, of the environment variable `name`, from now on in this process."""
    if len(value) >= _SHORTEST:
        _names[value] = name


def conceal(text: str) -> str:
    """Return a text with each secret replaced by its variable, as in ``${TOKEN}``, and without passwords of URLs."""
    for value, name in _names.items():
        if value in text:
            text = text.replace(value, f"${{{name}}}")
    return cut_passwords(text)


def cut_passwords(text: str) -> str:
    """Return a text without the passwords of URLs.

    >>> cut_passwords("postgres://bob:hunter2@host/db")
    'postgres://bob:...@host/db'
    """
    return re.sub(_PASSWORD_IN_URL, r"\1:...@", text) if "://" in text else text
