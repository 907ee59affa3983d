import itertools

import pytest

from foundations.ports.archive_listing import JobChange, JobRecord
from foundations.ports.job import JobState

RECORD = JobRecord(
    job_name="job",
    submitted_at=1.0,
    metrics={"loss": 1, "epochs": 2},
    tags={"owner": "ana"},
    environment={"pid": 1},
)


def test_a_change_of_nothing_leaves_a_record_as_it_is():
    assert RECORD == JobChange().applied_to(RECORD)


def test_a_change_sets_fields_and_merges_mappings_and_leaves_the_record():
    change = JobChange(
        state=JobState.ERROR,
        cause="lost",
        started_at=2.0,
        ended_at=3.0,
        metrics={"loss": 0},
        tags={"kind": "sweep"},
        environment={"host": "here"},
    )
    expected = JobRecord(
        job_name="job",
        state=JobState.ERROR,
        cause="lost",
        submitted_at=1.0,
        started_at=2.0,
        ended_at=3.0,
        metrics={"loss": 0, "epochs": 2},
        tags={"owner": "ana", "kind": "sweep"},
        environment={"pid": 1, "host": "here"},
    )
    assert expected == change.applied_to(RECORD)
    assert {"loss": 1, "epochs": 2} == RECORD.metrics


@pytest.mark.parametrize(("before", "change"), list(itertools.product(JobState, [None, *JobState])))
def test_a_final_state_is_never_replaced_by_one_that_is_not(before, change):
    after = JobChange(state=change).applied_to(RECORD._replace(state=before)).state
    kept = change is None or (before.is_final and not change.is_final)
    assert (before if kept else change) is after
