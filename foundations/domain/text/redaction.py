"""Redaction: values under names that look like those of secrets, passwords in URLs, and tokens are never recorded."""

from __future__ import annotations

import functools
import itertools
import re
import reprlib
from typing import Any

from foundations.concealment import cut_passwords, cut_tokens
from foundations.domain.fields import fields_of


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SECRET_WORDS = _set_of(
    "password passwd passphrase passcode pass pwd psw secret secrets token credential credentials jwt pat otp bearer"
    " authorisation authorization webhook"
)
_KINDS_OF_KEYS = _set_of(
    "api access private secret signing auth ssh encryption license master account webhook hmac storage deploy session"
)
_SENSITIVE_ENDS = _set_of(
    "auth cookie cookies dsn sas connectionstr connectionstring connection_str connection_string service_account"
    " service_account_json sessionid session_id"
) | {
    f"{database}_{end}"
    for database in ("db", "database", "redis", "mongo", "mongodb", "postgres", "postgresql", "mysql", "amqp", "broker")
    for end in ("uri", "url")
}
"""The last words of names under which a secret may be, but something else as well: so in a file they are allowed."""
_SENSITIVE_NAMES = _set_of("key login pin pw tokens")
"""Whole names of this kind."""
_PARAMETER = r"(?<=[?&])([\w.-]+)=([^&#\s'\"]+)"
_AUTHORIZATION = (
    r"(?i)\b((?:proxy-)?authorization['\"]?\s*[:=]\s*['\"]?(?:(?:bearer|basic|token|digest)\s+)?|bearer\s+)"
    r"[^\s,;'\"]{8,}"
)
_MAX_SEARCHED = 100_000  # characters of a text, parts of a container
REDACTED = "<not recorded: its name looks like a secret's>"


def is_secret_name(name: object) -> bool:
    """Return whether `name` looks like the name of a secret.

    >>> [name for name in ("password", "accessToken", "api-key", "max_tokens", "keys") if is_secret_name(name)]
    ['password', 'accessToken', 'api-key']
    """
    return isinstance(name, str) and _is_secret_name(name)


def is_sensitive_name(name: object) -> bool:
    """Return whether a value of this name may be a secret, so that it is not recorded: more names than secrets have.

    >>> [name for name in ("password", "dsn", "key", "sort_key", "tokens", "n_tokens") if is_sensitive_name(name)]
    ['password', 'dsn', 'key', 'tokens']
    """
    return isinstance(name, str) and (_is_secret_name(name) or _is_sensitive_name(name))


def is_hidden(name: object, value: object) -> bool:
    """Return whether a value is not to be shown because of its name.

    A number is shown under a name that is not surely a secret's, as in ``tokens=512``; a PIN is not.
    """
    if value is None or not is_sensitive_name(name):
        return False
    return is_secret_name(name) or name == "pin" or not isinstance(value, (int, float))


@functools.lru_cache
def _is_secret_name(name: str) -> bool:
    words = _words(name)
    if not _SECRET_WORDS.isdisjoint(words):
        return True
    for before, word in zip(("", *words), words, strict=False):
        singular = word.removesuffix("s")
        if singular.endswith("key") and (singular.removesuffix("key") or before) in _KINDS_OF_KEYS:
            return True
    return False


@functools.lru_cache
def _is_sensitive_name(name: str) -> bool:
    words = _words(name)
    ends = ("_".join(words[-count:]) for count in (1, 2, 3))
    return "_".join(words) in _SENSITIVE_NAMES or not _SENSITIVE_ENDS.isdisjoint(ends)


def _words(name: str) -> list[str]:
    """Return the words of a name, which capitals, underscores or other characters separate."""
    previous, characters = "", []
    for character in name:
        if character.isupper() and (previous.islower() or previous.isdigit()):
            characters.append("_")
        characters.append(character.lower() if character.isalnum() else "_")
        previous = character
    return "".join(characters).split("_")


def redact_text(text: str) -> str:
    """Return a text without passwords of URLs, secrets in queries, the value of `Authorization`, tokens, private keys.

    >>> redact_text("postgres://bob:hunter2@host/db")
    'postgres://bob:...@host/db'
    >>> redact_text("https://host/?token=hunter2&page=3")
    'https://host/?token=...&page=3'
    """
    if len(text) > _MAX_SEARCHED:
        return redact_text(text[:_MAX_SEARCHED]) + text[_MAX_SEARCHED:]
    text = cut_tokens(cut_passwords(text))
    if "?" in text:
        text = re.sub(_PARAMETER, _redact_parameter, text)
    if "earer" in text or "uthori" in text or "BEARER" in text or "UTHORI" in text:
        text = re.sub(_AUTHORIZATION, r"\1...", text)
    return text


def _redact_parameter(match: re.Match[str]) -> str:
    return f"{match[1]}=..." if is_sensitive_name(match[1]) or match[1].lower() in ("sig", "signature") else match[0]


class RedactedObject:
    """The representation of an object without the fields whose names look like those of secrets."""

    __slots__ = ("_fields", "_name")

    def __init__(self, name: str, fields: dict[str, Any]) -> None:
        self._name = name
        self._fields = fields

    def __repr__(self) -> str:
        shown = (
            f"{name}={'...' if value is REDACTED else reprlib.repr(value)}" for name, value in self._fields.items()
        )
        return f"{self._name}({', '.join(shown)})"


def redact(value: Any, depth: int = 20) -> Any:
    """Return `value` without secrets: with the values of keys and fields redacted whose names look like secrets'.

    Args:
        value: Any value. Dictionaries, lists, tuples, named tuples, dataclasses and attrs objects are searched; a
            string loses the password of a URL.
        depth: The largest number of nested containers; deeper ones are replaced by ``...``.

    Returns:
        `value` itself where nothing was redacted. A :class:`RedactedObject` replaces an object with a redacted field.

    >>> redact({"user": "ann", "db": [{"password": "x"}]})["db"]
    [{'password': "<not recorded: its name looks like a secret's>"}]
    """
    kind = type(value)
    if kind is str:
        return redact_text(value)
    if kind in (dict, list, tuple):
        return "..." if depth == 0 else _redact_container(value, depth)
    fields = None if kind.__module__ == "builtins" else fields_of(kind)
    if not fields:
        return value
    if depth == 0:
        return "..."
    found = {field.name: _read(value, field.name) for field in fields}
    items = _redact_items(found, depth)
    return value if _is_same(found.values(), items.values()) else RedactedObject(kind.__qualname__, items)


def _redact_container(value: Any, depth: int) -> Any:
    if type(value) is dict:
        items = _redact_items(value, depth)
        return value if _is_same(value.values(), items.values()) else items
    is_pair = len(value) == 2 and is_hidden(value[0], value[1])  # as of a dictionary's items
    searched = [redact(item, depth - 1) for item in itertools.islice(value, _MAX_SEARCHED)]
    parts = [value[0], REDACTED] if is_pair else [*searched, *value[_MAX_SEARCHED:]]
    return value if _is_same(value, parts) else type(value)(parts)


def _redact_items(items: dict[Any, Any], depth: int) -> dict[Any, Any]:
    return {key: _redact_named(key, item, depth) for key, item in items.items()}


def _redact_named(name: object, value: Any, depth: int) -> Any:
    return REDACTED if is_hidden(name, value) else redact(value, depth - 1)


def _is_same(old: Any, new: Any) -> bool:
    return all(before is after for before, after in zip(old, new, strict=True))


def _read(value: object, name: str) -> Any:
    try:
        return getattr(value, name)
    except Exception:  # a field without a value, or a property of the user's
        return None
