"""Refused by the disk at any step, a caller says where and leaves nothing, and a job loses nothing that can be kept."""

import errno
import os

import pytest
from support import processes_of, wait_until_gone
from torturing import SCRIPT, Torture, some_of

TOLD = """
import sys
from foundations import *
from foundations.errors import JobNotFoundError
try:
    load_job(sys.argv[1]).fetch_job_results(timeout=60)
    print("Completed")
except JobNotFoundError:
    print("no job")
except RemoteException as error:
    print(error.state, error.cause)
"""

LISTED = """
import sys
from foundations import *
from foundations.errors import JobNotFoundError
try:
    load_job(sys.argv[1])
except JobNotFoundError:
    print("no job")
"""


FAILURES = some_of("ENOSPC", "EIO", "EDQUOT", "EROFS", "EACCES", "ESTALE")


@pytest.mark.parametrize("how", FAILURES)
def test_a_caller_whose_disk_fails_at_any_step_says_where_and_leaves_nothing(torture: Torture, how: str) -> None:
    refused = 0
    for number, step in torture.steps("caller", only="write"):
        name = f"job-{number}"
        done = torture.submitted(name, role="caller", at=number, how=how, only="write")
        assert [] == torture.left_behind(), step
        if done.returncode == 0:
            assert "Completed" == torture.report(name)["status"], step
            continue
        refused += 1
        last = [line for line in done.stderr.splitlines() if line][-1]
        assert last.startswith("foundations.errors."), (step, done.stderr)
        assert os.strerror(getattr(errno, how)) in last, (step, last)
        assert str(torture.place) in last, (step, last)
        assert "no job\n" == torture.run("-c", LISTED, name), step
        assert not torture.job_directory(name).exists(), step
    assert refused


@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("role", ["worker", "supervisor"])
def test_a_job_whose_disk_fails_at_any_step_has_an_end_and_loses_nothing_unsaid(
    torture: Torture, role: str, how: str
) -> None:
    ends = {}
    for number, step in torture.steps(role, only="write"):
        name = f"job-{number}"
        assert 0 == torture.submitted(name, role=role, at=number, how=how, only="write").returncode
        first, second = torture.reports(name, 2)
        assert first == second, step
        ends[f"{number}: {step}"] = (first["status"], first["cause"])
        if first["status"] == "Completed":
            assert ["'kept'", "'keptkept'"] == first["outputs"], step
    allowed = {("Completed", None), *(("Error", cause) for cause in ("user_code", "storage", "exited", "lost"))}
    assert allowed >= set(ends.values()), ends
    assert ("Completed", None) in ends.values()
    if role == "supervisor":  # once the worker has run, nothing that the supervisor cannot write takes its result away
        ran = [end for step, end in ends.items() if "/archive/" in step or "end-" in step]
        assert {("Completed", None)} == set(ran), ends


@pytest.mark.parametrize("gone", some_of("project", "archive", "local_shell", "bundles", "sources", "runtime"))
def test_a_caller_whose_directory_is_removed_at_any_step_says_so_or_does_without(torture: Torture, gone: str) -> None:
    target = torture.root if gone == "project" else torture.home / gone
    refused = 0
    for number, step in torture.steps("caller"):
        name = f"job-{number}"
        done = torture.submitted(name, role="caller", at=number, how="remove", target=str(target))
        if done.returncode:
            refused += 1
            last = [line for line in done.stderr.splitlines() if line][-1]
            assert last.startswith("foundations.errors."), (step, done.stderr)
            assert str(torture.place) in last, (step, last)
        torture.write({"train.py": SCRIPT})
        assert torture.works(f"after-{number}"), step
    assert refused or gone in ("bundles", "sources", "runtime")


@pytest.mark.parametrize("gone", some_of("archive/jobs/{name}", "local_shell/jobs/{name}", "archive", "local_shell"))
@pytest.mark.parametrize("role", ["worker", "supervisor"])
def test_a_job_whose_directory_is_removed_at_any_step_has_one_end_or_is_unknown(
    torture: Torture, role: str, gone: str
) -> None:
    ends = {}
    for number, step in torture.steps(role):
        name = f"job-{number}"
        target = str(torture.home / gone.format(name=name))
        assert 0 == torture.submitted(name, role=role, at=number, how="remove", target=target).returncode
        assert wait_until_gone(processes_of(torture.job_directory(name))), step
        first, second = (torture.run("-c", TOLD, name) for _ in range(2))
        assert first == second, step
        ends[f"{number}: {step}"] = first.strip()
        assert torture.works(f"after-{number}"), step
    assert {"Completed", "no job", "Error lost", "Error storage", "Error user_code"} >= set(ends.values()), ends


@pytest.mark.parametrize("role", ["caller", "worker", "supervisor"])
def test_a_disk_that_takes_its_time_at_any_step_changes_nothing(torture: Torture, role: str) -> None:
    for number, step in torture.steps(role):
        assert 0 == torture.submitted(f"job-{number}", role=role, at=number, how="wait").returncode, step
        report = torture.report(f"job-{number}")
        assert ("Completed", ["'kept'", "'keptkept'"]) == (report["status"], report["outputs"]), step
