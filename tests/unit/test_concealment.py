import pytest

from foundations import concealment, events
from foundations.app.config.settings import AdapterSettings, Origin, resolve_variables
from foundations.app.construction import construct
from foundations.app.job.archiver import Archiver
from foundations.concealment import conceal, remember_secret
from foundations.errors import ConfigurationError, StorageUnavailableError
from foundations.ports.cache import CacheBackend


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch):
    monkeypatch.setattr(concealment, "_names", {})


class Talkative(CacheBackend):
    """A cache whose errors have its arguments."""

    def __init__(self, address, error=ValueError):
        raise error(f"cannot reach {address}")


Talkative.__abstractmethods__ = frozenset()
ENVIRON = {"TOKEN": "hunter2", "PLACE": "hunter2-place", "DB": "hunter2-db"}


@pytest.mark.parametrize(
    ("argument", "error"),
    [
        ("https://h/${TOKEN}", ValueError),
        ("https://h/${TOKEN}", StorageUnavailableError),
        ("https://h/${TOKEN}", ConfigurationError),
    ],
)
def test_a_secret_of_the_environment_is_in_no_error_of_an_adapter(argument, error):
    entry = AdapterSettings(f"{__name__}.Talkative", "cache_implementation", (argument, error), {}, Origin("f", 1))
    with pytest.raises(Exception, match=r"cannot reach https://h/\${TOKEN}") as raised:
        construct(entry, CacheBackend, ENVIRON)
    shown = [raised.value, raised.value.__cause__]
    assert [] == [error for error in shown if "hunter2" in f"{error} {vars(error) if error else ''}"]


def test_a_variable_counts_as_a_secret_by_its_own_name_and_by_that_of_its_argument():
    value = {"password": "${DB}", "place": "${PLACE}", "address": "h/${TOKEN}", "list": ["${PLACE}"]}
    resolve_variables(value, ENVIRON, "cache_implementation", Origin())
    expected = {"hunter2": "TOKEN", "hunter2-db": "DB"}
    assert expected == concealment._names


def test_a_secret_is_in_no_event(monkeypatch, capsys):
    monkeypatch.delenv("FOUNDATIONS_LOG_LEVEL", raising=False)
    remember_secret("hunter2", "TOKEN")
    events.warning("cache_refused", reason="cannot reach hunter2", size=3)
    shown = capsys.readouterr().err
    assert [False, True] == ["hunter2" in shown, "cannot reach ${TOKEN}" in shown]


def test_a_secret_is_not_in_what_an_archive_says():
    remember_secret("hunter2", "TOKEN")
    archiver = Archiver("job", lambda item, data: None)
    archiver.store_locally("item", [], RuntimeError("cannot reach hunter2"))
    assert ["item: RuntimeError: cannot reach ${TOKEN}"] == archiver.not_archived


def test_a_value_that_is_too_short_is_not_looked_for():
    remember_secret("abc", "TOKEN")
    assert "abcd" == conceal("abcd")
