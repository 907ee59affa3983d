import json

import pytest

from foundations.app.config.manager import ConfigManager
from foundations.app.use_cases.load_job import load_job
from foundations.app.use_cases.project.run_script import parse_parameter

SCRIPT = """\
from foundations import Hyperparameter, create_stage, log_metric, set_environment


@create_stage
def train(rate):
    if rate > 5:
        raise ValueError("too much")
    log_metric("rate", rate)


pipe = train(Hyperparameter("rate"))
if __name__ == "__main__":
    pipe.run(rate=0)
"""


def load(name):
    return load_job(name, ConfigManager().settings())


def test_a_job_is_started_and_its_name_is_all_of_the_output(run, script):
    done = run("run", script(SCRIPT), "-p", "rate=0.5", "--job-name", "first")
    assert (0, "first\n") == (done.exit_code, done.stdout)
    assert done.stderr.endswith("To follow it: foundations jobs logs first --follow\n")
    assert {"rate": 0.5} == load("first").fetch_job_results()["global_stage_context"]["stage_log"]


@pytest.mark.parametrize(("rate", "code", "state", "cause"), [(1, 0, "Completed", None), (7, 1, "Error", "user_code")])
def test_the_exit_code_of_a_job_that_is_followed_says_how_it_ended(run, script, rate, code, state, cause):
    done = run("run", script(SCRIPT), "-p", f"rate={rate}", "--job-name", "first", "--follow")
    assert (code, "first\n") == (done.exit_code, done.stdout)
    assert f"Job first: {state}" in done.stderr
    done = run("run", script(SCRIPT), "-p", f"rate={rate}", "--job-name", "second", "--follow", "--json")
    assert (code, {"job": "second", "state": state, "cause": cause}) == (done.exit_code, json.loads(done.stdout))


def test_a_job_that_is_started_as_a_document(run, script):
    document = json.loads(run("run", script(SCRIPT), "-p", "rate=1", "--job-name", "first", "--json").stdout)
    load("first").wait_for_deployment_to_complete()
    assert (["job", "state", "cause"], "first") == (list(document), document["job"])


def test_a_job_is_labelled_with_its_project_and_tags(run, script):
    labels = [
        "--tag",
        "kind=forest",
        "--tag",
        "baseline",
        "--tag",
        "baseline=",
        "--tag",
        "odd=a=b",
        "--project",
        "wine",
    ]
    done = run("run", script(SCRIPT), "-p", "rate=0.5", "--job-name", "first", *labels, "--follow")
    document = json.loads(run("jobs", "show", "first", "--json").stdout)
    assert (0, "wine") == (done.exit_code, document["project"])
    assert {"kind": "forest", "baseline": "", "odd": "a=b"} == document["tags"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["-p", "rate=1", "--tag", "=forest"], 2, "'=forest' is not a tag: give its name, and a value if it has one"),
        (["-p", "rate=1", "--tag", "a=1", "--tag", "a=2"], 2, "Tag a is given twice: '1' and '2'. Give it once."),
        (["-p", "rat=1"], 1, "hyperparameters missing: 'rate'; unknown: 'rat'. The pipeline has 'rate'."),
        (["-p", "rate"], 2, "'rate' is not a hyperparameter: give its name and its value, as in rate=0.1."),
        (["-p", "rate=1", "-p", "rate=2"], 2, "Hyperparameter rate is given twice: 1 and 2. Give it once."),
        (["-p", "rate=[1"], 2, "the value of rate is not YAML: "),
        (["-p", "rate=1", "--job-name", "a/b"], 1, "job name 'a/b' refused"),
        (["-p", "rate=1", "--environment", "none"], 1, "there is no environment 'none'"),
        (["-p", "rate=1", "--config", "none.yaml"], 1, "none.yaml"),
    ],
)
def test_a_mistake_is_told_and_no_job_started(run, script, arguments, code, told):
    done = run("run", script(SCRIPT), *arguments)
    assert (code, "") == (done.exit_code, done.stdout)
    assert told in done.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\n", "train.py has no 'pipe'. Name the last stage"),
        ("from foundations import *\npipe = create_stage(len)\n", "is a stage factory: call it, as in pipe = train()"),
        ("pipe = 3\n", "'pipe' of train.py is no stage; its type is int."),
        ("from foundations import *\nlast = pipeline.stage(len, [])\n", "It has the stages last."),
        ("raise ValueError('no')\n", "ValueError: no"),
    ],
)
def test_a_script_without_a_pipeline_is_told(run, script, text, told):
    done = run("run", script(text))
    assert (1, "") == (done.exit_code, done.stdout)
    assert told in done.stderr


def test_the_environment_of_the_command_line_wins_over_the_scripts(run, script, in_memory):
    (in_memory / "config").mkdir()
    for name in ("mine", "theirs"):
        (in_memory / "config" / f"{name}.config.yaml").write_text(f"user_settings: {{who: {name}}}\n")
    text = SCRIPT + 'set_environment("theirs")\n'
    text += "from foundations import config_manager\npipe = pipe.stage(lambda _: config_manager['user_settings'])\n"
    done = run("run", script(text), "-p", "rate=1", "--environment", "mine", "--job-name", "first")
    assert (0, {"who": "mine"}) == (done.exit_code, load("first").fetch_job_results().output)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1.5", 1.5),
        ("1e-3", 0.001),
        ("-2E5", -200000.0),
        ("'1e-3'", "1e-3"),
        ("forest", "forest"),
        ("true", True),
        ("null", None),
        ("", None),
        ("a=b", "a=b"),
        ("[1, 2]", [1, 2]),
        ("1e", "1e"),
    ],
)
def test_a_value_is_read_as_yaml(text, value):
    assert ("name", value) == parse_parameter(f"name={text}")
