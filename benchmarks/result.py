"""Result: a large array from a job to its caller.

    python benchmarks/result.py [--rounds N] [--sample]

Compared with writing its raw bytes durably, as an archive does, and reading them again.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy
from measuring import arguments

from foundations import pipeline

MEMORY = """
import sys
from pathlib import Path
from foundations import load_job

def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024

before = peak()
output = load_job(sys.argv[1]).fetch_job_results().output
assert output[-1] == output.size - 1
print((peak() - before) / output.nbytes)
"""


def make(count: int) -> numpy.ndarray:
    return numpy.arange(count, dtype=numpy.float64)


def raw(place: Path, array: numpy.ndarray) -> float:
    start = time.perf_counter()
    with (place / "raw").open("wb", buffering=0) as stream:
        stream.write(memoryview(array).cast("B"))
        os.fsync(stream.fileno())
    numpy.fromfile(place / "raw")
    elapsed = time.perf_counter() - start
    (place / "raw").unlink()
    return elapsed


def ours(count: int) -> tuple[float, str]:
    """Return what it takes from the array's being made to its being in the caller, and the job's name."""
    deployment = pipeline.stage(make, count).run()
    result = deployment.fetch_job_results(wait_seconds=0.01)
    arrived = time.time()
    assert count - 1 == result.output[-1]
    (context,) = result["stage_contexts"].values()
    return arrived - context["end_time"], deployment.job_name()


def main() -> None:
    options, report = arguments(__doc__, rounds=5)
    count = 125_000_000 // (10 if options.sample else 1)
    with tempfile.TemporaryDirectory(prefix="benchmark-result-") as name:
        place = Path(name).resolve()
        os.environ["FOUNDATIONS_HOME"] = str(place / "home")
        os.environ["FOUNDATIONS_LOG_LEVEL"] = "error"
        (place / "project").mkdir()
        os.chdir(place / "project")
        array = make(count)
        times: dict[str, list[float]] = {"from job to caller, ours": [], "raw bytes, durable": []}
        for number in range(options.rounds + 1):
            elapsed, job_name = ours(count)
            floor = raw(place, array)
            if number:
                times["from job to caller, ours"].append(elapsed)
                times["raw bytes, durable"].append(floor)
        report.title(f"an array of {array.nbytes / 1e9:.1f} GB")
        medians = report.table(times)
        report.bar("ours / raw", medians["from job to caller, ours"] / medians["raw bytes, durable"], 1.3)
        process = subprocess.run([sys.executable, "-c", MEMORY, job_name], check=True, capture_output=True, text=True)
        report.bar("memory of the caller / value", float(process.stdout), 1.1)
        os.chdir("/")
    report.close()


if __name__ == "__main__":
    main()
