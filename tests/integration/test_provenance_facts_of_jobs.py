"""What provenance records of the repository, the host and the process of a real job."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support import Project

from foundations.app.job.facts.gpus import GpuQuery
from foundations.app.job.facts.repository import LONGEST_DIFF, reading_repository

SCRIPT = """from foundations import *
import json
def train():
    return (b'x' * 50_000_000)[0]
if __name__ == "__main__":
    deployment = create_stage(train)().run(job_name="job")
    deployment.fetch_job_results()
    print(json.dumps(deployment.provenance()))
"""
GPU = "NVIDIA A100-SXM4-40GB, GPU-1, 40960, 550.54\n"
IDENTITY = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")


def git(directory: Path, *arguments: str) -> None:
    subprocess.run(("git", *IDENTITY, *arguments), cwd=directory, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit, on a branch of its own."""
    directory = tmp_path / "repository"
    directory.mkdir()
    git(directory, "init", "--initial-branch", "feature")
    (directory / "train.py").write_text("rate = 1\n")
    (directory / ".env").write_text("nothing\n")
    git(directory, "add", ".")
    git(directory, "commit", "-m", "first")
    return directory


def state_of(directory: Path) -> dict[str, Any]:
    with reading_repository(directory) as repository:
        state = repository.read()
    assert state is not None
    return state


def make_program(directory: Path, name: str, body: str) -> None:
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(f"#!/bin/sh\n{body}\n")
    (directory / name).chmod(0o755)


def test_a_clean_repository_has_a_branch_and_no_difference(repository: Path) -> None:
    expected = {"branch": "feature", "dirty": False, "untracked": [], "diff": "", "diff_is_complete": True}
    assert expected == state_of(repository)


def test_changes_are_shown_without_secrets_and_untracked_files_are_named(repository: Path) -> None:
    (repository / "train.py").write_text('rate = 2\npassword = "hunter2"\n')
    (repository / ".env").write_text("hunter2\n")
    (repository / "naïve file").touch()
    git(repository, "add", "train.py")
    state = state_of(repository)
    assert [True, ["naïve file"], True, True, False] == [
        state["dirty"],
        state["untracked"],
        state["diff_is_complete"],
        "-rate = 1\n+rate = 2\n+password = ...\n" in state["diff"],
        "hunter2" in json.dumps(state),
    ]


def test_a_long_difference_is_cut(repository: Path) -> None:
    (repository / "train.py").write_text("x = 1\n" * 500_000)
    state = state_of(repository)
    assert (False, True) == (state["diff_is_complete"], LONGEST_DIFF - 100 < len(state["diff"]) <= LONGEST_DIFF)


def test_without_a_branch_or_a_commit_it_says_what_there_is(repository: Path, tmp_path: Path) -> None:
    git(repository, "checkout", "--detach")
    git(tmp_path, "init", "--initial-branch", "empty")
    states = [state_of(repository), state_of(tmp_path)]
    assert [(None, True), ("empty", False)] == [(state["branch"], state["diff_is_complete"]) for state in states]


@pytest.mark.parametrize("body", ["exit 1", None, "exec sleep 1000"], ids=["fails", "is missing", "hangs"])
def test_a_git_that_does_not_answer_is_done_without(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str | None
) -> None:
    if body is not None:
        make_program(tmp_path / "bin", "git", body)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}" + ("" if body is None else os.pathsep + os.environ["PATH"]))
    monkeypatch.setattr("foundations.app.job.facts.repository._PATIENCE", 0.2)
    with reading_repository(repository) as reader:
        assert reader.read() is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"echo '{GPU.strip()}'", "NVIDIA A100-SXM4-40GB"),
        ("echo 'No devices were found'; exit 9", None),
        ("exec sleep 1000", None),
    ],
)
def test_graphics_processors_are_listed_where_the_tool_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, expected: str | None
) -> None:
    make_program(tmp_path / "bin", "nvidia-smi", body)
    monkeypatch.setattr("foundations.app.job.facts.gpus._PATIENCE", 30.0 if "sleep" not in body else 0.1)
    query = GpuQuery()
    query.start(f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    found = query.read()
    assert expected == (found and found[0]["name"])


def test_a_query_that_was_killed_is_asked_again(tmp_path: Path) -> None:
    first = tmp_path / "first"
    os.mkfifo(first)
    make_program(tmp_path / "bin", "nvidia-smi", f"[ -p {first} ] && read line < {first}; echo '{GPU.strip()}'")
    query = GpuQuery()
    query.start(f"{tmp_path / 'bin'}")
    assert query._process is not None
    query._process.kill()
    os.waitpid(query._process.pid, 0)  # as the supervisor does with all processes of a job
    first.unlink()
    expected = {
        "name": "NVIDIA A100-SXM4-40GB",
        "uuid": "GPU-1",
        "memory_bytes": 40960 << 20,
        "driver_version": "550.54",
    }
    assert [expected] == query.read()


@pytest.mark.measured
def test_a_job_has_all_of_it(project: Project) -> None:
    git(project.root, "init", "--initial-branch", "feature")
    project.write({"train.py": SCRIPT})
    make_program(project.place / "bin", "nvidia-smi", f"echo '{GPU.strip()}'")
    path = f"{project.place / 'bin'}{os.pathsep}{os.environ['PATH']}"
    document = json.loads(project.run("train.py", variables={"PATH": path}))
    assert ["feature", True] == [document["repository"][name] for name in ("branch", "dirty")]
    assert ["user", "host"] == list(document["submitter"])
    assert [os.uname().nodename, "NVIDIA A100-SXM4-40GB"] == [document["host"], document["gpus"][0]["name"]]
    assert [True] * 5 == [
        document["usage"]["max_rss_bytes"] > 50_000_000,
        document["usage"]["user_seconds"] + document["usage"]["system_seconds"]
        > 0,  # which is which is a guess by ticks
        document["start"]["startup_seconds"] >= 0,
        document["start"]["import_seconds"] > 0,
        document["machine"]["cpu_count"] >= 1,
    ]
