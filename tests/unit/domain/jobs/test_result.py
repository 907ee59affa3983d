import pytest

from foundations.domain.jobs.result import Result, StageContexts
from foundations.domain.jobs.result_document import ResultDocument
from foundations.domain.jobs.result_report import format_duration, shorten_name
from foundations.errors import FoundationsError
from foundations.ports.job import EndCause, JobEnd, JobState

KEYS = {
    *("uuid", "stage_log", "meta_data", "data_uuid", "stage_output", "has_stage_output", "error_information"),
    *("start_time", "end_time", "delta_time", "is_context_aware", "used_cache", "cache_uuid", "cache_read_time"),
    "cache_write_time",
}


def end_of(state=JobState.COMPLETED, **fields):
    return JobEnd(**{"job_name": "job", "state": state, "started_at": 10.0, "ended_at": 12.5, **fields})


def document(count=2, **details):
    return ResultDocument(
        [f"u{number}" for number in range(count)],
        [f"stage{number}" for number in range(count)],
        [10.0 + number for number in range(count)],
        [10.5 + number for number in range(count)],
        details or {f"u{count - 1}": {"has_stage_output": True, "data_uuid": "d"}},
    )


def result_of(end=None, of=None, output="the output"):
    return Result(end or end_of(), of or document(), lambda uuid: output, lambda: {"how": "so"})


class TestMapping:
    def test_it_has_the_keys_that_users_know(self):
        result = result_of()
        assert {"provenance", "global_stage_context", "stage_contexts"} == set(result)
        assert 3 == len(result)
        assert {"how": "so"} == result["provenance"]
        assert set(result["stage_contexts"]["u0"]) >= KEYS
        assert set(result["global_stage_context"]) >= KEYS

    def test_the_output_is_there_in_every_way(self):
        result = result_of()
        assert (
            "the output"
            == result.output
            == result["global_stage_context"]["stage_output"]
            == result["stage_contexts"]["u1"]["stage_output"]
        )

    def test_the_global_context_is_of_the_stage_that_was_run_with_the_jobs_times(self):
        context = result_of()["global_stage_context"]
        assert ("u1", 10.0, 12.5, 2.5, "d") == tuple(
            context[key] for key in ("uuid", "start_time", "end_time", "delta_time", "data_uuid")
        )

    def test_outputs_are_loaded_once_and_only_when_asked_for(self):
        loaded = []
        contexts = StageContexts(document(), lambda uuid: loaded.append(uuid) or uuid)
        context = contexts["u1"]
        assert [] == loaded
        assert ("u1", "u1", ["u1"]) == (context["stage_output"], context["stage_output"], loaded)
        assert contexts["u0"]["stage_output"] is None

    def test_it_is_read_only(self):
        result = result_of()
        with pytest.raises(TypeError):
            result["provenance"] = {}
        with pytest.raises(TypeError):
            result["stage_contexts"]["u0"]["uuid"] = "x"

    def test_unknown_keys_are_told_with_the_known_ones(self):
        with pytest.raises(KeyError, match="there are: stage_contexts, provenance, global_stage_context"):
            _ = result_of()["prov"]
        with pytest.raises(
            KeyError, match="not a stage of this job, neither as uuid nor as name; its stages: stage0, stage1"
        ):
            _ = result_of()["stage_contexts"]["u7"]
        assert result_of().get("prov") is None

    def test_a_name_that_one_stage_has_finds_its_context(self):
        contexts = result_of()["stage_contexts"]
        assert ("u1", True) == (contexts["stage1"]["uuid"], "stage1" in contexts)

    def test_a_name_that_several_stages_have_is_refused_with_their_uuids(self):
        several = document()._replace(names=["train", "train"])
        with pytest.raises(KeyError, match="2 stages are called 'train'; take one by its uuid, in order: u0, u1"):
            _ = result_of(of=several)["stage_contexts"]["train"]

    def test_contexts_are_counted_and_listed(self):
        contexts = result_of()["stage_contexts"]
        assert (2, ["u0", "u1"], True, False) == (len(contexts), list(contexts), "u0" in contexts, "x" in contexts)
        assert ("<contexts of 2 stages>", "<context of stage stage0>") == (repr(contexts), repr(contexts["u0"]))

    def test_a_job_that_did_not_begin_has_no_times(self):
        context = result_of(end_of(JobState.CANCELLED, started_at=None), document(0))["global_stage_context"]
        assert (None, None, None) == (context["uuid"], context["start_time"], context["delta_time"])

    def test_a_job_that_failed_has_no_output(self):
        failed = document(u0={"error_information": {"type": "ValueError"}})
        result = result_of(end_of(JobState.ERROR, cause=EndCause.USER_CODE, message="it broke"), failed)
        with pytest.raises(FoundationsError, match=r"has no output: it ended as Error\. it broke"):
            _ = result.output
        assert {"type": "ValueError"} == result["global_stage_context"]["error_information"]


class TestPrinting:
    def test_a_report_names_job_stages_times_cache_and_output(self):
        details = {
            "u0": {"used_cache": True, "cache_uuid": "k"},
            "u1": {"has_stage_output": True, "cache_uuid": "k2"},
        }
        assert str(result_of(of=document(**details), output={"accuracy": 0.5})).splitlines() == [
            "Job job: Completed in 2.50 s",
            "",
            "  stage   state  time      cache",
            "  stage0  done   500.0 ms  hit",
            "  stage1  done   500.0 ms  miss",
            "",
            "Output of stage1:",
            "  {'accuracy': 0.5}",
        ]
        assert "<result of job job: Completed>" == repr(result_of())

    def test_a_report_names_what_differed_from_where_the_job_was_submitted(self):
        differences = [(f"steps.N{number}", "1", "2") for number in range(7)]
        lines = str(result_of(of=document()._replace(differences=differences))).splitlines()
        assert ["  steps.N4 was 2 in the job, 1 there", "  ... and 2 more, which the provenance has"] == lines[11:13]

    def test_text_is_shown_as_it_is(self):
        assert str(result_of(output="one\ntwo")).endswith("  one\n  two")

    def test_long_outputs_are_abbreviated_and_others_told(self):
        class Odd:
            def __repr__(self):
                raise RuntimeError

        assert "(abbreviated; result.output is the whole list)" in str(result_of(output=list(range(10_000))))
        assert "Odd, whose repr raises RuntimeError>" in str(result_of(output=Odd()))

    def test_of_many_stages_the_slowest_are_shown(self):
        text = str(result_of(of=document(1_000)))
        assert "... and 980 more stages" in text
        assert len(text.splitlines()) < 35

    def test_of_many_stages_one_that_failed_and_one_that_was_cut_off_are_shown(self):
        many = document(1_000)
        many.ended_at[900] = None
        of = many._replace(details={many.uuids[800]: {"error_information": {"type": "E"}}})
        rows = [line.split() for line in str(result_of(end_of(JobState.ERROR), of)).splitlines()]
        assert {("stage800", "failed"), ("stage900", "cut")} <= {tuple(row[:2]) for row in rows}

    def test_a_stage_that_was_cut_off_is_told_apart_from_others_of_its_name(self):
        of = ResultDocument(["u0", "u1", "u2"], ["a", "a", "a"], [1.0, 2.0, None], [1.5, None, None], {})
        rows = str(result_of(end_of(JobState.ERROR)._replace(stage="a"), of)).splitlines()
        assert [["done", "500.0", "ms"], ["cut", "off"], ["not", "run"]] == [
            row.split()[1:] for row in rows if row.startswith("  a ")
        ]

    def test_failures_and_what_was_not_archived_are_shown(self):
        of = ResultDocument(
            ["u0", "u1", "u2"],
            ["a", "b", "c"],
            [1.0, 2.0, None],
            [1.5, None, None],
            {"u0": {"error_information": {"type": "E"}}},
        )
        text = str(result_of(end_of(JobState.ERROR, message="it broke", not_archived=("x: full",)), of))
        assert "it broke" in text
        assert "not archived: x: full" in text
        assert ["failed", "cut off", "not run"] == [
            state for state in ("failed", "cut off", "not run") if state in text
        ]

    def test_files_that_vanished_with_the_copy_are_named_with_the_line_that_saves_them(self):
        files = {"outputs/model.bin": 1_234_567, "notes\x1b[2J": 12}
        end = end_of(JobState.ERROR)._replace(unsaved_files=files, unsaved_count=5)
        text = str(result_of(end))
        assert (
            "Written into the job's copy of the project, and gone with it:\n"
            "  outputs/model.bin (1.2 MB)\n"
            "  notes\\x1b[2J (12 B)\n"
            "  ... and 3 smaller files\n"
            '  To keep a file: save_artifact("outputs/model.bin") in the stage that writes it\n'
            "  To keep a directory, also when the job fails: artifact_path: outputs/ in a *.config.yaml"
        ) in text

    def test_a_file_outside_directories_needs_no_directory(self):
        end = end_of(JobState.ERROR)._replace(unsaved_files={"model.bin": 1}, unsaved_count=1)
        assert "artifact_path" not in str(result_of(end))


class TestDocument:
    def test_it_comes_back_from_json(self):
        assert document() == ResultDocument.from_json(document().to_json())

    @pytest.mark.parametrize(
        "change",
        [{"format": 2}, {"uuids": ["u0"]}, {"uuids": 3}, {"details": []}],
    )
    def test_others_are_refused(self, change):
        with pytest.raises(ValueError, match="not a result document of format 1"):
            ResultDocument.from_json({**document().to_json(), **change})
        with pytest.raises(ValueError, match="format 2, which a newer version of foundations has written"):
            ResultDocument.from_json({**document().to_json(), "format": 2})
        for other in (None, [], {}):
            with pytest.raises(ValueError, match="not a result document"):
                ResultDocument.from_json(other)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0.0 ms"),
        (0.9994, "999.4 ms"),
        (0.9996, "1.00 s"),
        (59.99, "59.99 s"),
        (60, "1 min 0 s"),
        (3600, "1 h 0 min"),
    ],
)
def test_durations_are_readable(seconds, expected):
    assert expected == format_duration(seconds)


def test_names_are_cut_to_a_columns_width():
    assert (shorten_name("x" * 48), shorten_name("x" * 49)) == ("x" * 48, "x" * 45 + "...")
