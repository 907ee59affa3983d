"""Jobs that fail, and what is archived of them."""

import json
import pickle
import sys
import time
import traceback

import pytest

from foundations.adapters.memory import MemoryPipelineArchive
from foundations.domain.jobs import archive_layout as items
from foundations.errors import FoundationsError, PipelineError, RemoteException, StorageUnavailableError


class UserError(Exception):
    pass


class Unbuildable(Exception):  # noqa: N818
    def __init__(self, one, other):
        super().__init__("only this")


class Unpicklable(Exception):  # noqa: N818
    def __init__(self):
        super().__init__("with a lock")
        import threading

        self.lock = threading.Lock()


def inner(number):
    raise UserError(f"the number is {number}")


def failing(number, text="x"):
    try:
        {}["missing"]
    except KeyError as error:
        raise UserError("outer") from error


def add(a, b):
    return a + b


def raising(error, *args):
    if isinstance(error, type):
        raise error(*args)
    raise error


def failure_of(target, **params):
    with pytest.raises(RemoteException) as raised:
        target.run(**params).fetch_job_results()
    return raised.value


class TestFailures:
    def test_the_message_shows_frames_stage_and_arguments(self, sdk):
        error = failure_of(sdk.pipeline.stage(inner, sdk.pipeline.stage(add, 1, 2)), job_name="mine")
        text = str(error)
        assert "job mine ended as Error: stage inner raised" in text
        assert "in stage inner(3):" in text
        assert "test_run_job.py" in text
        assert 'raise UserError(f"the number is {number}")' in text
        assert "foundations/domain" not in text, "only the user's own frames"
        assert ("mine", "Error", "user_code", "inner") == (error.job_name, error.state, error.cause, error.stage)

    def test_the_cause_is_the_original_exception(self, sdk):
        error = failure_of(sdk.pipeline.stage(inner, 3))
        assert (UserError, ("the number is 3",)) == (type(error.__cause__), error.__cause__.args)

    def test_an_exception_that_would_control_the_terminal_is_told_escaped_and_not_attached(self, sdk):
        error = failure_of(sdk.pipeline.stage(raising, ValueError, "bad \x1b[2J"))
        printed = "".join(traceback.format_exception(error))
        assert (None, False) == (error.__cause__, "\x1b" in printed)
        assert "ValueError: bad \\x1b[2J" in printed
        assert "The original exception is not attached" in printed

    def test_what_led_to_the_exception_is_shown(self, sdk):
        text = str(failure_of(sdk.pipeline.stage(failing, 1, text="y" * 1000)))
        assert "KeyError: 'missing'" in text
        assert "The above exception was the direct cause of the following exception:" in text
        assert "y" * 100 not in text

    @pytest.mark.parametrize("kind", [Unbuildable, Unpicklable])
    def test_an_exception_that_cannot_travel_is_told_all_the_same(self, sdk, kind):
        arguments = (1, 2) if kind is Unbuildable else ()
        error = failure_of(sdk.pipeline.stage(raising, kind, *arguments))
        assert kind.__name__ in str(error)
        assert error.__cause__ is None

    def test_an_exception_that_cannot_be_rebuilt_here_is_told(self, sdk, wiring):
        deployment = sdk.pipeline.stage(inner, 1).run(job_name="mine")
        deployment.wait_for_deployment_to_complete()
        from foundations.ports.frames import join_frames

        wiring.archives.miscellaneous.write("mine", items.EXCEPTION, join_frames([b"cnowhere\nto_be_found\n."]))
        with pytest.raises(RemoteException) as raised:
            deployment.fetch_job_results()
        assert isinstance(raised.value.__cause__, FoundationsError)
        assert "cannot be rebuilt here: ModuleNotFoundError" in str(raised.value.__cause__)

    @pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
    def test_whatever_a_stage_raises_is_its_failure(self, sdk, error):
        failure = failure_of(sdk.pipeline.stage(raising, error))
        assert ("user_code", "raising") == (failure.cause, failure.stage)
        assert type(error) is type(failure.__cause__)

    def test_an_output_that_cannot_be_serialised_is_named(self, sdk):
        error = failure_of(sdk.pipeline.stage(lambda: {"a": [], "b": (x for x in ())}))
        assert "not_serialisable" == error.cause
        assert "['b'] cannot be serialised: it is of type generator" in str(error)
        assert "Return a list of its items, list(...), instead." in str(error)

    def test_a_persisted_output_that_cannot_be_serialised_does_not_stop_the_job(self, sdk, said):
        middle = sdk.pipeline.stage(lambda: (x for x in (1, 2))).persist()
        result = sdk.pipeline.stage(list, middle).run().fetch_job_results()
        assert [1, 2] == result.output
        context = result["stage_contexts"][middle.uuid()]
        assert (False, None) == (context["has_stage_output"], context["stage_output"])
        assert "generator" in context["no_output_because"]
        assert [("warning", "output_not_stored")] == [(level, event) for level, event, _ in said]

    def test_a_stage_that_a_function_returns_is_an_error(self, sdk):
        factory = sdk.create_stage(add)
        error = failure_of(sdk.pipeline.stage(lambda: factory(1, 2)))
        assert isinstance(error.__cause__, PipelineError)
        assert "call the plain function" in str(error)

    def test_stages_before_the_failing_one_are_kept(self, sdk):
        first = sdk.pipeline.stage(add, 1, 2).persist()
        last = sdk.pipeline.stage(inner, first).stage(add, 1)
        error = failure_of(last)
        contexts = error.result["stage_contexts"]
        assert 3 == contexts[first.uuid()]["stage_output"]
        assert (None, None) == (contexts[last.uuid()]["start_time"], contexts[last.uuid()]["stage_output"])
        assert error.result["global_stage_context"]["error_information"]["type"].endswith("UserError")
        with pytest.raises(FoundationsError, match="has no output: it ended as Error"):
            _ = error.result.output
        assert "failed" in str(error.result)
        assert "not run" in str(error.result)

    def test_a_remote_exception_survives_pickling_without_its_result(self, sdk):
        error = failure_of(sdk.pipeline.stage(inner, 1))
        back = pickle.loads(pickle.dumps(error))
        assert (str(error), error.stage, None) == (str(back), back.stage, back.result)


class TestLoading:
    def test_a_job_that_cannot_be_loaded_tells_why(self, sdk, monkeypatch):
        module = type(sys)("soon_gone")
        exec("def work(): pass", vars(module))
        monkeypatch.setitem(sys.modules, "soon_gone", module)
        from foundations.adapters.memory import MemoryJobBundler

        verify = MemoryJobBundler.verify

        def verify_and_forget(self, bundle):
            verify(self, bundle)
            monkeypatch.delitem(sys.modules, "soon_gone", raising=False)

        monkeypatch.setattr(MemoryJobBundler, "verify", verify_and_forget)
        error = failure_of(sdk.pipeline.stage(module.work))
        assert "environment_setup" == error.cause
        assert "the job could not be loaded: ModuleNotFoundError: No module named 'soon_gone'" in str(error)


class FailingArchive(MemoryPipelineArchive):
    def write(self, job_name, item, data):
        raise StorageUnavailableError("it is full")


class TestArchiving:
    @pytest.mark.parametrize(
        ("role", "item"),
        [
            ("stage_log", "stage_log/stages/"),
            ("provenance", items.PROVENANCE),
            ("job_source", items.SOURCE),
        ],
    )
    def test_an_archive_that_fails_is_told_and_the_rest_is_kept(self, with_adapter, role, item):
        sdk = with_adapter(f"{role}_archive_implementation", f"{__name__}.FailingArchive")
        middle = sdk.pipeline.stage(add, 1, 2).persist()
        result = sdk.pipeline.stage(add, middle, 3).run().fetch_job_results()
        assert (6, 3) == (result.output, result["stage_contexts"][middle.uuid()]["stage_output"])
        assert f"not archived: {item}" in str(result)
        assert "it is full" in str(result)

    def test_a_job_whose_output_can_be_kept_nowhere_is_not_completed(self, with_adapter):
        sdk = with_adapter("persisted_data_archive_implementation", f"{__name__}.FailingArchive")
        error = failure_of(sdk.pipeline.stage(add, 1, 2))
        assert ("Error", "storage", "add") == (error.state, error.cause, error.stage)
        assert "the output of add could not be stored: " in str(error)

    def test_all_archives_receive_what_their_names_say(self, sdk, wiring):
        from foundations import save_artifact

        target = sdk.pipeline.stage(save_artifact, "data.txt").persist()
        sdk.pipeline.stage(lambda *_: 1, target).run(job_name="mine").fetch_job_results()
        kept = [item.name for item in wiring.archives.miscellaneous.items("mine")]
        for name in (
            "artifacts/data.txt",
            "job_source/project.tgz",
            "miscellaneous/end.json",
            "miscellaneous/result.json",
            f"persisted_data/{target.uuid()}",
            "provenance/provenance.json",
            f"stage_log/stages/{target.uuid()}.json",
        ):
            assert name in kept

    def test_provenance_comes_with_the_result(self, sdk):
        before = time.time()
        target = sdk.pipeline.stage(add, 1, sdk.pipeline.stage(add, 1, 1))
        result = target.run().fetch_job_results()
        stages = result["provenance"]["stages"]
        assert ["add", "add"] == stages["names"]
        assert [[], [0]] == stages["upstream"]
        assert stages["uuids"][-1] == target.uuid() == result["global_stage_context"]["uuid"]
        assert before <= result["global_stage_context"]["start_time"] <= result["global_stage_context"]["end_time"]
        assert json.loads(json.dumps(result["provenance"])) == result["provenance"]


@pytest.mark.parametrize(
    ("item", "data", "reason"),
    [
        (items.RESULT, b'{"format": 2}', "format 2, which a newer version of foundations has written"),
        (items.RESULT, b"{", "Expecting property name"),
        (items.RESULT, b"\xff", "can't decode"),
        (items.PROVENANCE, b"[", "Expecting value"),
    ],
)
def test_a_damaged_or_newer_item_is_an_error_that_names_it(sdk, wiring, item, data, reason):
    deployment = sdk.pipeline.stage(int).run(job_name="job")
    deployment.wait_for_deployment_to_complete()
    wiring.archives.miscellaneous.write("job", item, [data])
    with pytest.raises(StorageUnavailableError, match=f"{item} of job job cannot be read: .*{reason}"):
        deployment.fetch_job_results()["provenance"]


@pytest.mark.parametrize("data", [b"{}", b"[]", b"null", b'{"stages": {}}', b'{"stages": {"uuids": 1, "names": []}}'])
def test_a_damaged_provenance_of_a_job_without_a_result_is_an_error_that_names_it(sdk, wiring, data):
    deployment = sdk.pipeline.stage(int).run(job_name="job")
    deployment.wait_for_deployment_to_complete()
    wiring.archives.miscellaneous.delete("job")
    wiring.archives.provenance.write("job", items.PROVENANCE, [data])
    with pytest.raises(StorageUnavailableError, match=f"{items.PROVENANCE} of job job cannot be read"):
        deployment.fetch_job_results()


@pytest.mark.parametrize("data", [b"{}", b"[]", b"null", b'{"uuid": "x"}'])
def test_a_damaged_document_of_a_stage_is_an_error_that_names_it(sdk, wiring, data):
    deployment = sdk.pipeline.stage(int).run(job_name="job")
    deployment.wait_for_deployment_to_complete()
    provenance = bytes(wiring.archives.provenance.read("job", items.PROVENANCE))
    wiring.archives.miscellaneous.delete("job")
    wiring.archives.provenance.write("job", items.PROVENANCE, [provenance])
    wiring.archives.stage_log.write("job", items.STAGES + "x.json", [data])
    with pytest.raises(StorageUnavailableError, match=rf"{items.STAGES}x\.json of job job cannot be read"):
        deployment.fetch_job_results()


def test_a_damaged_copy_of_the_end_record_is_an_error_that_names_it(wiring):
    wiring.archives.miscellaneous.write("job", items.END, [b'{"format": 2}'])
    with pytest.raises(StorageUnavailableError, match=r"miscellaneous/end\.json of job job cannot be read: .*newer"):
        wiring.archives.read_end("job")


def test_the_end_record_of_another_job_is_an_error_that_names_both(sdk, wiring):
    sdk.pipeline.stage(int).run(job_name="other").wait_for_deployment_to_complete()
    wiring.archives.miscellaneous.write("job", items.END, [wiring.archives.miscellaneous.read("other", items.END)])
    with pytest.raises(StorageUnavailableError, match="of job job cannot be read: it is the end record of job other"):
        wiring.archives.read_end("job")


CONTROL = "\x1b[2J\x1b]0;title\x07"


def printed(sdk, function, *args):
    """Run a stage of a name that would control a terminal; return what is printed of its job, and of its failure."""
    function.__name__ = function.__qualname__ = f"st{CONTROL}age\nJob x: Completed in 1 ms"
    try:
        return str(sdk.pipeline.stage(function, *args).run(job_name="job").fetch_job_results())
    except RemoteException as error:
        return f"{error}\n{error.result}"


def test_a_printed_result_controls_no_terminal(sdk):
    report = printed(sdk, lambda: f"one{CONTROL}\ttab\ntwo é 😀")
    assert not {"\x1b", "\x07"} & set(report)
    assert "  one\\x1b[2J\\x1b]0;title\\x07\ttab\n  two é 😀" in report
    assert [] == [line for line in report.splitlines() if line.startswith("Job x:")]


def test_a_failure_controls_no_terminal(sdk):
    def fail():
        raise ValueError(f"bad {CONTROL}\nforged line")

    report = printed(sdk, fail)
    assert not {"\x1b", "\x07"} & set(report)
    assert "bad \\x1b[2J\\x1b]0;title\\x07" in report
    assert [] == [line for line in report.splitlines() if line.startswith("Job x:")]
