"""Hello: a trivial job in a process of its own, from submission to result, ours and others' in one run.

python benchmarks/hello.py [--rounds N] [--sample]
"""

import contextlib
import io
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from floor import floor, floor_tgz
from measuring import arguments, take_turns

# The specification's configuration, with directories of the benchmark's own.
CONFIGURATION = """\
cache_implementation:
  cache_type: foundations.LocalFileSystemCacheBackend
  constructor_arguments: [{root}/cache]

archive_listing_implementation:
  archive_listing_type: foundations.LocalFileSystemPipelineListing
  constructor_arguments: [{root}/archive]
{archives}
job_source_bundle:
  bundle_name: test_bundle
  target_path: .
"""
ARCHIVE = """
{role}_archive_implementation:
  archive_type: foundations.LocalFileSystemPipelineArchive
  constructor_arguments: [{root}/archive]
"""
ROLES = ("stage_log", "persisted_data", "provenance", "job_source", "artifact", "miscellaneous")

# What the whole-process figures run: the same job, by a script that starts from nothing.
FLOOR_SCRIPT = """\
import sys

sys.path.insert(0, {here!r})
from floor import {function}

def greet(name):
    return f"Hello, {{name}}!"

print({function}(greet, "world"))
"""
OUR_SCRIPT = """\
from foundations import *

def greet(name):
    return f"Hello, {name}!"

pipe = create_stage(greet)("world")
deployment = pipe.run()
result = deployment.fetch_job_results()
print(result)
"""
METAFLOW_SCRIPT = """\
from metaflow import FlowSpec, step

class Hello(FlowSpec):
    @step
    def start(self):
        self.greeting = "Hello, world!"
        self.next(self.end)

    @step
    def end(self):
        print(self.greeting)

if __name__ == "__main__":
    Hello()
"""


def greet(name: str) -> str:
    return f"Hello, {name}!"


def submitit_job(folder: Path) -> Callable[..., str]:
    import submitit

    executor = submitit.LocalExecutor(folder=folder)

    def call(function: Callable[..., str], *arguments: str) -> str:
        return executor.submit(function, *arguments).result()

    return call


def executorlib_job(executor: object) -> Callable[..., str]:
    def call(function: Callable[..., str], *arguments: str) -> str:
        return executor.submit(function, *arguments).result()  # type: ignore[attr-defined]

    return call


def our_job(function: Callable[..., str], *arguments: str) -> str:
    from foundations import create_stage

    deployment = create_stage(function)(*arguments).run()
    return deployment.fetch_job_results().output


def make_project(directory: Path, storage: Path) -> None:
    """Write a project of 20 files: a script, our configuration, modules and some data."""
    directory.mkdir()
    archives = "".join(ARCHIVE.format(role=role, root=storage) for role in ROLES)
    (directory / "local_deploy.config.yaml").write_text(CONFIGURATION.format(root=storage, archives=archives))
    (directory / "script.py").write_text(OUR_SCRIPT)
    noise = random.Random(1)
    for number in range(12):
        lines = (f"VALUE_{line} = {noise.random()}\n" for line in range(60))
        (directory / f"module_{number}.py").write_text("".join(lines))
    for number in range(6):
        (directory / f"data_{number}.csv").write_text("".join(f"{i},{noise.random()}\n" for i in range(200)))
    assert len(list(directory.iterdir())) == 20


def script_runner(*command: str) -> Callable[..., str]:
    def call(function: Callable[..., str], *arguments: str) -> str:
        finished = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
        if finished.returncode:
            raise RuntimeError(finished.stderr)
        expected = function(*arguments)
        return expected if expected in finished.stdout else finished.stdout

    return call


@contextlib.contextmanager
def contenders(group: str, directory: Path, sample: bool) -> Iterator[dict[str, Callable[..., str]]]:
    """Yield what a group compares: first ours, then whatever it is compared with."""
    if group == "script":
        here = str(Path(__file__).resolve().parent)
        for function in ("floor", "floor_tgz"):
            (directory / f"run_{function}.py").write_text(FLOOR_SCRIPT.format(here=here, function=function))
        calls = {
            "ours": script_runner("script.py"),
            "floor": script_runner(str(directory / "run_floor.py")),
            "floor + .tgz": script_runner(str(directory / "run_floor_tgz.py")),
        }
        if not sample:
            (directory / "flow.py").write_text(METAFLOW_SCRIPT)
            os.environ.update(METAFLOW_DATASTORE_SYSROOT_LOCAL=str(directory), METAFLOW_USER="benchmark")
            calls["metaflow run"] = script_runner(str(directory / "flow.py"), "--quiet", "run")
        yield calls
        return

    calls = {"ours": our_job, "floor": floor, "floor + .tgz": floor_tgz}
    if sample:
        yield calls
        return
    from executorlib import SingleNodeExecutor

    with SingleNodeExecutor(max_cores=1, hostname_localhost=True) as executor:
        yield {
            **calls,
            "executorlib": executorlib_job(executor),
            "submitit": submitit_job(directory / "submitit"),
        }


def checked(call: Callable[..., str]) -> Callable[[], None]:
    def run() -> None:
        with contextlib.redirect_stderr(io.StringIO()):
            answer = call(greet, "world")
        if answer != "Hello, world!":
            raise RuntimeError(f"answered {answer!r}")

    return run


BARS = {
    "hello": {"floor + .tgz": 2.0, "executorlib": 0.85, "submitit": 1 / 12},
    "script": {"floor + .tgz": 2.0, "metaflow run": 1 / 7},
}
TITLES = {
    "hello": "submit to result, caller already up",
    "script": "whole process, interpreter start to exit",
}


def main() -> None:
    options, report = arguments(__doc__, rounds=20)
    with tempfile.TemporaryDirectory(prefix="benchmark-hello-") as name:
        root = Path(name).resolve()
        os.environ["FOUNDATIONS_HOME"] = str(root / "home")
        os.environ["FOUNDATIONS_LOG_LEVEL"] = "error"
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody's modules are compiled again for each process
        project = root / "project"
        make_project(project, root / "storage")
        os.chdir(project)
        try:
            for group, title in TITLES.items():
                report.title(title)
                with contenders(group, root, options.sample) as calls:
                    called = {contender: checked(call) for contender, call in calls.items()}
                    medians = report.table(take_turns(called, options.rounds, warm_up=2))
                for peer, most in BARS[group].items():
                    if peer in medians:
                        report.bar(f"ours / {peer}", medians["ours"] / medians[peer], most)
        finally:
            os.chdir("/")
    report.close()


if __name__ == "__main__":
    main()
