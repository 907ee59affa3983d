from dataclasses import dataclass
from typing import Any, NamedTuple

import attrs
import pytest

from foundations.concealment import conceal
from foundations.domain.text.redaction import REDACTED, is_hidden, is_secret_name, redact, redact_text
from foundations.domain.text.representation import describe_call, short_repr


@dataclass
class Database:
    host: str
    password: Any


@attrs.frozen
class Client:
    name: str
    api_token: str


class Login(NamedTuple):
    user: str
    pwd: str


@dataclass
class Lazy:
    token: str

    def __init__(self):
        pass


HIDDEN = [
    *(
        "db_url",
        "dsn",
        "connection_string",
        "authorization",
        "auth",
        "bearer",
        "cookie",
        "pat",
        "key",
        "ssh_key",
        "pin",
    ),
    *("encryption_key", "tokens", "github_pat", "webhook", "sas", "jwt", "apikey", "api_token", "passwd", "passcode"),
    *("client_secret", "AWS_SECRET_ACCESS_KEY", "hf_token", "otp", "session_id", "pw", "psw", "login", "license_key"),
    *("service_account_json", "redis_url", "sessionId", "Authorization", "X-Api-Key", "secretKey", "slack_webhook"),
]
SHOWN = [
    *("max_tokens", "n_tokens", "tokenizer", "sort_key", "keys", "author", "pattern", "path", "pinned", "pin_memory"),
    *("url", "monkey", "passes", "compass", "user", "primary_key", "login_count", "saskia", "cookbook", "authors"),
]


@pytest.mark.parametrize("name", HIDDEN)
def test_what_may_be_a_secret_is_hidden(name):
    assert is_hidden(name, "value")


@pytest.mark.parametrize("name", SHOWN)
def test_what_only_resembles_a_secret_is_shown(name):
    assert not is_hidden(name, "value")


def test_a_number_is_hidden_only_under_the_name_of_a_secret():
    expected = [False, False, True, True, False]
    names = ("tokens", "key", "pin", "password")
    assert expected == [*(is_hidden(name, 1234) for name in names), is_hidden("password", None)]


def test_names_that_a_file_may_have_in_plain_text_are_no_secrets():
    assert [] == [name for name in ("key", "login", "dsn", "tokens", "auth", "session_id") if is_secret_name(name)]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Database("h", "hunter2"), "Database(host='h', password=...)"),
        (Client("c", "hunter2"), "Client(name='c', api_token=...)"),
        (Login("bob", "hunter2"), "Login(user='bob', pwd=...)"),
        ([Login("bob", "hunter2")], "[Login(user='bob', pwd=...)]"),
        (Database("postgres://bob:hunter2@h", None), "Database(host='postgres://bob:...@h', password=None)"),
        ("postgres://bob:hunter2@host:5432/db", "'postgres://bob:...@host:5432/db'"),
        ("redis://:hunter2@host", "'redis://:...@host'"),
        ("https://host/?a=1&access_token=hunter2&b=2", "'https://host/?a=1&access_token=...&b=2'"),
        ({"headers": {"Authorization": "Bearer hunter2hunter2"}}, None),
        ("Authorization: Bearer hunter2hunter2", "'Authorization: Bearer ...'"),
        ([("password", "hunter2")], None),
    ],
)
def test_a_secret_is_in_no_representation(value, shown):
    told = short_repr(value)
    assert "hunter2" not in told
    assert shown is None or shown == told


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789" * 10
TOKENS = [
    *(
        "AKIA" + "A1B2" * 4,
        "ASIA" + "A1B2" * 4,
        "AIza" + (DIGITS + LETTERS)[:35],
        "ghp_" + "aB3" * 12,
        "ghs_" + "aB3" * 12,
    ),
    *(
        "github_pat_" + "aB3_" * 20,
        "glpat-" + "aB3-" * 5,
        "xoxb-123456789012-aBcDeF",
        "xoxp-1234-5678-abc",
        "hf_" + "aB" * 17,
    ),
    *(
        "sk-" + "aB3" * 16,
        "sk-proj-" + "aB3_" * 12,
        "sk-ant-api03-" + "aB3-" * 20,
        "npm_" + "aB3" * 12,
        "sk_live_" + "aB3" * 8,
    ),
    *("pypi-AgEIcHlwaS5vcmc" + "aB3_" * 20, "dapi" + "0a1b" * 8, "xapp-1-A0123456-abcdef"),
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
]
PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEhunter2\nabc==\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("around", ["{}", "refused: {}.", "'{}'", "https://host/?a={}&b", "x={},", "({})", "a\n{}\n"])
def test_a_token_is_cut_wherever_it_is(token, around):
    shown = redact_text(around.format(token))
    assert (around.format(token[:4] + "..."), False) == (shown, token[5:] in conceal(around.format(token)))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (PRIVATE_KEY, "-----BEGIN RSA PRIVATE KEY-----..."),
        (f"a\n{PRIVATE_KEY}\nb", "a\n-----BEGIN RSA PRIVATE KEY-----...\nb"),
        (PRIVATE_KEY[:50], "-----BEGIN RSA PRIVATE KEY-----..."),
        ("-----BEGIN PUBLIC KEY-----\nMIIB", "-----BEGIN PUBLIC KEY-----\nMIIB"),
    ],
)
def test_a_private_key_is_cut(text, shown):
    assert shown == redact_text(text)


def test_a_token_is_cut_in_values_of_any_name():
    token = "ghp_" + "aB3" * 12
    assert {"note": ["ghp_...", 3]} == redact({"note": [token, 3]})
    assert "push('ghp_...', to='ghp_...')" == describe_call("push", [token], {"to": token}, ["what"])


@pytest.mark.parametrize(
    "text",
    [
        *(
            "sk-learn-experiments-of-december",
            "risk-assessment-Model-2024-final",
            "AKIAK",
            "the Asian market",
            "xoxo-hugs",
        ),
        *("hf_hub_download", "hf_models/bert-base-uncased-2024", "task-0123456789-abcdefghij-XYZ", "github_pat_name"),
        *("eyJ is how JSON begins", "a" * 64, "0123456789abcdef" * 4, "PRIVATE KEY", "my_live_data_2024_01_02_03_04"),
    ],
)
def test_what_only_resembles_a_token_stays_as_it_is(text):
    assert (text, text) == (redact_text(text), conceal(text))


@pytest.mark.parametrize(
    "text",
    ["https://host:8080/a@b", "https://host/?page=3", "12:30@noon", "bearer of news", "a://b c:d@e", "the author: me"],
)
def test_a_text_without_a_secret_stays_as_it_is(text):
    assert text == redact_text(text)


def test_what_has_no_secret_is_returned_itself():
    values = [Client("c", ""), Login("bob", ""), {"a": [1, (2, "x")]}, [1] * 1000]
    changed = [value for value in values[2:] if redact(value) is not value]
    assert [] == changed


def test_a_field_without_a_value_hides_nothing_else():
    lazy = Lazy()
    assert redact(lazy) is not None


def test_too_deep_objects_are_abbreviated():
    assert ["...", "...", "..."] == [redact(value, 0) for value in (Database("h", "p"), [1], {"a": 1})]


def test_a_secret_given_by_position_is_redacted_by_its_parameters_name():
    assert "connect('bob', ..., 3)" == describe_call("connect", ["bob", "hunter2", 3], {}, ["user", "password"])


def test_a_pair_of_a_name_and_a_secret_is_redacted():
    assert [("password", REDACTED), (1, 2)] == redact([("password", "hunter2"), (1, 2)])


def test_only_the_beginning_of_a_huge_text_is_searched():
    text = "postgres://bob:hunter2@h " + "x" * 200_000
    assert ("postgres://bob:...@h ", len(text) - 4) == (redact_text(text)[:21], len(redact_text(text)))
