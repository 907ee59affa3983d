"""Processes that write to one listing at once, half of them killed at random: a script, and what it must leave behind.

    python listing_crowd.py ROOT CALLERS ROUNDS SEED

prints for each process how many of its steps it has told to be done. Those of even numbers go on until they are killed,
and may have done one more; the others take the steps of so many rounds.
"""

import itertools
import json
import os
import random
import selectors
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from foundations.adapters.filesystem import LocalFileSystemPipelineListing
from foundations.errors import JobExistsError
from foundations.ports.archive_listing import JobChange, JobRecord
from foundations.ports.job import JobState

SHARED = "shared"
"""The job that all processes write to."""

Step = tuple[str, JobRecord | JobChange]
"""The name of a job, and what is tracked or changed."""


def steps(caller: int) -> Iterator[Step]:
    """Yield what a process does, without end: it tracks, tags and logs."""
    yield SHARED, JobRecord(SHARED, 0.0)
    for number in itertools.count():
        name = f"job-{caller}-{number}"
        yield name, JobRecord(name, float(number), parameters={"caller": caller}, user=f"user-{caller}")
        yield name, JobChange(tags={"caller": str(caller), "round": str(number)}, state=JobState.RUNNING)
        yield name, JobChange(metrics={"loss": number, "accuracy": number}, parameters={"found": number})
        yield name, JobChange(removed_tags=("caller",), tags={"round": "last"}, note="done", state=JobState.COMPLETED)
        yield (
            SHARED,
            JobChange(metrics={str(caller): number, f"{caller}, too": number}, tags={str(caller): str(number)}),
        )


def steps_of(rounds: int) -> int:
    """Return how many steps so many rounds have."""
    return 1 + 5 * rounds


def after(caller: int, count: int) -> dict[str, JobRecord]:
    """Return the jobs as they are after so many steps of a process, where no other process takes any."""
    records = {SHARED: JobRecord(SHARED, 0.0)}
    for name, what in itertools.islice(steps(caller), count):
        records[name] = what if isinstance(what, JobRecord) else what.applied_to(records[name])
    return records


def _write(root: Path, caller: int, count: int | None, done: int) -> None:
    listing = LocalFileSystemPipelineListing(root)
    for name, what in itertools.islice(steps(caller), count):
        if isinstance(what, JobChange):
            listing.update(name, what)
        else:
            try:
                listing.track(what)
            except JobExistsError:
                assert name == SHARED
        os.write(done, b".")


def _start(root: Path, caller: int, count: int | None) -> tuple[int, int]:
    """Return a new process, and the pipe that gets a byte for each step that is done."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        status = 1
        try:
            _write(root, caller, count, writing)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    return process, reading


def main() -> None:
    root, (callers, rounds, seed) = Path(sys.argv[1]), map(int, sys.argv[2:])
    count, chance = steps_of(rounds), random.Random(seed)
    limits = {caller: chance.randrange(count) for caller in range(0, callers, 2)}
    told = [0] * callers
    processes = []
    with selectors.DefaultSelector() as selector:
        for caller in range(callers):
            process, reading = _start(root, caller, None if caller in limits else count)
            processes.append(process)
            selector.register(reading, selectors.EVENT_READ, caller)
        while selector.get_map():
            for key, _ in selector.select():
                caller, told_now = key.data, len(os.read(key.fd, 1000))
                told[caller] += told_now
                if told_now == 0:
                    selector.unregister(key.fd)
                elif told[caller] > limits.get(caller, count):
                    os.kill(processes[caller], signal.SIGKILL)
    ends = [os.waitpid(process, 0)[1] for process in processes]
    assert ends == [signal.SIGKILL if caller in limits else 0 for caller in range(callers)], ends
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
