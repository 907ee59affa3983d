import json
from pathlib import Path

import pytest

from foundations.ports.job import EndCause, JobState, Outcome
from foundations.ports.job_layout import Entry, JobDirectory, read_packed_project

FAILED = Outcome(JobState.ERROR, EndCause.USER_CODE, "it broke", "train", ("plot.png: full",))


def test_the_names_in_a_job_directory_are_those_that_earlier_versions_wrote():
    directory = JobDirectory(Path("jobs/train-2"))
    assert {
        "alive": "state/alive",
        "bundle": "bundle",
        "cancel_request": "state/cancel",
        "end": "state/end.json",
        "ending": "state/ending",
        "fallback": "state/kept",
        "lock": "state/lock",
        "not_archived": "state/not_archived",
        "outcome": "state/outcome.json",
        "path": ".",
        "project": "project",
        "saved": "state/saved",
        "state": "state",
        "supervisor_log": "state/supervisor",
    } == {name: str(getattr(directory, name).relative_to(directory.path)) for name in vars(directory)}
    assert "train-2" == directory.job_name
    assert directory.state / "stdout" == directory.stream("stdout")


def test_a_fallback_item_is_one_file_whatever_its_name():
    directory = JobDirectory(Path("job"))
    assert Path("job/state/kept/persisted_data%2Fu") == directory.fallback_item("persisted_data/u")


def test_the_run_script_changes_to_the_directory_of_the_project():
    script = Path(__file__).parents[3] / "foundations" / "resources" / "run.sh"
    assert 'cd -- "$FOUNDATIONS_JOB_DIRECTORY/project"' in script.read_text().splitlines()


def test_the_packed_project_is_found_in_a_manifest():
    rows = [["job.bin", "file", 1, 0o644, "a"], ["in/p.tgz", "project", 2, 0o644, "b"]]
    manifest = json.dumps({"members": rows, "project_member": "in/p.tgz"}).encode()
    assert Entry("in/p.tgz", "project", 2, 0o644, "b") == read_packed_project(manifest)


@pytest.mark.parametrize("outcome", [Outcome(JobState.COMPLETED), FAILED])
def test_an_outcome_is_read_as_it_was_written(outcome):
    assert outcome == Outcome.from_json(json.loads(json.dumps(outcome.to_json())))


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {**FAILED.to_json(), "state": "Running"},
        {**FAILED.to_json(), "state": "Cancelled"},
        {**FAILED.to_json(), "cause": None},
        {**FAILED.to_json(), "cause": "boredom"},
        {**FAILED.to_json(), "not_archived": 3},
        {**FAILED.to_json(), "state": "Completed"},
    ],
)
def test_what_is_no_outcome_is_refused(document):
    with pytest.raises(ValueError, match="not an outcome"):
        Outcome.from_json(document)
