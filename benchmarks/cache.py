"""Cache: a stage's output found, and a stage's output computed and stored.

    python benchmarks/cache.py [--rounds N] [--sample]

An integer, an array of 100 MB and a DataFrame of 80 MB, in a store on the disk, as a job asks for them: key, lookup and
value; or key, lookup, lease, call and storing. The stage's code has been followed before. Compared with joblib.Memory,
diskcache, and a file of the value's bytes.
"""

import itertools
import os
import pickle
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy
import stages
from measuring import Report, arguments, take_turns
from stages import VALUES, Stages, increment, load_value, load_value_stage, repeat

BATCH = 100  # calls a turn
MAPPED = {"ours": 20, "joblib.Memory, mapped": 20}  # those of which a turn has so many hits, so as to warm up likewise
REMOVED = 100_000  # bytes from which on a file is removed before the next is written


class Raw:
    """Files of a value's bytes, each written as durably as a large entry of ours."""

    def __init__(self, place: Path, value: object) -> None:
        self._place = place
        self._place.mkdir()
        buffers: list[pickle.PickleBuffer] = []
        head = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        self._buffers = [memoryview(head), *(buffer.raw() for buffer in buffers)]
        self._durable = len(buffers) > 0

    def write(self, number: int) -> None:
        with (self._place / "temporary").open("wb", buffering=0) as stream:
            for buffer in self._buffers:
                assert buffer.nbytes == stream.write(buffer)
            if self._durable:
                os.fsync(stream.fileno())
        (self._place / "temporary").rename(self._place / str(number))

    def read(self) -> numpy.ndarray:
        return numpy.fromfile(self._place / "0", dtype=numpy.uint8)


Function = Callable[..., Any]
Medians = dict[str, float]


def of_peers(place: Path, function: Function, modes: Mapping[str, str | None]) -> dict[str, Function]:
    """Return a function as joblib caches it in several modes, and as diskcache does."""
    import diskcache
    import joblib

    cached: dict[str, Function] = {}
    for name, mode in modes.items():
        cached[name] = joblib.Memory(place / name, mmap_mode=mode, verbose=0).cache(function)
    cached["diskcache"] = diskcache.Cache(str(place / "diskcache"), eviction_policy="none").memoize()(function)
    return cached


def integers(place: Path, report: Report, rounds: int, sample: bool) -> None:
    ours = Stages(place / "ours", stages.create_stage(increment)(0))
    raw = Raw(place / "raw", 1)
    peers = {} if sample else of_peers(place, increment, {"joblib.Memory": None})
    assert 1 == ours.miss(0)
    raw.write(0)
    assert all(cached(0) == 1 for cached in peers.values())
    fresh = itertools.count(1)
    hits: dict[str, Callable[[], object]] = {"ours": ours.hit}
    misses: dict[str, Callable[[], object]] = {"ours": lambda: ours.miss(next(fresh))}
    for name, cached in peers.items():
        hits[name] = lambda cached=cached: cached(0)
        misses[name] = lambda cached=cached: cached(next(fresh))
    hits["a file"] = raw.read
    misses["a file"] = lambda: raw.write(next(fresh))
    for what, contenders in {"hit": hits, "miss": misses}.items():
        report.title(f"an integer, {what}")
        calls = {name: repeat(call, BATCH) for name, call in contenders.items()}
        medians = report.table(take_turns(calls, rounds, warm_up=5), "us", 1e6 / BATCH)
        if peers:
            report.bar(f"integer, {what}: ours / joblib", medians["ours"] / medians["joblib.Memory"], 1 / 3)


def large(place: Path, report: Report, rounds: int, title: str, value: Any, sample: bool) -> tuple[Medians, Medians]:
    """Print what hits and misses of a large value take; return the medians of both."""
    place.mkdir()
    VALUES[title] = value
    ours = Stages(place / "ours", load_value_stage(title, 0))
    raw = Raw(place / "raw", value)
    modes = {"joblib.Memory": None, "joblib.Memory, mapped": "r"}
    peers = {} if sample else of_peers(place, load_value, modes)
    ours.miss(title, 0)
    raw.write(0)
    for cached in peers.values():
        cached(title, 0)
    if isinstance(value, numpy.ndarray):
        ours.hit().fill(0)  # changes no other value
        assert numpy.array_equal(value, ours.hit())
    else:
        assert value.equals(ours.hit())
    existing = set(place.rglob("*"))
    returned: list[object] = []  # what lets go of it is not timed

    def leave_room() -> None:
        returned.clear()
        for path in set(place.rglob("*")) - existing:
            if path.is_file() and path.stat().st_size > REMOVED:
                path.unlink()
        os.sync()

    fresh = itertools.count(1)
    hits: dict[str, Callable[[], object]] = {"ours": lambda: returned.append(ours.hit())}
    misses: dict[str, Callable[[], object]] = {"ours": lambda: ours.miss(title, next(fresh))}
    for name, cached in peers.items():
        hits[name] = lambda cached=cached: returned.append(cached(title, 0))
        misses[name] = lambda cached=cached: cached(title, next(fresh))
    hits["a file"] = lambda: returned.append(raw.read())
    misses["a file, durable"] = lambda: raw.write(next(fresh))
    report.title(f"{title}, hit")
    batches = {name: repeat(call, MAPPED.get(name, 1)) for name, call in hits.items()}
    times = take_turns(batches, rounds, warm_up=2, after=returned.clear)
    found = report.table({name: [time / MAPPED.get(name, 1) for time in times[name]] for name in times})
    report.title(f"{title}, miss")
    computed = report.table(take_turns(misses, rounds, warm_up=2, after=leave_room))
    return found, computed


def main() -> None:
    options, report = arguments(__doc__, rounds=15)
    scale = 10 if options.sample else 1
    with tempfile.TemporaryDirectory(prefix="benchmark-cache-") as name:
        place = Path(name).resolve()
        os.environ["FOUNDATIONS_LOG_LEVEL"] = "error"
        os.chdir(place)
        (place / "integers").mkdir()
        integers(place / "integers", report, options.rounds, options.sample)

        array = stages.an_array(100_000_000 // scale)
        title = f"an array of {array.nbytes // 1_000_000} MB"
        hit, miss = large(place / "array", report, options.rounds, title, array, options.sample)
        report.bar("array, miss: ours / a file", miss["ours"] / miss["a file, durable"], 1.1)
        if not options.sample:
            report.bar("array, hit: ours / joblib, mapped", hit["ours"] / hit["joblib.Memory, mapped"], 1 / 3)
            report.bar("array, hit: ours / joblib", hit["ours"] / hit["joblib.Memory"], 1 / 300)

        frame = stages.a_frame(1_000_000 // scale)
        title = f"a DataFrame of {frame.memory_usage(index=False).sum() // 1_000_000} MB"
        hit, miss = large(place / "frame", report, options.rounds, title, frame, options.sample)
        report.bar("DataFrame, miss: ours / a file", miss["ours"] / miss["a file, durable"], 1.5)
        if not options.sample:
            report.bar("DataFrame, hit: ours / joblib", hit["ours"] / hit["joblib.Memory"], 1 / 10)

        frame = stages.a_frame_with_strings(1_000_000 // scale)
        large(place / "strings", report, options.rounds, "one with strings", frame, options.sample)
        os.chdir("/")
    report.close()


if __name__ == "__main__":
    main()
