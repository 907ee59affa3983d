"""Listing: jobs found among many, and a job tracked among many.

    python benchmarks/listing.py [--rounds N] [--sample]

100,000 jobs with 10 metrics and 10 parameters each, asked in five ways for the first 20 that match: the newest; a range
of a metric, newest first; a parameter and a state, newest first; one of three rare things, smallest metric first; a
beginning of the name, newest first. Likewise 10,000 jobs, compared with MLflow's ``search_runs`` on an SQLite file,
which has to find the same. MLflow has no *or*: it searches three times there.

A job is tracked, with its parameters, as `run()` does it, where there are 100,000 others, and where there are 10.
"""

import itertools
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from measuring import Report, arguments, take_turns

from foundations.adapters.filesystem import LocalFileSystemPipelineListing
from foundations.adapters.filesystem.listing import tables
from foundations.ports.archive_listing import JobRecord, PipelineListing
from foundations.ports.job import JobState
from foundations.ports.job_query import AllOf, AnyOf, Comparison, Field, JobQuery, Like

FOUND = 20
LONGEST = 500  # milliseconds that a question may take among so many jobs as the next line says
MANY = 100_000
FEW = 10
BATCH = 20  # jobs that are tracked in a turn
AT_ONCE = 1_000  # jobs that are stored in a transaction when a listing is filled

NUMBER = Field("number", "parameters")
LOSS = Field("loss", "metrics")
FAILED = Comparison(Field("state"), "==", "Error")
COMPLETED = Comparison(Field("state"), "==", "Completed")
IS_77 = Comparison(NUMBER, "==", 77)
IN_RANGE = (Comparison(LOSS, ">=", 0.50), Comparison(LOSS, "<", 0.51))
IS_BEST = Comparison(LOSS, "<", 0.001)
SHAPES = {
    "newest": JobQuery(limit=FOUND),
    "a metric's range": JobQuery(AllOf(IN_RANGE), limit=FOUND),
    "a parameter and a state": JobQuery(AllOf((IS_77, COMPLETED)), limit=FOUND),
    "one of three, by a metric": JobQuery(AnyOf((IS_77, FAILED, IS_BEST)), LOSS, descending=False, limit=FOUND),
    "a beginning of the name": JobQuery(Like(Field("job_name"), "job-77%"), limit=FOUND),
}


def jobs(count: int) -> Iterator[JobRecord]:
    """Yield the same jobs each time; one of a thousand has failed."""
    chance = random.Random(1)
    for number in range(count):
        parameters: dict[str, Any] = {f"parameter {index}": chance.randrange(10**index) for index in range(1, 8)}
        yield JobRecord(
            job_name=f"job-{number}",
            submitted_at=float(number),
            project=f"project-{number % 10}",
            state=JobState.COMPLETED if chance.random() < 0.999 else JobState.ERROR,
            started_at=number + 1.0,
            ended_at=number + 2.0,
            parameters={
                **parameters,
                "number": chance.randrange(1_000),
                "rate": chance.choice((0.1, 0.01, 0.001)),
                "optimiser": chance.choice(("adam", "adagrad", "sgd")),
            },
            metrics={"loss": chance.random(), **{f"metric {index}": chance.gauss(0, 1) for index in range(1, 10)}},
        )


def a_listing(root: Path, count: int) -> LocalFileSystemPipelineListing:
    """Return a listing of so many jobs; storing many in one transaction makes the same rows, sooner."""
    listing = LocalFileSystemPipelineListing(root)
    remaining = jobs(count)
    listing.track(next(remaining))
    while some := list(itertools.islice(remaining, AT_ONCE)):
        with listing._database.transaction(writing=True) as connection:
            assert all(tables.add_job(connection, record) for record in some)
    return listing


class Mlflow:
    """MLflow's store of the same jobs, in an SQLite file, filled by the tables that its own logging fills."""

    def __init__(self, place: Path, count: int) -> None:
        import mlflow
        from mlflow.entities import ViewType

        place.mkdir()
        self._view = ViewType.ACTIVE_ONLY
        self._client = mlflow.MlflowClient(f"sqlite:///{place / 'mlflow.db'}")
        self._experiment = self._client.create_experiment("benchmark", artifact_location=str(place / "artifacts"))
        for record in jobs(count):
            self._add(record)

    def _add(self, record: JobRecord) -> None:
        from mlflow.entities import Metric, Param

        began, ended = (round(1000 * (time or 0)) for time in (record.started_at, record.ended_at))
        run = self._client.create_run(self._experiment, start_time=began, run_name=record.job_name).info.run_id
        self._client.log_batch(
            run,
            metrics=[Metric(name, value, ended, 0) for name, value in record.metrics.items()],
            params=[Param(name, str(value)) for name, value in record.parameters.items()],
        )
        status = "FINISHED" if record.state is JobState.COMPLETED else "FAILED"
        self._client.set_terminated(run, status, end_time=ended)

    def search(self, condition: str, order: str = "attributes.start_time DESC") -> list[Any]:
        return list(self._client.search_runs([self._experiment], condition, self._view, FOUND, [order]))

    def any_of(self, *conditions: str) -> list[Any]:
        found = [run for condition in conditions for run in self.search(condition, "metrics.loss ASC")]
        by_name = {run.info.run_id: run for run in found}
        return sorted(by_name.values(), key=lambda run: run.data.metrics["loss"])[:FOUND]

    def calls(self) -> dict[str, Callable[[], list[Any]]]:
        """Return what asks the questions of :data:`SHAPES`."""
        rare = ("params.number = '77'", "attributes.status = 'FAILED'", "metrics.loss < 0.001")
        return {
            "newest": lambda: self.search(""),
            "a metric's range": lambda: self.search("metrics.loss >= 0.50 and metrics.loss < 0.51"),
            "a parameter and a state": lambda: self.search("params.number = '77' and attributes.status = 'FINISHED'"),
            "one of three, by a metric": lambda: self.any_of(*rare),
            "a beginning of the name": lambda: self.search("attributes.run_name LIKE 'job-77%'"),
        }


def ask(listing: PipelineListing, shape: str) -> list[str]:
    """Return the names of the jobs that a question finds."""
    return [record.job_name for record in listing.find(SHAPES[shape])]


def among_many(listing: PipelineListing, count: int, report: Report, rounds: int) -> None:
    report.title(f"{FOUND} found among {count:,} jobs")
    calls = {shape: lambda shape=shape: ask(listing, shape) for shape in SHAPES}
    assert all(ask(listing, shape) for shape in SHAPES)
    medians = report.table(take_turns(calls, rounds, warm_up=2))
    for shape, median in medians.items():
        report.bar(f"{shape}: ms", median, LONGEST * count / MANY)


def beside_mlflow(place: Path, count: int, report: Report, rounds: int) -> None:
    listing = a_listing(place / "ours", count)
    for shape, search in Mlflow(place / "mlflow", count).calls().items():
        assert ask(listing, shape) == [run.info.run_name for run in search()], shape
        report.title(f"{shape}, {FOUND} found among {count:,} jobs")
        calls: dict[str, Callable[[], object]] = {"ours": lambda shape=shape: ask(listing, shape), "MLflow": search}
        medians = report.table(take_turns(calls, rounds, warm_up=2))
        report.bar(f"{shape}: ours / MLflow", medians["ours"] / medians["MLflow"], 1.0)


def tracking(listings: dict[str, PipelineListing], report: Report, rounds: int) -> None:
    """Print what tracking takes in listings of many jobs and of few, which are left as they were."""
    fresh = itertools.count()
    records = [record._replace(submitted_at=1e9, metrics={}) for record in itertools.islice(jobs(2 * BATCH), BATCH)]
    added: list[tuple[PipelineListing, str]] = []

    def track(listing: PipelineListing) -> None:
        for record in records:
            name = f"fresh-{next(fresh)}"
            listing.track(record._replace(job_name=name))
            added.append((listing, name))

    def remove() -> None:
        while added:
            listing, name = added.pop()
            assert listing.remove(name)

    report.title("a job tracked")
    calls = {title: lambda listing=listing: track(listing) for title, listing in listings.items()}
    medians = report.table(take_turns(calls, rounds, warm_up=2, after=remove), scale=1000 / BATCH)
    many, few = medians.values()
    report.bar(f"tracking: {' / '.join(medians)}", many / few, 1.5)


def main() -> None:
    options, report = arguments(__doc__, rounds=30)
    many = MANY // 20 if options.sample else MANY
    with tempfile.TemporaryDirectory(prefix="benchmark-listing-") as name:
        place = Path(name).resolve()
        listing = a_listing(place / "many", many)
        among_many(listing, many, report, options.rounds)
        few = a_listing(place / "few", FEW)
        tracking({f"among {many:,}": listing, f"among {FEW}": few}, report, options.rounds)
        if not options.sample:
            beside_mlflow(place / "peer", MANY // 10, report, options.rounds)
    report.close()


if __name__ == "__main__":
    main()
