"""Secrets from the environment, passwords in URLs, tokens, private keys: no error and no event of ours shows them."""

from __future__ import annotations

import re

_PASSWORD_IN_URL = r"(?<=://)([^\s/?#@:'\"]*):[^\s/?#'\"]+@(?=[^\s@])"  # noqa: S105 - a pattern
_ISSUED = (
    r"(?:"
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # AWS
    r"|\bAIza[\w-]{35}"  # Google
    r"|\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{50}|glpat-[\w-]{20})[\w-]*"  # GitHub, GitLab
    r"|\bxox[a-z]-[\w-]{10,}|\bxapp-\d-[\w-]{10,}"  # Slack
    r"|\b(?:hf_|npm_|dapi)[A-Za-z0-9]{30,}|\bpypi-[\w-]{50,}"  # Hugging Face, npm, Databricks, PyPI
    r"|\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"  # Stripe
    r"|\bsk-(?=[\w-]*\d)(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{20,}"  # OpenAI, Anthropic and others
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]*"  # JSON Web Token
    r")"
)
"""What tokens look like; the pattern is compiled when it is first needed."""
_MARKS = (
    *("AKIA", "ASIA", "AIza", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "xapp-", "hf_"),
    *("npm_", "dapi", "pypi-", "_live_", "_test_", "sk-", "eyJ"),
)
"""What each token has, to tell quickly that a text has none."""
_PRIVATE_KEY = r"(?s)(-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----)(?:(?!-----END ).)*(?:-----END [A-Z0-9 ]*-----)?"
_SHORTEST_TOKEN = 15
_SHORTEST = 4  # characters; a shorter value would be found in innocent text
_names: dict[str, str] = {}


def remember_secret(value: str, name: str) -> None:
    """Have :func:`conceal` replace `value`, of the environment variable `name`, from now on in this process."""
    if len(value) >= _SHORTEST:
        _names[value] = name


def conceal(text: str) -> str:
    """Return a text with secrets replaced by their variables, as in ``${TOKEN}``, and without passwords and tokens."""
    for value, name in _names.items():
        if value in text:
            text = text.replace(value, f"${{{name}}}")
    return cut_tokens(cut_passwords(text))


def cut_tokens(text: str) -> str:
    """Return a text with only the first four characters of each token, and only the first line of private keys.

    Tokens are recognised by how their issuers make them, as those of AWS, GitHub, Slack, Google, OpenAI, and JSON Web
    Tokens.

    >>> cut_tokens("the key AKIAABCDEFGHIJKLMNOP is used")
    'the key AKIA... is used'
    """
    if len(text) < _SHORTEST_TOKEN:
        return text
    if "PRIVATE KEY-----" in text:
        text = re.sub(_PRIVATE_KEY, r"\1...", text)
    if any(mark in text for mark in _MARKS):
        text = re.sub(_ISSUED, lambda match: f"{match[0][:4]}...", text)
    return text


def cut_passwords(text: str) -> str:
    """Return a text without the passwords of URLs.

    >>> cut_passwords("postgres://bob:hunter2@host/db")
    'postgres://bob:...@host/db'
    """
    return re.sub(_PASSWORD_IN_URL, r"\1:...@", text) if "://" in text else text
