"""What every archive listing promises about conditions: it finds what the reference finds.

It needs hypothesis, which makes the jobs and the conditions.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundations.adapters._shared.job_matching import select
from foundations.ports.archive_listing import JobRecord, PipelineListing
from foundations.ports.job import JobState
from foundations.ports.job_query import (
    COMPARISONS,
    RECORD_FIELDS,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Field,
    IsNull,
    JobQuery,
    Like,
    Not,
    OneOf,
)

_TEXTS = st.sampled_from(["", "a", "b", "ab", "aB", "A", "a%b", "a_b", "a\\b", "ä", "a\x00b", "😀", "a\U0010ffff", "1"])
_TEXTS |= st.text(st.sampled_from("ab%_\\ä😀\n"), max_size=4) | st.just(3_000).map("z".__mul__)
_NUMBERS = st.sampled_from([0, -0.0, 1, 1.0, -1, 0.1, 2**53 + 1, 2**63, -(2**63), 1e308, float("inf"), -float("inf")])
_NUMBERS |= st.integers(-3, 3) | st.floats(allow_nan=True) | st.just(400).map(lambda digits: 10**digits)
_VALUES = _TEXTS | _NUMBERS | st.booleans()
_STORED = _VALUES | st.none() | st.just([1, "a"]) | st.just({"a": 1})
_NAMES = st.sampled_from(["a", "b.c", "odd name", "😀"])
_PATTERNS = _TEXTS | st.text(st.sampled_from("ab%%%_\\ä😀"), max_size=6)
_FIELDS = st.builds(Field, st.sampled_from(RECORD_FIELDS), st.none())
_FIELDS |= st.builds(Field, _NAMES, st.sampled_from(["parameters", "metrics", "tags"]))
_LEAVES = (
    st.builds(Comparison, _FIELDS, st.sampled_from(COMPARISONS), _VALUES)
    | st.builds(OneOf, _FIELDS, st.lists(_VALUES, max_size=3).map(tuple))
    | st.builds(Like, _FIELDS, _PATTERNS)
    | st.builds(IsNull, _FIELDS)
)


def _combined(conditions: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(conditions, max_size=3).map(tuple)
    return st.builds(Not, conditions) | st.builds(AllOf, several) | st.builds(AnyOf, several)


_CONDITIONS: st.SearchStrategy[Condition] = st.recursive(_LEAVES, _combined, max_leaves=6)
_QUERIES = st.builds(JobQuery, st.none() | _CONDITIONS, _FIELDS, st.booleans(), st.none() | st.integers(-1, 5))
_TIMES = st.sampled_from([None, 0.0, 1.0, 1.5, -2.0, 1e9])


def _attributes(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(_NAMES, values, max_size=3)


_RECORDS = st.lists(
    st.builds(
        JobRecord,
        job_name=st.text(st.sampled_from("abAB"), min_size=1, max_size=3),
        submitted_at=st.sampled_from([0.0, 1.0, 1.5, 2.0]),
        project=_TEXTS,
        state=st.sampled_from([*JobState, "Preempted"]),
        cause=st.none() | _TEXTS,
        started_at=_TIMES,
        ended_at=_TIMES,
        parameters=_attributes(_STORED),
        metrics=_attributes(_STORED),
        tags=_attributes(_TEXTS),
        user=st.none() | _TEXTS,
        host=st.none() | _TEXTS,
        note=st.none() | _TEXTS,
        study=st.none() | _TEXTS,
        attempt=st.integers(1, 3),
        environment=st.just({}),
        kind=st.just("job"),
        parent=st.none(),
        detail=st.none(),
    ),
    max_size=8,
    unique_by=lambda record: record.job_name,
)


_ACCEPTED = [HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
"""One listing serves all examples, and emptying it is part of each; several adapters may have the class's tests."""


class ListingQueriesContract:
    """Proves what a :class:`~foundations.ports.archive_listing.PipelineListing` finds; subclasses give ``listing``."""

    @pytest.fixture
    def listing(self) -> PipelineListing:
        raise NotImplementedError("give a fixture named listing that returns your adapter on an empty store")

    @settings(max_examples=50, deadline=None, suppress_health_check=_ACCEPTED)
    @given(records=_RECORDS, queries=st.lists(_QUERIES, min_size=1, max_size=3))
    def test_it_finds_what_the_reference_finds(
        self, listing: PipelineListing, records: list[JobRecord], queries: list[JobQuery]
    ) -> None:
        for old in [record.job_name for record in listing.find(JobQuery())]:
            listing.remove(old)
        for record in records:
            listing.track(record)
        for query in queries:
            expected = [record.job_name for record in select(records, query)]
            assert expected == [record.job_name for record in listing.find(query)]
            assert len(select(records, JobQuery(query.condition))) == listing.count(query.condition)

    def test_a_condition_of_five_hundred_terms_is_evaluated(self, listing: PipelineListing) -> None:
        for count in range(3):
            listing.track(JobRecord(job_name=f"job-{count}", submitted_at=1.0, parameters={"number": count}))
        number, name = Field("number", "parameters"), Field("job_name")
        terms = tuple(Comparison(number, "==", value) for value in range(2, 252))
        terms += tuple(Comparison(name, "==", f"other-{value}") for value in range(250))
        assert ["job-2"] == [record.job_name for record in listing.find(JobQuery(AnyOf(terms)))]
        negated = AllOf(tuple(map(Not, terms)))
        assert ["job-1", "job-0"] == [record.job_name for record in listing.find(JobQuery(negated))]

    def test_a_value_that_looks_like_code_is_a_value(self, listing: PipelineListing) -> None:
        odd = "'); DROP TABLE jobs; --"
        listing.track(JobRecord(job_name="job", submitted_at=1.0, tags={odd: odd}, note=odd))
        for condition in (Comparison(Field(odd, "tags"), "==", odd), Like(Field("note"), f"%{odd}")):
            assert 1 == listing.count(condition)

    @pytest.mark.parametrize("field", [Field("secret"), Field("a", "environment"), Field("job_name; --")])
    def test_a_field_that_jobs_do_not_have_is_an_error(self, listing: PipelineListing, field: Field) -> None:
        for query in (JobQuery(IsNull(field)), JobQuery(sort=field)):
            with pytest.raises(ValueError, match="is not a"):
                [*listing.find(query)]
