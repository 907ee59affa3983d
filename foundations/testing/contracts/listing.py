"""What every archive listing promises."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from typing import Any

import pytest

from foundations.errors import JobExistsError, JobNameError, JobNotFoundError
from foundations.ports.archive_listing import JobChange, JobRecord, PipelineListing
from foundations.ports.job import JobState
from foundations.ports.job_query import AllOf, Comparison, Field, JobQuery, OneOf, Value
from foundations.testing.contracts.callers import in_threads, in_threads_and_processes

_FULL = JobRecord(
    job_name="full",
    project="vision",
    state=JobState.ERROR,
    cause="user_code",
    submitted_at=1_700_000_000.125,
    started_at=1_700_000_001.5,
    ended_at=1_700_000_002.25,
    parameters={"lr": 0.1, "layers": [1, 2, {"deep": None}], "flag": True, "naïve": "数"},
    metrics={"loss": 0.5, "epochs": 3, "best": None},
    tags={"owner": "ana", "": "empty"},
    environment={"host": "here", "pid": 12},
    user="ana",
    host="here",
    note="as in the paper",
    kind="replay",
    study="rates",
    parent="bare",
    attempt=2,
    detail="node 7",
)


class PipelineListingContract:
    """Proves a :class:`~foundations.ports.archive_listing.PipelineListing`; subclasses give ``listing``."""

    @pytest.fixture
    def listing(self) -> PipelineListing:
        raise NotImplementedError("give a fixture named listing that returns your adapter on an empty store")

    def test_it_is_a_pipeline_listing(self, listing: PipelineListing) -> None:
        assert isinstance(listing, PipelineListing)

    def test_checking_raises_nothing_and_stores_nothing(self, listing: PipelineListing) -> None:
        listing.check()
        assert [] == [*listing.find(JobQuery())]
        listing.track(_FULL)
        listing.check()
        assert [_FULL] == [*listing.find(JobQuery())]

    @pytest.mark.parametrize("record", [_FULL, JobRecord(job_name="bare", submitted_at=0.0)], ids=["full", "bare"])
    def test_a_record_comes_back_as_it_was_tracked(self, listing: PipelineListing, record: JobRecord) -> None:
        listing.track(record)
        assert record == listing.get(record.job_name)
        assert [record] == [*listing.find(JobQuery())]
        assert isinstance(listing.get(record.job_name).state, JobState)

    def test_a_record_does_not_change_with_the_mappings_it_was_made_of(self, listing: PipelineListing) -> None:
        parameters = {"layers": [1, 2]}
        listing.track(JobRecord(job_name="job", submitted_at=1.0, parameters=parameters))
        parameters["layers"].append(3)
        assert {"layers": [1, 2]} == listing.get("job").parameters

    def test_a_name_that_is_taken_is_refused_and_the_record_kept(self, listing: PipelineListing) -> None:
        listing.track(_FULL)
        with pytest.raises(JobExistsError) as raised:
            listing.track(JobRecord(job_name="full", submitted_at=1.0))
        assert "full" == raised.value.job_name
        assert _FULL == listing.get("full")

    def test_what_cannot_name_a_job_is_refused(self, listing: PipelineListing) -> None:
        with pytest.raises(JobNameError):
            listing.track(JobRecord(job_name="../job", submitted_at=1.0))

    @pytest.mark.parametrize("others", [0, 1], ids=["empty", "with another"])
    def test_a_job_that_is_not_there_is_not_found(self, listing: PipelineListing, others: int) -> None:
        _track_numbered(listing, others)
        with pytest.raises(JobNotFoundError) as raised:
            listing.get("absent")
        assert "absent" == raised.value.job_name
        with pytest.raises(JobNotFoundError):
            listing.update("absent", JobChange(state=JobState.RUNNING))
        assert listing.remove("absent") is False

    def test_an_update_changes_what_it_names_and_merges_mappings(self, listing: PipelineListing) -> None:
        listing.track(_FULL._replace(state=JobState.QUEUED, cause=None, ended_at=None))
        change = JobChange(
            state=JobState.ERROR,
            cause="killed",
            ended_at=1_700_000_009.0,
            metrics={"loss": 0.25, "accuracy": 0.9},
            parameters={"layers": 3},
            tags={"owner": "ben"},
            removed_tags=("",),
            environment={"pid": 13},
            project="speech",
            host="there",
            note="wrong",
            attempt=3,
            detail="node 8",
        )
        listing.update("full", change)
        expected = _FULL._replace(
            cause="killed",
            ended_at=1_700_000_009.0,
            metrics={"loss": 0.25, "epochs": 3, "best": None, "accuracy": 0.9},
            parameters={**_FULL.parameters, "layers": 3},
            tags={"owner": "ben"},
            environment={"host": "here", "pid": 13},
            project="speech",
            host="there",
            note="wrong",
            attempt=3,
            detail="node 8",
        )
        assert expected == listing.get("full")

    def test_an_update_of_nothing_changes_nothing(self, listing: PipelineListing) -> None:
        listing.track(_FULL)
        listing.update("full", JobChange())
        assert _FULL == listing.get("full")

    @pytest.mark.parametrize("state", [JobState.COMPLETED, JobState.ERROR, JobState.CANCELLED])
    def test_a_final_state_is_never_replaced_by_one_that_is_not(
        self, listing: PipelineListing, state: JobState
    ) -> None:
        listing.track(JobRecord(job_name="job", submitted_at=1.0))
        listing.update("job", JobChange(state=state))
        for late in (JobState.QUEUED, JobState.RUNNING):
            listing.update("job", JobChange(state=late, metrics={"late": 1}))
            assert state is listing.get("job").state
        assert {"late": 1} == listing.get("job").metrics

    def test_what_was_updated_is_found_by_its_new_values_alone(self, listing: PipelineListing) -> None:
        listing.track(JobRecord(job_name="job", submitted_at=1.0, tags={"owner": "ana"}, metrics={"loss": 2}))
        listing.update("job", JobChange(state=JobState.RUNNING, tags={"owner": "ben"}, metrics={"loss": 1}))
        for new in (_by("tags", {"owner": "ben"}), _by("metrics", {"loss": 1}), _in_states(JobState.RUNNING)):
            assert ["job"] == _names(listing, new)
        for old in (_by("tags", {"owner": "ana"}), _by("metrics", {"loss": 2}), _in_states(JobState.QUEUED)):
            assert [] == _names(listing, old)

    def test_a_removed_job_is_gone_and_its_name_free(self, listing: PipelineListing) -> None:
        listing.track(_FULL)
        assert listing.remove("full") is True
        assert [] == _names(listing, _by("tags", _FULL.tags))
        with pytest.raises(JobNotFoundError):
            listing.get("full")
        listing.track(JobRecord(job_name="full", submitted_at=1.0))
        assert [] == _names(listing, _by("tags", _FULL.tags))

    def test_jobs_come_newest_first_or_oldest_first_and_limited(self, listing: PipelineListing) -> None:
        _track_numbered(listing, 5)
        assert ["job-4", "job-3", "job-2", "job-1", "job-0"] == _names(listing, JobQuery())
        assert ["job-0", "job-1"] == _names(listing, JobQuery(descending=False, limit=2))
        assert ["job-4"] == _names(listing, JobQuery(limit=1))
        assert [] == _names(listing, JobQuery(limit=0))

    def test_ties_are_ordered_by_name(self, listing: PipelineListing) -> None:
        for name in ("b", "c", "a"):
            listing.track(JobRecord(job_name=name, submitted_at=1.0))
        for query in (JobQuery(), JobQuery(descending=False), JobQuery(sort=Field("loss", "metrics"))):
            assert ["c", "b", "a"] == _names(listing, query)

    def test_jobs_are_found_by_project(self, listing: PipelineListing) -> None:
        _track_numbered(listing, 6)
        assert ["job-4", "job-1"] == _names(listing, JobQuery(_is("project", "project-1")))
        assert [] == _names(listing, JobQuery(_is("project", "project")))

    def test_jobs_are_found_by_states(self, listing: PipelineListing) -> None:
        for number, state in enumerate(JobState):
            listing.track(JobRecord(job_name=state.value, state=state, submitted_at=float(number)))
        assert ["Running"] == _names(listing, _in_states(JobState.RUNNING))
        query = _in_states(JobState.CANCELLED, JobState.QUEUED, JobState.QUEUED)._replace(descending=False)
        assert ["Queued", "Cancelled"] == _names(listing, query)
        assert ["Cancelled"] == _names(listing, query._replace(descending=True, limit=1))
        assert [] == _names(listing, _in_states())

    def test_jobs_are_found_by_time(self, listing: PipelineListing) -> None:
        _track_numbered(listing, 5)
        assert ["job-4", "job-3"] == _names(listing, JobQuery(_is("submitted_at", 3.0, ">=")))
        assert ["job-1", "job-0"] == _names(listing, JobQuery(_is("submitted_at", 2.0, "<")))
        between = AllOf((_is("submitted_at", 2.0, ">="), _is("submitted_at", 3.0, "<")))
        assert ["job-2"] == _names(listing, JobQuery(between))

    @pytest.mark.parametrize("kind", ["tags", "parameters", "metrics"])
    def test_jobs_are_found_by_all_of_the_values_asked_for(self, listing: PipelineListing, kind: str) -> None:
        for name, values in {"both": {"a": "1", "b": "2"}, "one": {"a": "1"}, "other": {"a": "2", "b": "1"}}.items():
            listing.track(JobRecord(job_name=name, submitted_at=1.0, **_holding(kind, values)))
        assert ["one", "both"] == _names(listing, _by(kind, {"a": "1"}))
        assert ["both"] == _names(listing, _by(kind, {"a": "1", "b": "2"}))
        assert [] == _names(listing, _by(kind, {"c": "1"}))

    def test_a_state_of_a_later_release_is_kept_as_it_is(self, listing: PipelineListing) -> None:
        listing.track(JobRecord(job_name="job", submitted_at=1.0, state="Preempted"))
        listing.update("job", JobChange(state=JobState.RUNNING, note="seen"))
        record = listing.get("job")
        assert ("Preempted", "seen", False) == (record.state, record.note, record.is_final)
        assert ["job"] == _names(listing, JobQuery(_is("state", "Preempted")))
        listing.update("job", JobChange(state=JobState.COMPLETED))
        assert JobState.COMPLETED is listing.get("job").state

    def test_jobs_are_counted_and_names_listed(self, listing: PipelineListing) -> None:
        assert (0, []) == (listing.count(), listing.names("tags"))
        listing.track(_FULL)
        listing.track(JobRecord(job_name="other", submitted_at=2.0, tags={"team": ""}, parameters={"null": None}))
        assert (2, 1) == (listing.count(), listing.count(_is("project", "vision")))
        assert [["", "owner", "team"], ["default", "vision"]] == [listing.names(each) for each in ("tags", "project")]
        assert {"epochs", "loss"} == {*listing.names("metrics")} - {"best"}  # which is null
        listing.remove("full")
        assert [["team"], []] == [listing.names(each) for each in ("tags", "metrics")]

    def test_the_listing_may_be_written_to_while_jobs_are_read(self, listing: PipelineListing) -> None:
        _track_numbered(listing, 3)
        found = listing.find(JobQuery())
        assert "job-2" == next(found).job_name
        listing.track(JobRecord(job_name="new", submitted_at=9.0))
        assert {"job-1", "job-0"} == {record.job_name for record in found}

    def test_all_that_is_asked_for_holds_at_once(self, listing: PipelineListing) -> None:
        for number, (project, state, owner, lr) in enumerate(
            itertools.product(["p", "q"], [JobState.RUNNING, JobState.ERROR], ["ana", "ben"], [1, 2])
        ):
            record = JobRecord(
                job_name=f"{project}-{state.value}-{owner}-{lr}",
                project=project,
                state=state,
                submitted_at=float(number),
                tags={"owner": owner},
                parameters={"lr": lr},
                metrics={"loss": lr},
            )
            listing.track(record)
        query = JobQuery(
            AllOf(
                (
                    _is("project", "p"),
                    OneOf(Field("state"), ("Running", "Error")),
                    Comparison(Field("owner", "tags"), "==", "ben"),
                    Comparison(Field("lr", "parameters"), ">", 1),
                    Comparison(Field("loss", "metrics"), "<=", 2.0),
                    _is("submitted_at", 100.0, "<"),
                )
            )
        )
        assert ["p-Error-ben-2", "p-Running-ben-2"] == _names(listing, query)
        assert ["p-Running-ben-2"] == _names(listing, query._replace(descending=False, limit=1))

    def test_of_several_threads_that_track_one_name_exactly_one_succeeds(self, listing: PipelineListing) -> None:
        won = in_threads(_track, [(listing, [f"job-{number}" for number in range(20)])] * 4)
        assert [sum(of_name) for of_name in zip(*won, strict=True)] == [1] * 20

    def test_of_several_processes_that_track_one_name_exactly_one_succeeds(self, listing: PipelineListing) -> None:
        won = in_threads_and_processes(_track, listing, [([f"job-{number}" for number in range(20)],)] * 4)
        assert [sum(of_name) for of_name in zip(*won, strict=True)] == [1] * 20

    def test_no_update_is_lost_among_many_writers(self, listing: PipelineListing) -> None:
        listing.track(JobRecord(job_name="job", submitted_at=1.0))
        in_threads_and_processes(_update, listing, [(caller,) for caller in range(4)])
        expected = {f"{caller}-{number}": number for caller in range(4) for number in range(25)}
        assert expected == listing.get("job").metrics

    def test_a_few_of_thousands_of_jobs_are_found_at_once(self, listing: PipelineListing) -> None:
        """Tracks 2,000 jobs, or what it can in 3 seconds: how finding grows then tells what 2,000 would take."""
        few, count, thousands = 20, 20, 2_000
        _track_numbered(listing, few)
        among_few = min(_seconds_to_find(listing, few) for _ in range(4))
        deadline = time.perf_counter() + 3.0
        while count < thousands and (count < 2 * few or time.perf_counter() < deadline):
            _track_numbered(listing, 1, first=count)
            count += 1
        found_in = [_seconds_to_find(listing, count) for _ in range(4)]
        assert found_in[0] < 2.0
        growth = max(0.0, min(found_in) - among_few) / (count - few)
        assert min(found_in) + growth * (thousands - count) < 2.0


def _holding(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    return {kind: values}


def _is(name: str, value: Value, operator: str = "==") -> Comparison:
    return Comparison(Field(name), operator, value)


def _by(group: str, values: Mapping[str, Any]) -> JobQuery:
    return JobQuery(AllOf(tuple(Comparison(Field(name, group), "==", value) for name, value in values.items())))


def _in_states(*states: JobState) -> JobQuery:
    return JobQuery(OneOf(Field("state"), states))


def _names(listing: PipelineListing, query: JobQuery) -> list[str]:
    return [record.job_name for record in listing.find(query)]


def _seconds_to_find(listing: PipelineListing, count: int) -> float:
    """Find a few of so many jobs."""
    began = time.perf_counter()
    newest = [f"job-{number}" for number in range(count - 1, count - 4, -1)]
    assert newest == _names(listing, JobQuery(limit=3))
    assert ["job-7"] == _names(listing, _by("parameters", {"number": 7})._replace(limit=3))
    return time.perf_counter() - began


def _track_numbered(listing: PipelineListing, count: int, *, first: int = 0) -> None:
    for number in range(first, first + count):
        parameters: dict[str, Any] = {"number": number}
        project = f"project-{number % 3}"
        listing.track(JobRecord(f"job-{number}", float(number), project, parameters=parameters))


def _track(listing: PipelineListing, names: list[str]) -> list[bool]:
    won = []
    for name in names:
        try:
            listing.track(JobRecord(job_name=name, submitted_at=1.0))
        except JobExistsError:
            won.append(False)
        else:
            won.append(True)
    return won


def _update(listing: PipelineListing, caller: int) -> None:
    for number in range(25):
        listing.update("job", JobChange(metrics={f"{caller}-{number}": number}))
