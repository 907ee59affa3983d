"""``foundations run`` beside ``python SCRIPT``: the same job, whatever the script defines."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from support import Project, tree

SCRIPT = str(Path(sys.executable).parent / "foundations")
TRAIN = """
import multiprocessing
from dataclasses import dataclass
from foundations import *
import steps


@dataclass
class Model:
    weight: float


def squared(x):
    return x * x


@create_stage
def train(rate):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        return Model(sum(pool.map(squared, [1, 2])) * rate + steps.one())


pipe = train(Hyperparameter("rate")).enable_caching()

if __name__ == "__main__":
    print(pipe.run(rate=0.5, job_name="by-python").fetch_job_results().output)
"""


@pytest.fixture
def trained(project: Project) -> Project:
    """A project whose script ran by Python, as a job that stored its output in the cache."""
    project.write({"train.py": TRAIN, "steps.py": "def one():\n    return 1\n"})
    assert "Model(weight=3.5)\n" == project.run("train.py")
    return project


def test_a_job_of_the_command_is_the_one_that_python_submits(trained: Project) -> None:
    trained.run(SCRIPT, "run", "train.py", "-p", "rate=0.5", "--job-name", "by-command", "--follow")
    (stage,) = json.loads(trained.run(SCRIPT, "cache", "why", "by-command", "--json"))["stages"]
    assert ("train", "hit") == (stage["stage"], stage["outcome"])
    trained.run(SCRIPT, "run", "train.py", "-p", "rate=2", "--job-name", "another", "--follow")
    report = trained.report("another")
    assert ("Completed", ["Model(weight=11)"]) == (report["status"], report["outputs"])


def test_a_job_that_fails_shows_the_scripts_own_frames_and_ends_the_command_with_1(project: Project) -> None:
    project.write({"train.py": "from foundations import *\ndef fail():\n    1 / 0\npipe = pipeline.stage(fail)\n"})
    done = project.attempt(SCRIPT, "run", "train.py", "--job-name", "first", "--follow")
    assert (1, "first\n") == (done.returncode, done.stdout)
    assert "train.py" in done.stderr
    assert "Job first: Error: stage fail raised ZeroDivisionError: division by zero" == done.stderr.splitlines()[-1]


LOOKING = [
    "config show",
    "config check",
    "doctor",
    "adapters",
    "bundle ls",
    "jobs show by-python",
    "jobs logs by-python",
]


@pytest.mark.parametrize("command", LOOKING)
def test_a_command_that_looks_writes_nothing(trained: Project, command: str) -> None:
    trained.settle()
    before = tree(trained.home, trained.root)
    trained.run(SCRIPT, *command.split(), variables={"PYTHONDONTWRITEBYTECODE": "1"})
    assert before == tree(trained.home, trained.root)
