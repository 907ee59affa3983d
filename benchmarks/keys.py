"""Keys: digests of large arguments, and the key of a stage whose arguments are stages.

    python benchmarks/keys.py [--rounds N] [--sample]

An array of 100 MB and a DataFrame of 80 MB, compared with joblib.hash, dask.base.tokenize and SHA-256 of their bytes.
The key of a stage that takes another's output is to be the same work whatever that output is.
"""

import hashlib
import os
import pickle
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy
import stages
from measuring import Report, arguments, take_turns
from stages import VALUES, Stages, length, load_value_stage, repeat, wiring_of

from foundations import create_stage
from foundations.app.caching.assembly import stage_keys
from foundations.domain.caching.stage_keys import StageKeys
from foundations.domain.pipeline.graph import Pipeline

BATCH = 100
HARDLY_ANY = 1_000  # bytes


def sha256(value: object) -> bytes:
    digest = hashlib.sha256()
    digest.update(pickle.dumps(value, protocol=5, buffer_callback=lambda buffer: digest.update(buffer.raw())))
    return digest.digest()


def digests(place: Path, report: Report, rounds: int, title: str, value: object, sample: bool) -> dict[str, float]:
    """Print what the digest of a large value takes; return the medians."""
    keys = stage_keys({}, str(place), wiring_of(place))
    calls: dict[str, Callable[[], object]] = {"ours": lambda: keys.digest(value, "the value")}
    if not sample:
        import dask.base
        import joblib

        calls["joblib.hash"] = lambda: joblib.hash(value)
        calls["dask.base.tokenize"] = lambda: dask.base.tokenize(value)
    calls["SHA-256"] = lambda: sha256(value)
    report.title(title)
    medians = report.table(take_turns(calls, rounds, warm_up=2))
    report.bar(f"{title}: ours / SHA-256", medians["ours"] / medians["SHA-256"], 1 / 2)
    return medians


def keys_of_stages(place: Path, report: Report, rounds: int, much: int) -> None:
    """Print what the key of a stage takes whose argument is a stage of hardly any output, or of much."""
    VALUES["little"], VALUES["much"] = numpy.zeros(HARDLY_ANY // 8), numpy.zeros(much // 8)
    small, large = "1 kB before it", f"{much / 1e9:g} GB before it"
    keys: dict[str, Callable[[], object]] = {}
    jobs: dict[str, Callable[[], object]] = {}
    for title, name in {large: "much", small: "little"}.items():
        both = Stages(place / name, create_stage(length)(load_value_stage(name, 0)))
        assert len(VALUES[name]) == both.run()  # which stores them
        keys[title] = key_of_the_last(both.pipeline, stage_keys({}, str(place), wiring_of(place)))
        jobs[title] = both.run
    pipeline = both.pipeline
    keys["its code seen for the first time"] = lambda: key_of_the_last(
        pipeline, stage_keys({}, str(place), wiring_of(place))
    )()
    keys["SHA-256 of pickled arguments"] = lambda: hashlib.sha256(pickle.dumps((length, "0" * 64))).hexdigest()
    report.title("the key of a stage that takes another's output")
    medians = in_batches(report, keys, rounds)
    report.bar(f"key: {large} / {small}", medians[large] / medians[small], 1.3)
    report.bar("key: us", medians[large], 50)
    report.title("both stages, found")
    medians = in_batches(report, jobs, rounds)
    report.bar(f"both stages: {large} / {small}", medians[large] / medians[small], 1.3)


def key_of_the_last(pipeline: Pipeline, keys: StageKeys) -> Callable[[], str]:
    """Return what makes the key of the second of two stages, that of the first being known."""
    first, last = pipeline.nodes
    known = {0: keys.recipe(pipeline.name(0), first, {}, {}, pipeline.name).key()}
    return lambda: keys.recipe(pipeline.name(1), last, known, {}, pipeline.name).key()


def in_batches(report: Report, calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    batches = {name: repeat(call, BATCH) for name, call in calls.items()}
    return report.table(take_turns(batches, rounds, warm_up=2), "us", 1e6 / BATCH)


def main() -> None:
    options, report = arguments(__doc__, rounds=15)
    scale = 10 if options.sample else 1
    with tempfile.TemporaryDirectory(prefix="benchmark-keys-") as name:
        place = Path(name).resolve()
        os.environ["FOUNDATIONS_LOG_LEVEL"] = "error"
        os.chdir(place)
        array = stages.an_array(100_000_000 // scale)
        title = f"an array of {array.nbytes // 1_000_000} MB"
        medians = digests(place, report, options.rounds, title, array, options.sample)
        if not options.sample:
            report.bar("array: ours / joblib.hash", medians["ours"] / medians["joblib.hash"], 1 / 4)
            report.bar("array: ours / dask.base.tokenize", medians["ours"] / medians["dask.base.tokenize"], 2)

        frame = stages.a_frame(1_000_000 // scale)
        keys = stage_keys({}, str(place), wiring_of(place))
        assert keys.digest(frame, "a frame") == keys.digest(frame.copy(deep=True), "its copy")
        title = f"a DataFrame of {frame.memory_usage(index=False).sum() // 1_000_000} MB"
        medians = digests(place, report, options.rounds, title, frame, options.sample)
        if not options.sample:
            report.bar("DataFrame: ours / joblib.hash", medians["ours"] / medians["joblib.hash"], 1 / 4)

        keys_of_stages(place, report, options.rounds, 1_000_000_000 // scale)
        os.chdir("/")
    report.close()


if __name__ == "__main__":
    main()
