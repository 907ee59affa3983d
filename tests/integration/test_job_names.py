"""Job names and arguments that cannot be: refused at run(), and nothing is written."""

import fcntl

import pytest
from support import Project, tree

SCRIPT = """from foundations import *
import json, os, sys, threading
def same(value=None):
    return value
class Opaque:
    def __reduce__(self):
        raise TypeError("opaque")
{call}
"""


FIRST = "from foundations import *\npipeline.stage(int).run(job_name='job').fetch_job_results()\n"


def refused(project: Project, call: str) -> str:
    """Return how a script is refused, once it is seen that it has written nothing."""
    project.write({"train.py": SCRIPT.format(call=call)})
    project.settle()
    before = tree(project.root.parent, project.home)
    refusal = project.refusal("-B", "train.py")
    assert before == tree(project.root.parent, project.home)
    return refusal


@pytest.mark.parametrize(
    "name",
    ["", "..", ".", "a/b", "../a", "/a", "a\0b", "a\nb", "a\n", "a" * 300, "-a", ".a", "ä", "a b", 7, b"a"],
    ids=repr,
)
def test_a_name_that_cannot_name_a_job_is_refused_before_anything_is_written(project: Project, name: object) -> None:
    assert "JobNameError: job name " in refused(project, f"pipeline.stage(same).run(job_name={name!r})")


def test_a_name_is_taken_once(project: Project) -> None:
    project.write(
        {"first.py": "from foundations import *\npipeline.stage(int).run(job_name='job').fetch_job_results()"}
    )
    project.run("first.py")
    refusal = refused(project, "pipeline.stage(same).run(job_name='job')")
    assert "JobExistsError: job name 'job' is taken by an earlier job (Completed)" in refusal


def test_a_name_is_taken_where_only_the_environment_knows_the_job(project: Project) -> None:
    project.write(
        {"first.py": "from foundations import *\npipeline.stage(int).run(job_name='job').fetch_job_results()"}
    )
    project.run("first.py")
    (project.home / "archive").rename(project.place / "another")
    refusal = refused(project, "pipeline.stage(same).run(job_name='job')")
    assert "JobExistsError: job name 'job' is taken" in refusal


def test_of_two_callers_that_take_a_name_at_once_one_wins(project: Project) -> None:
    project.write(
        {
            "train.py": "import fcntl, sys\nfrom foundations import *\n"
            "def who(caller):\n    return caller\n"
            "stage = pipeline.stage(who, sys.argv[1])\n"
            "print('ready', flush=True)\n"
            "fcntl.flock(open(sys.argv[2]), fcntl.LOCK_SH)\n"
            "print(stage.run(job_name='job').fetch_job_results().output)\n"
        }
    )
    gate = project.place / "gate"
    with gate.open("w") as closed:
        fcntl.flock(closed, fcntl.LOCK_EX)
        callers = [project.start("train.py", str(number), str(gate)) for number in range(2)]
        for caller in callers:
            assert caller.stdout is not None
            assert "ready\n" == caller.stdout.readline()
    printed = [caller.communicate(timeout=60) for caller in callers]
    winners = [number for number, caller in enumerate(callers) if caller.returncode == 0]
    assert 1 == len(winners)
    assert f"{winners[0]}\n" == printed[winners[0]][0]
    assert "ExistsError: " in printed[1 - winners[0]][1].splitlines()[-1]
    assert [["project"], ["job"]] == [project.beside(), project.job_names()]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("pipeline.stage(same, threading.Lock()).run()", "NotSerialisableError: same(argument 1)"),
        ("pipeline.stage(same, value=[Opaque()]).run()", "NotSerialisableError: same(value=...)"),
        ("pipeline.stage(same, Hyperparameter('x')).run(x=Opaque())", "NotSerialisableError: hyperparameter x"),
        ("pipeline.stage(same, Hyperparameter('x')).run()", "HyperparameterError: "),
        ("pipeline.stage(same, Hyperparameter('x')).run(x=1, y=2)", "HyperparameterError: "),
        ("pipeline.stage(same, Hyperparameter('x')).run({'x': 1}, x=2)", "HyperparameterError: "),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_written(project: Project, call: str, error: str) -> None:
    assert error in refused(project, call)
