import json

import pytest

from foundations.errors import JobNameError
from foundations.ports.job import EndCause, JobEnd, JobState, check_job_name

END = JobEnd(
    job_name="job",
    state=JobState.ERROR,
    cause=EndCause.KILLED,
    message="killed by SIGKILL",
    exit_code=None,
    signal="SIGKILL",
    stage="train",
    started_at=1.5,
    ended_at=2.5,
    resources={"max_rss_bytes": 1.0},
    not_archived=("logs: full",),
    unsaved_files={"outputs/model.bin": 1000},
    unsaved_count=3,
)


@pytest.mark.parametrize("name", ["a", "0", "_", "train-2", "A.b_C-1", "x" * 128])
def test_what_can_name_a_job_is_returned(name):
    assert name == check_job_name(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (3, "a string, not int"),
        (None, "a string, not NoneType"),
        ("", "cannot be empty"),
        ("x" * 129, "this one has 129"),
        ("a/b", "is made of"),
        ("..", "is made of"),
        ("-rf", "is made of"),
        ("a b", "is made of"),
        ("a\n", "is made of"),
        ("é", "is made of"),
    ],
)
def test_what_cannot_name_a_job_is_refused_with_the_reason(name, reason):
    with pytest.raises(JobNameError) as raised:
        check_job_name(name)
    assert name == raised.value.job_name
    assert reason in str(raised.value)
    assert len(str(raised.value)) < 300


def test_exactly_three_states_are_final():
    final = [state for state in JobState if state.is_final]
    assert [JobState.COMPLETED, JobState.ERROR, JobState.CANCELLED] == final


@pytest.mark.parametrize("end", [END, JobEnd(job_name="job", state=JobState.COMPLETED, ended_at=1.0)])
def test_an_end_record_comes_back_from_json(end):
    assert end == JobEnd.from_json(json.loads(json.dumps(end.to_json())))


def test_what_a_later_release_adds_to_an_end_record_is_passed_over():
    assert END == JobEnd.from_json({**END.to_json(), "colour": "red"})


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {},
        {"format": 2},
        {"format": 1},
        {**END.to_json(), "state": "Odd"},
        {**END.to_json(), "cause": "odd"},
        {**END.to_json(), "not_archived": 3},
        {**END.to_json(), "unsaved_files": ["model.bin"]},
        {**END.to_json(), "unsaved_files": {"model.bin": None}},
    ],
)
def test_what_is_no_end_record_is_a_value_error(record):
    with pytest.raises(ValueError, match="not an end record"):
        JobEnd.from_json(record)


def test_an_end_record_does_not_change():
    with pytest.raises(AttributeError):
        END.message = "other"


def test_of_the_files_that_a_job_did_not_save_the_largest_are_recorded():
    end = END.with_unsaved_files({f"{number:02}": number for number in range(30)})
    assert (30, 20, ("29", 29), ("10", 10)) == (
        end.unsaved_count,
        len(end.unsaved_files),
        next(iter(end.unsaved_files.items())),
        list(end.unsaved_files.items())[-1],
    )


def test_an_end_record_of_an_earlier_version_names_no_files():
    record = {name: value for name, value in END.to_json().items() if not name.startswith("unsaved")}
    assert END._replace(unsaved_files={}, unsaved_count=0) == JobEnd.from_json(record)


def test_an_end_record_of_a_newer_format_is_reported_as_newer():
    with pytest.raises(ValueError, match="format 2, which a newer version of foundations has written"):
        JobEnd.from_json({**END.to_json(), "format": 2})
