"""Hundred: a hundred trivial jobs in processes of their own, two at a time.

python benchmarks/hundred.py [--rounds N] [--sample]
"""

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from floor import floor
from hello import executorlib_job, make_project, our_job, submitit_job
from measuring import arguments, take_turns

JOBS = 100


def greet(name: str) -> str:
    return f"Hello, {name}!"


def many(job: Callable[..., str], jobs: int) -> Callable[[], None]:
    def run() -> None:
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda number: job(greet, f"world {number}"), range(jobs)))
        assert [f"Hello, world {number}!" for number in range(jobs)] == answers

    return run


def main() -> None:
    options, report = arguments(__doc__, rounds=3)
    jobs = JOBS // 5 if options.sample else JOBS
    with tempfile.TemporaryDirectory(prefix="benchmark-hundred-") as name:
        root = Path(name).resolve()
        os.environ["FOUNDATIONS_HOME"] = str(root / "home")
        os.environ["FOUNDATIONS_LOG_LEVEL"] = "error"
        make_project(root / "project", root / "storage")
        os.chdir(root / "project")
        calls = {"ours": many(our_job, jobs), "floor": many(floor, jobs)}
        report.title(f"{jobs} jobs, two at a time")
        if options.sample:
            medians = report.table(take_turns(calls, options.rounds), "s", 1)
        else:
            from executorlib import SingleNodeExecutor

            with SingleNodeExecutor(max_cores=2, hostname_localhost=True) as executor:
                calls |= {
                    "executorlib": many(executorlib_job(executor), jobs),
                    "submitit": many(submitit_job(root / "submitit"), jobs),
                }
                medians = report.table(take_turns(calls, options.rounds, warm_up=0), "s", 1)
        report.bar("ours / floor", medians["ours"] / medians["floor"], 1 / 0.6)
        if not options.sample:
            report.bar("ours / executorlib", medians["ours"] / medians["executorlib"], 1 / 2.5)
            report.bar("ours / submitit", medians["ours"] / medians["submitit"], 1 / 10)
        os.chdir("/")
    report.close()


if __name__ == "__main__":
    main()
