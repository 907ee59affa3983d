"""After the machine went down: no process of before is there, its number may be another's, the clock may differ."""

import json
import os
import signal
import time

import pytest
from support import Project, wait_until_gone
from test_job_ends import submitted


@pytest.fixture
def running(project: Project) -> tuple[Project, list[int]]:
    """A job whose machine goes down while it runs."""
    submitted(project, "meet()")
    return project, project.met()


def goes_down(project: Project, processes: list[int]) -> None:
    for pid in reversed(processes):  # the supervisor first, so that nobody records anything
        os.kill(pid, signal.SIGKILL)
    assert wait_until_gone(processes)


def test_a_job_of_before_is_lost_though_its_numbers_are_others_now(running) -> None:
    project, processes = running
    goes_down(project, processes)
    state = project.job_directory("job") / "state"
    for name in ("lock", "alive", "ending"):  # files outlive a boot, locks and open ends do not
        assert (state / name).exists()
    own = os.getpid()
    (state / "alive").rename(state / "before")
    (state / f".alive-{own}").write_text(str(own))
    (state / f".alive-{own}").rename(state / "alive")
    report = project.report("job")
    assert ["Error", "lost"] == [report["status"], report["cause"]]


def test_a_clock_that_was_set_back_changes_no_state(running) -> None:
    project, processes = running
    ahead = time.time() + 3600
    state = project.job_directory("job") / "state"
    for path in [state, *state.iterdir()]:
        os.utime(path, (ahead, ahead))
    told = project.run("-c", "from foundations import *; print(load_job('job').get_job_status())")
    assert "Running\n" == told
    goes_down(project, processes)
    assert "lost" == project.report("job")["cause"]
    end = json.loads((state / "end.json").read_bytes())
    assert end["ended_at"] < ahead


def test_what_was_packed_before_the_machine_went_down_is_not_relied_on(project: Project) -> None:
    submitted(project, "pass")
    project.report("job")
    (index,) = (project.home / "sources").glob("*.json")
    note, _, files = index.read_text().partition("\n")
    index.write_text(json.dumps({**json.loads(note), "boot": "the boot before"}) + "\n" + files)
    (part,) = (project.home / "sources").glob("*.part")
    part.write_bytes(b"\0" * part.stat().st_size)  # as a file may look that was never flushed
    project.write(
        {"again.py": "from foundations import *\nprint(pipeline.stage(int).run().fetch_job_results().output)"}
    )
    assert "0\n" == project.run("again.py")
