import contextvars
import itertools
import json
import threading

import pytest

from foundations import log_metric, save_artifact
from foundations.app import running_stage
from foundations.app.job.archiver import Archiver
from foundations.app.job.recorder import JobRecorder
from foundations.domain.jobs.archive_layout import EXCEPTION, Archives, stage_item
from foundations.domain.pipeline.graph import Pipeline
from foundations.domain.pipeline.memo import CacheResult
from foundations.errors import OutsideJobError
from foundations.ports.archive import PipelineArchive
from foundations.ports.archive_listing import PipelineListing
from foundations.ports.job import EndCause

WAIT = 60
"""Seconds until a thread that the test waits for is taken for stuck."""


@pytest.fixture
def archive(mocker):
    return mocker.create_autospec(PipelineArchive, instance=True)


@pytest.fixture
def listing(mocker):
    return mocker.create_autospec(PipelineListing, instance=True)


@pytest.fixture
def uuids(recorder):
    return [node.uuid for node in recorder.pipeline.nodes]


@pytest.fixture
def recorder(sdk, wiring, archive, listing):
    """The recorder of a job of three stages, the last of which takes the outputs of the others."""
    parts = [sdk.pipeline.stage(int), sdk.pipeline.stage(float)]
    return JobRecorder(
        job_name="job",
        pipeline=Pipeline.of(sdk.pipeline.stage(max, parts)),
        archives=Archives(*[archive] * 6),
        archiver=Archiver("job", lambda item, data: None),
        listing=lambda: listing,
        serialiser=wiring.serialiser,
        clock=itertools.count(1, 0.001).__next__,
        progress=lambda index: None,
        roots=[],
        find_hints=lambda error: (),
    )


@pytest.fixture
def at_once(recorder):
    """Run functions as the first stages, each in a thread of its own, all at once; return what they returned."""

    def run(*functions):
        barrier, outputs = threading.Barrier(len(functions)), {}

        def stage(index, function):
            recorder.record_start(index)
            barrier.wait(WAIT)
            try:
                outputs[index] = function()
            except Exception as error:
                barrier.wait(WAIT)
                recorder.record_failure(index, error, (), {})
            else:
                barrier.wait(WAIT)
                recorder.record_end(index, outputs[index])

        with recorder.running:
            threads = [threading.Thread(target=stage, args=pair) for pair in enumerate(functions)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(WAIT)
        return outputs

    return run


def log_of(archive, uuid):
    """Return the log of a stage as it was archived last."""
    written = [call.args[2] for call in archive.write.call_args_list if call.args[1] == stage_item(uuid)]
    return json.loads(b"".join(written[-1]))["details"]["stage_log"]


def test_metrics_of_stages_that_run_at_once_are_each_ones_own(recorder, at_once, archive, listing, uuids):
    def logs(name):
        return lambda: [log_metric(name, number) for number in range(100)]

    at_once(logs("a"), logs("b"))
    expected = [{"a": list(range(100))}, {"b": list(range(100))}]
    assert expected == [recorder.details[uuid]["stage_log"] for uuid in uuids[:2]]
    assert expected == [log_of(archive, uuid) for uuid in uuids[:2]]
    listed = {}
    for call in listing.update.call_args_list:
        listed.update(call.args[1].metrics)
    assert {"a": 99, "b": 99} == listed


def test_artifacts_of_stages_that_run_at_once_are_all_archived(recorder, at_once, archive, tmp_path):
    def saves(name):
        (tmp_path / name).touch()
        return lambda: save_artifact(tmp_path / name)

    at_once(saves("a"), saves("b"))
    assert {"artifacts/a", "artifacts/b"} == {call.args[1] for call in archive.write_file.call_args_list}


def test_a_plain_thread_is_refused_while_several_stages_run_but_in_the_context_of_one(recorder, at_once, uuids):
    def in_thread(call):
        caught = []

        def body():
            try:
                call()
            except OutsideJobError as error:
                caught.append(error)

        thread = threading.Thread(target=body)
        thread.start()
        thread.join(WAIT)
        return str(caught[0]) if caught else None

    def first():
        refused = in_thread(lambda: log_metric("plain", 1))
        context = contextvars.copy_context()
        return refused, in_thread(lambda: context.run(log_metric, "copied", 1)), in_thread(running_stage.is_inside)

    outputs = at_once(first, lambda: None)
    assert "in a thread that a stage has started, while several stages run" in outputs[0][0]
    assert (None, None) == outputs[0][1:]
    assert {"copied": 1} == recorder.details[uuids[0]]["stage_log"]


def test_the_first_of_two_failures_is_the_jobs(recorder, at_once, uuids):
    at_once(lambda: 1 / 0, lambda: 1 / 0)
    assert (EndCause.USER_CODE, True) == (recorder.cause, recorder.failed_stage in {"int", "float"})
    assert f"stage {recorder.failed_stage} raised ZeroDivisionError: division by zero" == recorder.message
    assert 2 == sum("error_information" in recorder.details[uuid] for uuid in uuids[:2])


@pytest.mark.parametrize(
    ("result", "details"),
    [
        (CacheResult(), {}),
        (CacheResult("key", 0.5), {"cache_uuid": "key", "used_cache": True, "cache_read_time": 0.5}),
        (CacheResult("key", write_seconds=0.5), {"cache_uuid": "key", "cache_write_time": 0.5}),
        (CacheResult("key", metrics={"a": 1}), {"cache_uuid": "key", "stage_log": {"a": 1}}),
        (CacheResult(uncacheable_because="why"), {"not_cached_because": "why"}),
    ],
)
def test_what_the_cache_did_is_in_the_details(recorder, uuids, result, details):
    recorder.record_cache_result(0, result)
    assert details == recorder.details.get(uuids[0], {})


def test_the_start_of_a_stage_is_reported_before_it_runs_and_its_end_once_its_output_is_stored(
    recorder, archive, uuids
):
    reported = []
    recorder.report_times = lambda index, started_at, ended_at: reported.append((index, started_at, ended_at))
    archive.write.side_effect = lambda *_: reported.append("output stored")
    with recorder.running:
        recorder.record_start(2)
        assert [(2, recorder.started_at[2], None)] == reported
        recorder.record_end(2, "output")
    assert ["output stored", (2, recorder.started_at[2], recorder.ended_at[2])] == reported[-2:]


def test_the_stage_that_runs_is_shown_until_it_has_ended(recorder):
    shown = []
    recorder.progress = shown.append
    with recorder.running:
        recorder.record_start(0)
        recorder.record_start(1)
        recorder.record_end(0, 0)
        recorder.record_failure(1, ValueError("no"), (), {})
    assert [0, 1, 1, -1] == shown


@pytest.mark.parametrize(
    ("error", "is_stored"),
    [
        (ValueError("bad"), True),
        (ValueError("refused ghp_" + "aB3" * 12), False),
        (ValueError("GET https://host/?api_key=hunter2"), False),
        (ValueError("bad", {"url": "postgres://bob:hunter2@host"}), False),
    ],
)
def test_an_exception_with_a_secret_is_not_stored_but_reported(recorder, archive, uuids, error, is_stored):
    with recorder.running:
        recorder.record_start(0)
        recorder.record_failure(0, error, (), {})
    written = {call.args[1] for call in archive.write.call_args_list}
    assert (is_stored, True) == (EXCEPTION in written, stage_item(uuids[0]) in written)


def test_no_end_is_reported_of_a_stage_that_failed_whose_own_document_has_it(recorder, archive, uuids):
    reported = []
    recorder.report_times = lambda index, started_at, ended_at: reported.append(ended_at)
    with recorder.running:
        recorder.record_start(0)
        recorder.record_failure(0, ValueError("no"), (), {})
    assert [None] == reported
    assert stage_item(uuids[0]) in [call.args[1] for call in archive.write.call_args_list]
