"""Graph: what a stage costs, built and run in one process, with its times and provenance kept.

    python benchmarks/graph.py [--rounds N] [--sample]

A chain of 10,000 stages and 10,000 stages into one, as jobs of the in-memory SDK: serialised, packed, verified, run and
archived. Compared with parsl's threads and dask.delayed, which keep neither.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measuring import arguments, take_turns

from foundations.testing import in_memory_sdk

STAGES = 10_000


def add(number: int) -> int:
    return number + 1


def count(*numbers: int) -> int:
    return len(numbers)


def ours(sdk: object, shape: str, stages: int) -> None:
    stage = sdk.pipeline.stage  # type: ignore[attr-defined]
    if shape == "chain":
        target = stage(int)
        for _ in range(stages - 1):
            target = stage(add, target)
        expected = stages - 1
    else:
        target = stage(count, *[stage(add, number) for number in range(stages - 1)])
        expected = stages - 1
    result = target.run().fetch_job_results()
    assert expected == result.output
    assert stages == len(result["stage_contexts"]) == len(result["provenance"]["stages"]["uuids"])
    assert result["stage_contexts"][target.uuid()]["delta_time"] is not None


def dask_delayed(shape: str, stages: int) -> None:
    import dask

    if shape == "chain":
        sys.setrecursionlimit(1_000_000)
        value = dask.delayed(int)()
        for _ in range(stages - 1):
            value = dask.delayed(add)(value)
    else:
        value = dask.delayed(count)(*[dask.delayed(add)(number) for number in range(stages - 1)])
    assert stages - 1 == value.compute(scheduler="synchronous")


def parsl_threads(shape: str, stages: int) -> None:
    import parsl

    app = parsl.python_app(add)
    if shape == "chain":
        value = app(-1)
        for _ in range(stages - 1):
            value = app(value)
        assert stages - 1 == value.result()
    else:
        values = [app(number) for number in range(stages - 1)]
        assert stages - 1 == parsl.python_app(count)(*values).result()


MEMORY = """
import resource, sys
sys.path.insert(0, {here!r})
from graph import in_memory_sdk, ours
with in_memory_sdk() as sdk:
    ours(sdk, {shape!r}, {stages})
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def peak_memory(shape: str, stages: int) -> int:
    script = MEMORY.format(here=str(Path(__file__).parent), shape=shape, stages=stages)
    return int(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout)


def main() -> None:
    options, report = arguments(__doc__, rounds=5)
    peers: dict[str, Callable[[str, int], None]] = {}
    if not options.sample:
        import parsl

        parsl.load(parsl.Config(executors=[parsl.ThreadPoolExecutor(max_threads=2)], run_dir=tempfile.mkdtemp()))
        peers = {"parsl, threads": parsl_threads}
    with tempfile.TemporaryDirectory() as name, in_memory_sdk() as sdk:
        os.chdir(name)
        for shape in ("chain", "fan"):
            report.title(f"{shape} of {STAGES:,}, us a stage")
            calls = {"ours": lambda shape=shape: ours(sdk, shape, STAGES)}
            calls |= {peer: lambda call=call, shape=shape: call(shape, STAGES) for peer, call in peers.items()}
            times = take_turns(calls, options.rounds)
            if peers:
                start = time.perf_counter()
                dask_delayed(shape, STAGES)
                times["dask.delayed"] = [time.perf_counter() - start]
            times["ours, ten times as many"] = [
                value / 10
                for value in take_turns(
                    {"": lambda shape=shape: ours(sdk, shape, 10 * STAGES)}, max(1, options.rounds // 2), warm_up=0
                )[""]
            ]
            medians = report.table(times, "us", 1e6 / STAGES)
            report.bar("us a stage", medians["ours"], 25)
            report.bar("ten times as many, a stage", medians["ours, ten times as many"] / medians["ours"], 1.2)
            if peers:
                report.bar("ours / parsl", medians["ours"] / medians["parsl, threads"], 1 / 4)
                report.bar("ours / dask", medians["ours"] / medians["dask.delayed"], 1 / 30)
            used = (peak_memory(shape, 11 * STAGES) - peak_memory(shape, STAGES)) / (10 * STAGES)
            report.bar("bytes a stage, at the peak", used, 2_000)
        os.chdir("/")
    report.close()


if __name__ == "__main__":
    main()
