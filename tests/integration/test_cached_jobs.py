"""Whole jobs and the cache: what is computed once, by whom, and what anybody can tell of it afterwards."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import THOROUGH, Project
from test_code_edits import fresh_key, write

COUNTED = """
import os, subprocess
def counted(place, n):
    subprocess.run(["mktemp", "--directory", "--tmpdir=" + place], check=True)  # which Python does not see
    return n * 2
"""
"""Source of a stage that leaves a directory behind whenever it is computed."""


def computed(place: Path) -> int:
    return len(list(place.iterdir()))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    made = tmp_path / "computed"
    made.mkdir()
    return made


def test_of_fifty_jobs_that_need_one_output_at_a_time_one_computes_it(project: Project, place: Path) -> None:
    script = (
        "from foundations import *\n"
        + COUNTED
        + f"pipe = pipeline.stage(counted, {str(place)!r}, 21).enable_caching()\n"
        + "deployments = [pipe.run() for _ in range(50)]\n"
        + "print({deployment.fetch_job_results().output for deployment in deployments})\n"
    )
    project.write({"train.py": script})
    assert "{42}\n" == project.run("train.py")
    assert 1 == computed(place)


def test_content_that_collides_under_a_fast_hash_is_never_answered_by_the_other(project: Project) -> None:
    script = """
import struct
from foundations import *
def colliding(first, second):
    # sums of one value have one XXH3-128 digest, in closed form
    data = bytearray(4096)
    data[0:8] = struct.pack("<II", first, 0xBE4BA423)
    data[64:72] = struct.pack("<II", second, 0x1CAD21F7)
    return bytes(data)
def first(data):
    return data[0]
@create_stage(depends_on=["data.bin"])
def read():
    with open("data.bin", "rb") as stream:
        return stream.read(1)[0]
def observe(name):
    with open(name, "rb") as stream:
        return stream.read(1)[0]
for data in (colliding(0x11, 0x22222222), colliding(0x12, 0x22222221)):
    with open("data.bin", "wb") as stream:
        stream.write(data)
    for stage in (pipeline.stage(first, data), read(), pipeline.stage(observe, "data.bin")):
        print(stage.enable_caching().run().fetch_job_results().output, end=" ")
"""
    project.write({"train.py": script})
    assert "17 17 17 18 18 18 " == project.run("train.py")


def test_a_python_without_blake3_computes_what_takes_long_values_and_says_what_to_install(project: Project) -> None:
    script = """
from foundations import *
def length(data):
    return len(data)
for size in (5000, 5000, 10, 10):
    deployment = pipeline.stage(length, bytes(size)).enable_caching().run()
    result = deployment.fetch_job_results()
    print(result.output, result["global_stage_context"]["used_cache"], end=" ")
    print("pip install blake3" in deployment.get_job_logs("stderr"))
"""
    project.write({"train.py": script, "blake3.py": "raise ImportError"})
    assert "5000 False True\n5000 False True\n10 False False\n10 True False\n" == project.run("train.py")


def test_the_lease_of_a_killed_job_is_taken_over_by_the_one_that_waits(project: Project, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    script = f"""
import os, signal, time
from foundations import *
def slow():
    try:
        os.mkdir({str(begun)!r})
    except FileExistsError:
        return "computed by the second"
    time.sleep(600)
pipe = pipeline.stage(slow).enable_caching()
first = pipe.run(job_name="first")
while not os.path.exists({str(begun)!r}):
    time.sleep(.01)
second = pipe.run(job_name="second")
while "cache_waiting" not in second.get_job_logs("stderr"):
    time.sleep(.01)
first.cancel()
print(second.fetch_job_results().output, first.get_job_status())
"""
    project.write({"train.py": script})
    assert "computed by the second Cancelled\n" == project.run("train.py")


def test_those_that_wait_for_a_job_that_dies_compute_once_among_them(project: Project, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    script = f"""
import os, time
from foundations import *
def slow(begun):
    if os.path.exists(begun):
        return os.getpid()
    os.mkdir(begun)
    time.sleep(600)
pipe = pipeline.stage(slow, {str(begun)!r}).enable_caching()
first = pipe.run()
while not os.path.exists({str(begun)!r}):
    time.sleep(.01)
others = [pipe.run() for _ in range(10)]
for other in others:
    while "cache_waiting" not in other.get_job_logs("stderr"):
        time.sleep(.01)
first.cancel()
print(len({{other.fetch_job_results().output for other in others}}))
"""
    project.write({"train.py": script})
    assert "1\n" == project.run("train.py")


def test_the_key_that_is_explained_beforehand_is_the_jobs(project: Project, place: Path) -> None:
    project.write(
        {
            "features.py": "import statistics\nSCALE = 3\ndef scaled(x):\n    return statistics.mean([x]) * SCALE\n",
            "train.py": """
import dataclasses, enum, functools
import features
from foundations import *
class Kind(enum.Enum):
    ONE = 1
@dataclasses.dataclass
class Config:
    kind: Kind = Kind.ONE
    def factor(self):
        return self.kind.value
def helper(x):
    return features.scaled(x)
def outer(n):
    return lambda x: x + n
def train(config, x, functions, later=outer(3)):
    return helper(x) * config.factor() + sum(function(x) for function in functions) + later(x)
made = pipeline.stage(train, Config(), 2, [helper, outer(1), functools.partial(pow, 2)])
pipe = made.stage(train_again := (lambda total: total + 1)).enable_caching()
before = pipe.explain()
result = pipe.run().fetch_job_results()
contexts = list(result["stage_contexts"].values())
print([context["cache_uuid"] for context in contexts] == [stage.key for stage in before.stages])
print([stage.outcome for stage in pipe.explain().stages], result.output)
""",
        }
    )
    assert "True\n['hit', 'hit'] 25\n" == project.run("train.py")


def test_what_is_explained_is_what_the_job_does_whatever_the_caller_has_changed(project: Project) -> None:
    project.write(
        {
            "steps.py": "import json\nLR = 0.1\nNAMES = []\ndef helper(x): return x\n"
            "class Scale:\n    factor = 2\n"
            "def fit(n): return helper(LR * n) * Scale.factor + len(NAMES) + len(json.FORMAT)\n",
            "plugin.py": "import json, steps\nsteps.NAMES.append('plugin')\njson.FORMAT = 'abc'\n",
            "train.py": """
import json, plugin, steps
from foundations import *
pipe = pipeline.stage(steps.fit, 10).enable_caching()
def change():
    steps.LR, steps.helper, steps.Scale.factor, json.FORMAT = 0.5, (lambda x: -x), 3, "long text"
    steps.NAMES.append("mine")
first = pipe.run().fetch_job_results()
change()
before = pipe.explain()
second = pipe.run().fetch_job_results()
print(first.output, second.output, before.outcome, second["global_stage_context"]["used_cache"])
open("steps.py", "a").write("LR = 0.2\\n")
changed = pipe.explain()
third = pipe.run().fetch_job_results()
print(changed.outcome, third["global_stage_context"]["cache_uuid"] == changed.key, third.output)
RATE = 1
def scaled(x): return x * RATE
scaling = pipeline.stage(scaled, 3).enable_caching()
keys = [scaling.explain().key]
RATE = 2
keys.append(scaling.explain().key)
context = scaling.run().fetch_job_results()["global_stage_context"]
print(keys.index(context["cache_uuid"]), keys[0] == keys[1])
""",
        }
    )
    assert "6.0 6.0 hit True\nmiss True 8.0\n1 False\n" == project.run("train.py")


def test_an_explanation_follows_extra_source_paths_and_prints_nothing_of_the_modules(project: Project) -> None:
    (project.place / "libs").mkdir()
    (project.place / "libs" / "shapes.py").write_text("print('imported')\nSIZE = 2\ndef double(x): return SIZE * x\n")
    project.write(
        {
            "job.config.yaml": "job_source_bundle: {extra_source_paths: [../../libs]}\n",
            "train.py": """
import sys
sys.path.append("../../libs")
import shapes
from foundations import *
pipe = pipeline.stage(shapes.double, 2).enable_caching()
shapes.SIZE = 3
key = pipe.explain().key
print(pipe.run().fetch_job_results()["global_stage_context"]["cache_uuid"] == key)
""",
        }
    )
    assert "imported\nTrue\n" == project.run("train.py")


def test_a_module_that_explains_when_it_is_imported_is_explained_once(project: Project) -> None:
    module = "from foundations import *\ndef fit(): return 1\nprint(pipeline.stage(fit).enable_caching().explain())\n"
    project.write({"steps.py": module, "train.py": "import steps\n"})
    assert 1 == project.run("train.py").count("no earlier entry of this stage")


def test_an_explanation_whose_job_could_not_be_loaded_is_an_error_that_names_the_reason(project: Project) -> None:
    script = "from foundations import *\nimport steps\nopen('steps.py', 'w').write('1 / 0')\n"
    script += "pipeline.stage(steps.fit).enable_caching().explain()\n"
    project.write({"steps.py": "def fit(): return 1\n", "train.py": script})
    assert "a job of this pipeline could not be loaded" in project.refusal("train.py").splitlines()[-1]


def test_a_job_whose_environment_runs_no_other_program_is_explained_by_this_process(project: Project) -> None:
    project.write(
        {
            "shell.py": "from foundations import LocalShellJobDeployment\n"
            "class Shell(LocalShellJobDeployment):\n    def run_program(self, *arguments): return None\n",
            "job.config.yaml": "deployment_implementation: {deployment_type: shell.Shell}\n",
            "train.py": "from foundations import *\nprint(pipeline.stage(int).enable_caching().explain())\n",
        }
    )
    done = project.attempt("train.py")
    assert ["int  miss        no earlier entry of this stage", True] == [
        done.stdout.strip(),
        "explained_by_this_process" in done.stderr,
    ]


def test_a_program_of_the_local_shell_that_fails_is_an_error_with_its_exit_code(tmp_path: Path) -> None:
    from foundations import LocalShellJobDeployment
    from foundations.errors import ExecutionError

    shell = LocalShellJobDeployment(tmp_path)
    assert b"ab1" == shell.run_program(
        "import os, sys; print(sys.stdin.read() + os.environ['MINE'], end='')", [b"a", b"b"], {"MINE": "1"}
    )
    with pytest.raises(ExecutionError, match="exit code 3"):
        shell.run_program("import os; os._exit(3)", [bytes(1 << 20)], {})


def test_processes_with_hash_seeds_of_their_own_have_one_key(tmp_path: Path) -> None:
    write(tmp_path / "first", {})
    first = fresh_key(tmp_path / "first")
    seeds = [str(random.randrange(1, 2**32)) for _ in range(20 if THOROUGH else 6)]
    script = "import main; print(main.create(3).enable_caching().explain().key)"
    for begin in range(0, len(seeds), 10):
        batch = seeds[begin : begin + 10]
        started = [
            subprocess.Popen(
                [sys.executable, "-B", "-c", script],
                cwd=tmp_path / "first",
                env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."},
                stdout=subprocess.PIPE,
                text=True,
            )
            for seed in batch
        ]
        assert [first] * len(batch) == [process.communicate()[0].strip() for process in started]


def test_a_stage_may_write_into_an_array_of_the_cache(project: Project) -> None:
    project.write(
        {
            "train.py": """
import numpy
from foundations import *
def made():
    return numpy.zeros(400_000)
def spoilt(array):
    array += 1
    return float(array.sum())
pipe = pipeline.stage(made).enable_caching().stage(spoilt).disable_caching()
print([pipe.run().fetch_job_results().output for _ in range(3)])
"""
        }
    )
    assert "[400000.0, 400000.0, 400000.0]\n" == project.run("train.py")


def test_a_job_that_is_killed_while_it_stores_leaves_a_miss_or_the_value(project: Project) -> None:
    project.write(
        {
            "train.py": """
import os, signal, sys
from foundations import *
class Killing:
    def __reduce__(self):
        if os.environ.get("KILL"):
            os.kill(os.getpid(), signal.SIGKILL)
        return Killing, ()
def made():
    return [b"x" * 100_000, Killing()]
pipe = pipeline.stage(made).enable_caching().stage(len).enable_caching()
if len(sys.argv) > 1:
    os.environ["KILL"] = "1"
try:
    print(pipe.run().fetch_job_results().output)
except RemoteException as error:
    print(error.cause)
"""
        }
    )
    assert "killed\n" == project.run("train.py", "now")
    assert ["2\n", "2\n"] == [project.run("train.py") for _ in range(2)]


def test_the_command_tells_why_of_a_real_job(project: Project) -> None:
    script = "from foundations import *\nRATE = {}\ndef f(x):\n    return x * RATE\n"
    run = "print(pipeline.stage(f, 2).enable_caching().run(job_name={!r}).fetch_job_results().output)\n"
    for name, rate in (("first", 3), ("second", 4)):
        project.write({"train.py": script.format(rate) + run.format(name)})
        project.run("train.py")
    command = [str(Path(sys.executable).with_name("foundations")), "cache", "why", "second", "--json"]
    done = subprocess.run(
        command,
        cwd=project.root,
        env={**os.environ, "FOUNDATIONS_HOME": str(project.home)},
        capture_output=True,
        text=True,
        check=True,
    )
    (stage,) = json.loads(done.stdout)["stages"]
    assert ("f", "miss", ["constant RATE: 3 -> 4"]) == (stage["stage"], stage["outcome"], stage["differences"])
    assert "job first" in stage["why"]


def test_a_stage_that_kills_itself_stores_nothing(project: Project) -> None:
    project.write(
        {
            "train.py": f"""
import os
from foundations import *
def f():
    os.kill(os.getpid(), {int(signal.SIGKILL)})
pipe = pipeline.stage(f).enable_caching()
for _ in range(2):
    try:
        pipe.run().fetch_job_results()
    except RemoteException as error:
        print(error.cause)
print(pipe.explain().outcome)
"""
        }
    )
    assert "killed\nkilled\nmiss\n" == project.run("train.py")


def test_the_audit_finds_a_flipped_byte_in_the_mapped_bulk_of_an_entry(project: Project) -> None:
    script = """
import numpy
from foundations import *
def made():
    return numpy.zeros(400_000)
pipe = pipeline.stage(made).enable_caching().stage(float_sum := (lambda array: float(array.sum()))).disable_caching()
deployment = pipe.run()
print(deployment.fetch_job_results().output, "cache_disagreement" in deployment.get_job_logs("stderr"))
"""
    project.write({"train.py": script, "audit.config.yaml": "cache_audit: 0\n"})
    assert "0.0 False\n" == project.run("train.py")
    (entry,) = [path for path in (project.home / "cache" / "cache").rglob("*") if path.is_file()]
    content = bytearray(entry.read_bytes())
    content[-1] ^= 0x40
    entry.write_bytes(content)
    project.write({"audit.config.yaml": "cache_audit: 1\n"})
    assert "0.0 True\n" == project.run("train.py")
    assert "0.0 False\n" == project.run("train.py")
    assert 1 == len(list((project.home / "cache" / "damaged").iterdir()))


def test_full_verification_finds_it_before_it_is_used(project: Project) -> None:
    configuration = """
cache_implementation:
  cache_type: foundations.LocalFileSystemCacheBackend
  constructor_arguments: [{root}]
  constructor_keyword_arguments: {{verify: full}}
"""
    root = project.place / "cache"
    script = """
import numpy
from foundations import *
def made():
    return numpy.zeros(400_000)
result = pipeline.stage(made).enable_caching().run().fetch_job_results()
print(float(result.output.sum()), result["global_stage_context"]["used_cache"])
"""
    project.write({"train.py": script, "local.config.yaml": configuration.format(root=root)})
    assert ["0.0 False\n", "0.0 True\n"] == [project.run("train.py") for _ in range(2)]
    (entry,) = [path for path in (root / "cache").rglob("*") if path.is_file()]
    content = bytearray(entry.read_bytes())
    content[-1] ^= 0x40
    entry.write_bytes(content)
    assert ["0.0 False\n", "0.0 True\n"] == [project.run("train.py") for _ in range(2)]


def test_classes_and_memories_of_the_script_are_its_own_after_a_hit(project: Project) -> None:
    script = """
import dataclasses, enum, functools
from foundations import *
class Mode(enum.Enum):
    A = 1
@dataclasses.dataclass
class Config:
    width: int
@functools.lru_cache
def doubled(n):
    return n * 2
def pick():
    return Mode.A, Config(doubled(2))
def decide(picked, edit={edit}):
    mode, config = picked
    return mode is Mode.A, config == Config(4), isinstance(config, Config)
result = pipeline.stage(decide, pipeline.stage(pick)).enable_caching().run().fetch_job_results()
print(result.output, [context["used_cache"] for context in result["stage_contexts"].values()])
"""
    for edit, used in ((1, [False, False]), (2, [True, False]), (1, [True, True])):
        project.write({"train.py": script.format(edit=edit)})
        assert f"(True, True, True) {used}\n" == project.run("train.py")


def test_a_forked_child_that_returns_from_a_cached_stage_stores_nothing(project: Project) -> None:
    script = """
import os, time
from foundations import *
def forks():
    if os.fork() == 0:
        time.sleep(.3)
        return "child"
    return "parent"
pipe = pipeline.stage(forks).enable_caching()
print([pipe.run().fetch_job_results().output for _ in range(2)])
"""
    project.write({"train.py": script})
    assert "['parent', 'parent']\n" == project.run("train.py")
