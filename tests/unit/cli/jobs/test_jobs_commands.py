import json
import threading

import attrs
import pytest

from foundations import Hyperparameter, log_metric
from foundations.app.config.manager import ConfigManager
from foundations.app.sdk import Sdk
from foundations.app.use_cases.jobs.describe import JobDescription
from foundations.cli.options import complete_job_names

FAILING = "a value that is too large"


@pytest.fixture
def submit(in_memory):
    """Submit a function as a job in memory and return its deployment."""

    def run(function, name):
        return Sdk(ConfigManager()).pipeline.stage(function).run(job_name=name)

    return run


def fail():
    raise ValueError(FAILING)


@pytest.fixture
def ended(submit):
    for function, name in ((list, "good"), (fail, "bad")):
        submit(function, name).wait_for_deployment_to_complete()


def test_what_a_job_has_written_is_shown(run, ended):
    done = run("jobs", "logs", "good")
    assert (0, "", "") == (done.exit_code, done.stdout, done.stderr)
    document = json.loads(run("jobs", "logs", "good", "--json").stdout)
    assert {"job": "good", "stdout": "", "stderr": ""} == document


@pytest.mark.parametrize("command", [["logs", "--follow"], ["wait"]])
@pytest.mark.parametrize(
    ("name", "code", "state", "cause"), [("good", 0, "Completed", None), ("bad", 1, "Error", "user_code")]
)
def test_the_exit_code_says_whether_the_job_completed(run, ended, command, name, code, state, cause):
    done = run("jobs", *command, name)
    assert (code, "") == (done.exit_code, done.stdout)
    assert done.stderr.startswith(f"Job {name}: {state}")
    done = run("jobs", *command, name, "--json")
    assert (code, {"job": name, "state": state, "cause": cause}) == (done.exit_code, json.loads(done.stdout))


def test_waiting_gives_up_when_the_time_is_over(run, submit):
    gate = threading.Event()
    with_gate.gate = gate
    deployment = submit(with_gate, "slow")
    done = run("jobs", "wait", "slow", "--timeout", "0s")
    gate.set()
    deployment.wait_for_deployment_to_complete()
    assert (1, "") == (done.exit_code, done.stdout)
    assert "job slow is still " in done.stderr


def with_gate():
    with_gate.gate.wait(60)


def test_a_job_that_has_ended_is_not_cancelled(run, ended):
    done = run("jobs", "cancel", "good", "bad", "good")
    assert (0, "good: Completed\nbad: Error\n") == (done.exit_code, done.stdout)
    document = json.loads(run("jobs", "cancel", "good", "--json").stdout)
    assert {"jobs": [{"job": "good", "state": "Completed"}]} == document


def test_a_job_that_cannot_be_cancelled_is_told(run, submit):
    gate = threading.Event()
    with_gate.gate = gate
    deployment = submit(with_gate, "slow")
    done = run("jobs", "cancel", "slow")
    gate.set()
    deployment.wait_for_deployment_to_complete()
    assert (1, True) == (done.exit_code, done.stderr.startswith("Error: slow: "))


def test_what_is_recorded_about_a_job_is_shown(run, ended):
    rows = dict(line.split(maxsplit=1) for line in run("jobs", "show", "bad").stdout.splitlines())
    assert ["job", "project", "state", "end", "stage", "submitted", "started", "took"] == list(rows)
    assert ("bad", "Error (user_code)", "fail") == (rows["job"], rows["state"], rows["stage"])
    assert FAILING in rows["end"]


def test_parameters_and_metrics_are_shown_by_the_names_that_queries_use(run, in_memory):
    stage = Sdk(ConfigManager()).pipeline.stage(log, Hyperparameter("rate"), Hyperparameter("odd\x1b[2J"))
    stage.run({"rate": 0.5, "odd\x1b[2J": "text"}, job_name="first").wait_for_deployment_to_complete()
    shown = run("jobs", "show", "first").stdout
    assert "params.rate" in shown
    assert "params.odd\\x1b[2J" in shown
    assert [["metrics.seen", "0.5"]] == [line.split() for line in shown.splitlines() if line.startswith("metrics.")]
    document = json.loads(run("jobs", "show", "first", "--json").stdout)
    assert ("first", "Completed", {"seen": 0.5}) == tuple(document[name] for name in ("job", "state", "metrics"))
    assert list(attrs.fields_dict(JobDescription)) == list(document)


def log(rate, _):
    log_metric("seen", rate)


@pytest.mark.parametrize("command", [["logs"], ["show"], ["wait"], ["cancel", "good"]])
def test_a_job_that_is_not_there_is_told_with_the_nearest_name(run, ended, command):
    done = run("jobs", *command, "goood")
    assert (1, "") == (done.exit_code, done.stdout)
    assert "Did you mean 'good'" in done.stderr


def test_names_of_jobs_are_completed(ended):
    assert (["good"], ["bad", "good"]) == (complete_job_names("g"), sorted(complete_job_names("")))


def test_where_names_cannot_be_read_none_is_completed(directory):
    (directory / "local.config.yaml").write_text("cache_audit: 2\n")
    assert [] == complete_job_names("")
