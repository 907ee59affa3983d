"""What holds for every test run."""

import os
import shutil
import tempfile
from collections.abc import Generator

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Keep what tests store out of the home of whoever runs them, and what lies there out of the tests."""
    if not hasattr(config, "workerinput"):
        home = tempfile.mkdtemp(prefix="foundations-tests-")
        os.environ["FOUNDATIONS_HOME"] = home
        config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))


def _not_run(config: pytest.Config) -> list[pytest.TestReport]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or os.environ.get("CI") != "true":
        return []
    return [report for outcome in ("skipped", "xfailed") for report in reporter.stats.get(outcome, [])]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in CI that skipped a test: there, everything that a test needs is installed."""
    if _not_run(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not_run := _not_run(config):
        terminalreporter.write_line(
            f"FAILED: {len(not_run)} skipped or expected to fail, which CI=true forbids", red=True
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Have coverage count the processes that tests start which are marked ``measured``, and no others.

    It makes a process three times as expensive, and most tests start some only to see what comes of them.
    """
    name = "COVERAGE_PROCESS_CONFIG"
    kept = None if item.get_closest_marker("measured") else os.environ.pop(name, None)
    try:
        return (yield)
    finally:
        if kept is not None:
            os.environ[name] = kept
