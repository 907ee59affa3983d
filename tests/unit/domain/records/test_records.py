import json

import pytest

from foundations.domain.records.annotations import Annotations
from foundations.domain.records.job_record import record_from_json, record_to_json
from foundations.ports.archive_listing import JobRecord
from foundations.ports.job import JobState, NewerFormatError

RECORD = JobRecord(
    job_name="job",
    submitted_at=1.5,
    project="a: b",
    user="ann",
    host="here",
    parameters={"rate": 0.5},
    environment={"reference": {"path": "x"}},
    kind="trial",
    study="search",
    parent="other",
)


def changed(**fields):
    document = {**record_to_json(RECORD), **fields}
    return {name: value for name, value in document.items() if value is not ...}


class TestJobRecord:
    def test_it_comes_back_with_what_was_fixed_at_submission(self):
        record = RECORD._replace(state=JobState.COMPLETED, metrics={"loss": 1}, tags={"a": "b"}, note="x", ended_at=3.0)
        assert RECORD == record_from_json(json.loads(json.dumps(record_to_json(record))), "job")

    def test_what_is_not_known_is_passed_over_and_what_is_missing_has_its_default(self):
        found = record_from_json(changed(colour="red", user=..., kind=...), "job")
        assert RECORD._replace(user=None, kind="job") == found

    @pytest.mark.parametrize(
        ("document", "reason"),
        [
            (changed(format=...), "format None"),
            (changed(format=True), "format True"),
            (changed(job_name="another"), "it is the record of job another"),
            (changed(submitted_at=...), "no time of submission"),
            (changed(submitted_at="x"), "no time of submission"),
            (changed(submitted_at=True), "no time of submission"),
            (changed(parameters=[]), "no mapping"),
            (changed(project=3), "its project is no text"),
            ([], "format None"),
        ],
    )
    def test_anything_else_is_refused(self, document, reason):
        with pytest.raises(ValueError, match=reason):
            record_from_json(document, "job")

    def test_one_of_a_newer_version_is_reported_as_newer(self):
        with pytest.raises(NewerFormatError, match="format 2, which a newer version of foundations has written"):
            record_from_json(changed(format=2), "job")


class TestAnnotations:
    def test_they_come_back_with_what_a_newer_version_has_added(self):
        document = {"format": 1, "tags": {"a": "b"}, "note": None, "colour": "red"}
        annotations = Annotations.from_json(document)
        assert (Annotations({"a": "b"}, None, {"colour": "red"}), document) == (annotations, annotations.to_json())

    @pytest.mark.parametrize(
        ("document", "reason"),
        [
            ([], "format None"),
            ({"format": 1, "tags": []}, "no mapping of texts"),
            ({"format": 1, "tags": {"a": 1}}, "no mapping of texts"),
            ({"format": 1, "note": 3}, "its note is no text"),
        ],
    )
    def test_anything_else_is_refused(self, document, reason):
        with pytest.raises(ValueError, match=reason):
            Annotations.from_json(document)

    def test_those_of_a_newer_version_are_reported_as_newer(self):
        with pytest.raises(NewerFormatError, match="format 2, which a newer version"):
            Annotations.from_json({"format": 2})
