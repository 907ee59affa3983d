import sys

import pytest
import structlog
from structlog.testing import capture_logs

from foundations import events

LEVELS = ["debug", "info", "warning", "error"]


@pytest.fixture(autouse=True)
def unconfigured(monkeypatch):
    monkeypatch.delenv("FOUNDATIONS_LOG_LEVEL", raising=False)
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("threshold", LEVELS)
def test_events_at_the_level_in_force_and_above_are_logged_on_the_error_stream(monkeypatch, capsys, threshold):
    monkeypatch.setenv("FOUNDATIONS_LOG_LEVEL", threshold.upper())
    for level in LEVELS:
        getattr(events, level)(f"{level}_happened")
    written = capsys.readouterr()
    logged = [level for level in LEVELS if f"{level}_happened" in written.err]
    assert (LEVELS[LEVELS.index(threshold) :], "") == (logged, written.out)


def test_information_is_logged_and_debugging_is_not_by_default(capsys):
    events.debug("detail")
    events.info("something", number=3)
    written = capsys.readouterr().err
    assert "detail" not in written
    assert "something" in written
    assert "number=3" in written


def test_an_unknown_level_means_information_and_is_reported_once(monkeypatch, capsys):
    monkeypatch.setenv("FOUNDATIONS_LOG_LEVEL", "loud")
    monkeypatch.setattr(events, "_reported_levels", set())
    events.debug("detail")
    events.info("something")
    events.info("something_else")
    unknown, *logged = capsys.readouterr().err.splitlines()
    assert "FOUNDATIONS_LOG_LEVEL=loud" in unknown
    assert "debug, info, warning, error" in unknown
    assert [True, True] == ["something" in logged[0], "something_else" in logged[1]]


def test_the_applications_configuration_holds():
    structlog.configure(processors=[structlog.stdlib.add_log_level], cache_logger_on_first_use=False)
    with capture_logs() as logged:
        events.warning("something", number=3)
    assert [{"event": "something", "number": 3, "log_level": "warning"}] == logged


def test_an_event_that_is_not_logged_does_not_import_structlog(monkeypatch):
    monkeypatch.setitem(sys.modules, "structlog", None)
    events.debug("detail")


def test_a_stopwatch_tells_how_long_each_step_took_and_all_of_them(monkeypatch):
    monkeypatch.setattr(events.time, "perf_counter", iter([1.0, 1.25, 2.0, 2.5]).__next__)
    steps = events.Stopwatch()
    assert ["250.0 ms", "750.0 ms", "1500.0 ms"] == [steps.lap(), steps.lap(), steps.total()]
