"""Graph: what a stage costs, built and run in one process, with its times and provenance kept.

    python benchmarks/graph.py [--rounds N] [--sample]

A chain of 10,000 stages and 10,000 stages into one, as jobs of the in-memory SDK: serialised, packed, verified, run and
archived. Compared with parsl's threads and dask.delayed, which keep neither.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measuring import arguments

from foundations.testing import in_memory_sdk

STAGES = 10_000


def add(number: int) -> int:
    return number + 1


def count(*numbers: int) -> int:
    return len(numbers)


def ours(shape: str, stages: int) -> None:
    with in_memory_sdk() as sdk:
        run(sdk.pipeline.stage, shape, stages)


def run(stage: Callable[..., Any], shape: str, stages: int) -> None:
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


CONTENDERS: dict[str, Callable[[str, int], None]] = {
    "ours": ours,
    "parsl, threads": parsl_threads,
    "dask.delayed": dask_delayed,
}


def measured(contender: str, shape: str, stages: int) -> tuple[float, int]:
    """Return seconds and peak memory in bytes, in a process that does nothing else; its first run is not counted."""
    command = [sys.executable, __file__, "--contender", contender, shape, str(stages)]
    process = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tempfile.gettempdir())
    seconds, peak = process.stdout.split()
    return float(seconds), int(peak)


def be_measured(contender: str, shape: str, stages: int) -> None:
    call = CONTENDERS[contender]
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        if contender == "parsl, threads":
            import parsl

            parsl.load(parsl.Config(executors=[parsl.ThreadPoolExecutor(max_threads=2)], run_dir=name))
        call(shape, 10)
        start = time.perf_counter()
        call(shape, stages)
        elapsed = time.perf_counter() - start
        status = Path("/proc/self/status").read_text()
        print(elapsed, int(status.partition("VmHWM:")[2].split()[0]) * 1024, flush=True)
        os.chdir("/")
    os._exit(0)


def main() -> None:
    if sys.argv[1:2] == ["--contender"]:
        be_measured(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    options, report = arguments(__doc__, rounds=5)
    peers = [] if options.sample else ["parsl, threads", "dask.delayed"]
    for shape in ("chain", "fan"):
        report.title(f"{shape} of {STAGES:,}, us a stage")
        times: dict[str, list[float]] = {name: [] for name in ("ours", "ours, ten times as many", *peers)}
        memory: list[float] = []
        for _ in range(options.rounds):
            seconds, peak = measured("ours", shape, STAGES)
            times["ours"].append(seconds)
            seconds, larger_peak = measured("ours", shape, 10 * STAGES)
            times["ours, ten times as many"].append(seconds / 10)
            memory.append((larger_peak - peak) / (9 * STAGES))
            for peer in peers:
                times[peer].append(measured(peer, shape, STAGES)[0])
        medians = report.table(times, "us", 1e6 / STAGES)
        report.bar("us a stage", medians["ours"], 25)
        report.bar("ten times as many, a stage", medians["ours, ten times as many"] / medians["ours"], 1.2)
        report.bar("bytes a stage, at the peak", statistics.median(memory), 2_000)
        if peers:
            report.bar("ours / parsl", medians["ours"] / medians["parsl, threads"], 1 / 4)
            report.bar("ours / dask", medians["ours"] / medians["dask.delayed"], 1 / 30)
    report.close()


if __name__ == "__main__":
    main()
