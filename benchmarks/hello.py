"""Hello: a trivial job in a process of its own, from submission to result, ours and others' in one run.

Each round times every contender once, in another order; the first round warms up and is not counted. What counts is the
ratio in one run: milliseconds differ from machine to machine.

    python benchmarks/hello.py [--rounds N] [--only hello|script]
"""

import argparse
import contextlib
import io
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from floor import floor, floor_tgz

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
def contenders(group: str, directory: Path) -> Iterator[dict[str, Callable[..., str]]]:
    """Yield what a group compares: first ours, then whatever it is compared with."""
    if group == "script":
        here = str(Path(__file__).resolve().parent)
        for function in ("floor", "floor_tgz"):
            (directory / f"run_{function}.py").write_text(FLOOR_SCRIPT.format(here=here, function=function))
        yield {
            "ours": script_runner("script.py"),
            "floor": script_runner(str(directory / "run_floor.py")),
            "floor + .tgz": script_runner(str(directory / "run_floor_tgz.py")),
        }
        return

    from executorlib import SingleNodeExecutor

    with SingleNodeExecutor(max_cores=1, hostname_localhost=True) as executor:
        yield {
            "ours": our_job,
            "floor": floor,
            "floor + .tgz": floor_tgz,
            "executorlib": executorlib_job(executor),
            "submitit": submitit_job(directory / "submitit"),
        }


def measure(calls: dict[str, Callable[..., str]], rounds: int) -> dict[str, list[float]]:
    """Return each contender's times in milliseconds, one for each counted round."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    for number in range(rounds + 1):
        random.Random(number).shuffle(order)
        for name in order:
            start = time.perf_counter()
            with contextlib.redirect_stderr(io.StringIO()):
                answer = calls[name](greet, "world")
            elapsed = 1000 * (time.perf_counter() - start)
            if answer != "Hello, world!":
                raise RuntimeError(f"{name} answered {answer!r}")
            if number:
                times[name].append(elapsed)
    return times


def report(title: str, times: dict[str, list[float]]) -> None:
    ours = statistics.median(times["ours"])
    print(f"\n{title}, {len(times['ours'])} rounds\n")
    print(f"{'':16}{'median ms':>12}{'min':>10}{'max':>10}{'ours / it':>12}")
    for name, values in times.items():
        median = statistics.median(values)
        ratio = "" if name == "ours" else f"{ours / median:.2f}"
        print(f"{name:16}{median:12.1f}{min(values):10.1f}{max(values):10.1f}{ratio:>12}")


TITLES = {
    "hello": "Submit to result, caller already up",
    "script": "Whole process, interpreter start to exit",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20, help="counted rounds (default: %(default)s)")
    parser.add_argument("--only", choices=TITLES, help="one of the two comparisons")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds is at least 1")

    with tempfile.TemporaryDirectory(prefix="benchmark-hello-") as name:
        root = Path(name).resolve()
        os.environ["FOUNDATIONS_HOME"] = str(root / "home")
        os.environ["FOUNDATIONS_LOG_LEVEL"] = "error"
        project = root / "project"
        make_project(project, root / "storage")
        os.chdir(project)
        try:
            for group in [options.only] if options.only else list(TITLES):
                with contenders(group, root) as calls:
                    report(TITLES[group], measure(calls, options.rounds))
        finally:
            os.chdir("/")


if __name__ == "__main__":
    main()
