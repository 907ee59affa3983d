"""Refused by the disk at any step, a caller says where and leaves nothing, and a job loses nothing that can be kept."""

import pytest
from torturing import Torture

LISTED = """
import sys
from foundations import *
from foundations.errors import JobNotFoundError
try:
    load_job(sys.argv[1])
except JobNotFoundError:
    print("no job")
"""


@pytest.mark.parametrize("how", ["ENOSPC", "EIO"])
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
        assert ("No space left" if how == "ENOSPC" else "Input/output error") in last, (step, last)
        assert str(torture.place) in last, (step, last)
        assert "no job\n" == torture.run("-c", LISTED, name), step
        assert not torture.job_directory(name).exists(), step
    assert refused


@pytest.mark.parametrize("how", ["ENOSPC", "EIO"])
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
