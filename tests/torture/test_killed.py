"""Killed at any step, a caller leaves no job or one that can be found, and a job has an end that everybody is told."""

import json
import sqlite3

import pytest
from support import processes_of, wait_until_gone
from torturing import Torture

FIND = """
import sys
from foundations import *
from foundations.errors import JobNotFoundError
try:
    deployment = load_job(sys.argv[1])
except JobNotFoundError:
    print("no job")
else:
    try:
        print("output", deployment.fetch_job_results(timeout=60).output)
    except RemoteException as error:
        print(error.state, error.cause)
"""


def torn(torture: Torture) -> list[str]:
    """Return what is not whole under its final name."""
    found = []
    archive = torture.home / "archive"
    for path in [*archive.rglob("*.json"), *torture.home.glob("local_shell/jobs/*/state/*.json")]:
        try:
            json.loads(path.read_bytes())
        except ValueError:
            found.append(str(path))
    connection = sqlite3.connect(archive / "listing.sqlite3")
    assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()
    return found


def test_a_caller_that_is_killed_at_any_step_leaves_no_job_or_one_that_can_be_found(torture: Torture) -> None:
    told = {}
    for number, step in torture.steps("caller"):
        done = torture.submitted(f"job-{number}", role="caller", at=number, how="kill")
        if done.returncode == 0:  # this time it took fewer steps
            continue
        assert -9 == done.returncode, (step, done.stderr)
        told[f"{number}: {step}"] = torture.run("-c", FIND, f"job-{number}").strip()
        assert "submitted\n" == torture.run("train.py", f"after-{number}"), step
        assert [] == torture.left_behind(), step
        assert [] == torn(torture), step
    assert {"no job", "Error lost", "output keptkept"} >= set(told.values()), told
    assert "no job" in told.values()


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM"])
def test_a_caller_that_is_interrupted_at_any_step_leaves_no_job_or_one_that_can_be_found(
    torture: Torture, how: str
) -> None:
    told = {}
    for number, step in torture.steps("caller"):
        done = torture.submitted(f"job-{number}", role="caller", at=number, how=how)
        if done.returncode == 0:  # this time it took fewer steps
            continue
        assert {"SIGINT": -2, "SIGTERM": -15}[how] == done.returncode, (step, done.stderr)
        assert "submitted\n" == torture.run("train.py", f"after-{number}"), step
        assert [] == torture.left_behind(), step
        told[f"{number}: {step}"] = torture.run("-c", FIND, f"job-{number}").strip()
    assert {"no job", "Error lost", "output keptkept"} >= set(told.values()), told
    assert how == "SIGTERM" or "Error lost" not in told.values(), told


def check_job(torture: Torture, role: str, how: str, expected: set[tuple[str, str | None]]) -> None:
    ends = {}
    for number, step in torture.steps(role):
        name = f"job-{number}"
        assert 0 == torture.submitted(name, role=role, at=number, how=how).returncode
        first, second = torture.reports(name, 2)
        assert first == second, step
        assert first["status"] in ("Error", "Completed", "Cancelled"), step
        if first["status"] == "Completed":
            assert ["'kept'", "'keptkept'"] == first["outputs"], step
        assert set(first["outputs"]) <= {"'kept'", "'keptkept'"}, step
        assert [] == torn(torture), step
        assert wait_until_gone(processes_of(torture.job_directory(name))), step
        ends[f"{number}: {step}"] = (first["status"], first["cause"])
    assert expected >= set(ends.values()), ends


def test_a_supervisor_that_is_killed_at_any_step_leaves_an_end(torture: Torture) -> None:
    check_job(torture, "supervisor", "kill", {("Error", "lost"), ("Completed", None)})


def test_a_worker_that_is_killed_at_any_step_leaves_an_end(torture: Torture) -> None:
    check_job(torture, "worker", "kill", {("Error", "killed"), ("Completed", None)})


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM"])
def test_a_supervisor_that_is_asked_to_end_at_any_step_cancels_the_job(torture: Torture, how: str) -> None:
    check_job(torture, "supervisor", how, {("Cancelled", None), ("Error", "lost"), ("Completed", None)})


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM"])
def test_a_worker_that_is_interrupted_at_any_step_leaves_an_end(torture: Torture, how: str) -> None:
    causes = {"SIGTERM": ["killed"], "SIGINT": ["user_code", "environment_setup", "exited"]}[how]
    check_job(torture, "worker", how, {("Completed", None), *(("Error", cause) for cause in causes)})


def test_a_caller_that_is_killed_while_it_tells_of_a_lost_job_leaves_that_to_the_next(torture: Torture) -> None:
    fetch = "deployment.fetch_job_results(timeout=60)"

    def lose(name: str) -> None:
        assert 0 == torture.submitted(name, role="supervisor", at=3, how="kill").returncode
        assert wait_until_gone(processes_of(torture.job_directory(name)))

    lose("lost")
    assert "lost\n" == torture.watched(fetch, "lost", log=str(torture.log)).stdout
    for number, step in torture.logged():
        name = f"job-{number}"
        lose(name)
        assert -9 == torture.watched(fetch, name, at=number, how="kill").returncode, step
        first, second = torture.reports(name, 2)
        assert first == second, step
        assert ("Error", "lost") == (first["status"], first["cause"]), step
        assert [] == torn(torture), step


def test_a_caller_that_is_killed_while_it_cancels_leaves_a_job_that_goes_on_or_is_cancelled(torture: Torture) -> None:
    torture.write({"long.py": LONG.format(meeting=torture.meeting)})

    def begun(name: str) -> None:
        torture.run("long.py", name)
        torture.met()

    begun("cancelled")
    torture.watched("deployment.cancel()", "cancelled", log=str(torture.log))
    assert "Cancelled" == torture.report("cancelled")["status"]
    for number, step in torture.logged():
        name = f"job-{number}"
        begun(name)
        torture.watched("deployment.cancel()", name, at=number, how="kill")
        assert "" == torture.watched("deployment.cancel()", name).stderr, step
        first, second = torture.reports(name, 2)
        assert first == second, step
        assert "Cancelled" == first["status"], step
        assert [] == torn(torture), step


LONG = """
import sys
from foundations import *
{meeting}
pipeline.stage(meet).run(job_name=sys.argv[1])
"""
