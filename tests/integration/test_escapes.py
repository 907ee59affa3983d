"""Nothing that a person reads of a job, a file or a message controls the terminal, whatever names and values hold."""

from __future__ import annotations

import re

import pytest
from support import Project

HOSTILE = "\x1b[31m\x1b]52;c;AAAA\x07\u202eabc\x9b31m[red]x[/red]\r"
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

SCRIPT = f"""
from foundations import *
HOSTILE = {HOSTILE!r}
def returns(value):
    log_metric(HOSTILE, 1)
    print(HOSTILE)
    open("a.txt", "w").close()
    save_artifact("a.txt", "a[red]b")
    return value
def raises(value):
    raise ValueError(HOSTILE)
def show(call, *arguments, **keywords):
    try:
        print(call(*arguments, **keywords))
    except Exception as error:
        print(error)
returns.__name__ = returns.__qualname__ = "returns" + HOSTILE
stage = create_stage(returns)(HOSTILE).enable_caching()
print(repr(create_stage(returns)), repr(stage), stage.explain())
deployment = stage.run(job_name="returns")
result = deployment.fetch_job_results()
print(result, repr(result), deployment, repr(deployment), deployment.artifacts(), stage.explain())
show(pipeline.stage(raises, 1).run(job_name="raises").fetch_job_results)
show(load_job, "absent" + HOSTILE)
show(pipeline.stage(raises, 1).run, job_name="a" + HOSTILE)
show(stage.run, **{{HOSTILE: 1}})
set_environment("absent" + HOSTILE.replace("/", ""))
show(stage.run)
"""


def test_what_a_script_prints_of_its_job_controls_no_terminal(project: Project) -> None:
    project.write({"train.py": SCRIPT})
    done = project.attempt("train.py")
    assert 0 == done.returncode, done.stderr
    assert (None, None) == (CONTROLS.search(done.stdout), CONTROLS.search(done.stderr))
    assert "\\x1b[31m" in done.stdout
    for command in (["ls"], ["stats"], ["why", "returns"], ["why", "absent\x1b[31m"]):
        shown = project.attempt("-m", "foundations", "cache", *command)
        assert CONTROLS.search(shown.stdout + shown.stderr) is None
    assert "a[red]b" in project.run("-m", "foundations", "cache", "why", "returns")


@pytest.mark.parametrize(
    "yaml",
    [
        "\x1b[31m: 1\ncache_implementation: 3\n",
        'cache_implementation: {cache_type: "foundations.Absent\\e[31m"}\n',
        'user_settings: {a: 1}\n"\\e[31m": 1\n',
    ],
)
def test_what_is_said_of_a_configuration_file_controls_no_terminal(project: Project, yaml: str) -> None:
    project.write({"x.config.yaml": yaml, "train.py": "from foundations import *\npipeline.stage(len, 'a').run()\n"})
    for arguments in (["train.py"], ["-m", "foundations", "cache", "ls"]):
        done = project.attempt(*arguments)
        assert done.returncode
        assert CONTROLS.search(done.stdout + done.stderr) is None


def test_what_is_said_of_files_of_the_project_controls_no_terminal(project: Project) -> None:
    key = "-----BEGIN PRIVATE KEY-----\n"
    project.write({"train.py": "from foundations import *\npipeline.stage(len, 'a').run()\n", "\x1b[31m.pem": key})
    done = project.attempt("train.py")
    assert (0, None) == (done.returncode, CONTROLS.search(done.stderr))
    assert "\\x1b[31m.pem" in done.stderr
    (project.root / "\x1b[31mlink").symlink_to("/nowhere")
    refused = project.refusal("train.py")
    assert CONTROLS.search(refused) is None
    assert "\\x1b[31mlink" in refused
