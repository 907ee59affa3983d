import itertools
import json
from types import SimpleNamespace

import pytest

from foundations.domain.jobs import archive_layout as items
from foundations.domain.jobs.archive_layout import Archives
from foundations.domain.jobs.archived_job import ArchivedJob
from foundations.domain.jobs.deployment import Deployment
from foundations.domain.jobs.reconciliation import Reconciler
from foundations.domain.records.artifacts import Artifacts
from foundations.errors import (
    FoundationsError,
    ItemNotFoundError,
    JobNotFoundError,
    OtherPythonError,
    OutputUnreadableError,
    RemoteException,
    StorageUnavailableError,
    WaitTimeoutError,
)
from foundations.ports.archive import ArchiveItem, PipelineArchive
from foundations.ports.archive_listing import JobRecord, PipelineListing
from foundations.ports.execution import ExecutionEnvironment, JobHandle, JobStatus
from foundations.ports.frames import join_frames
from foundations.ports.job import EndCause, JobEnd, JobState
from foundations.ports.serialisation import Serialiser

HANDLE = JobHandle(job_name="job")
COMPLETED = JobEnd(job_name="job", state=JobState.COMPLETED, started_at=1.0, ended_at=2.0)
KILLED = JobEnd(
    job_name="job",
    state=JobState.ERROR,
    cause=EndCause.KILLED,
    message="SIGKILL",
    stage="b",
    started_at=1.0,
    ended_at=2.0,
)
STAGES = {"uuids": ["u0", "u1"], "names": ["a", "b"]}


def status(state, end=None):
    return JobStatus(job_name="job", state=state, end=end)


@pytest.fixture
def kept():
    """What the archive holds."""
    return {}


@pytest.fixture
def environment(mocker):
    environment = mocker.create_autospec(ExecutionEnvironment, instance=True)
    environment.poll.return_value = [status(JobState.COMPLETED, COMPLETED)]
    environment.read_fallback.return_value = None
    environment.logs.side_effect = lambda handle, stream: f"{stream}\n".encode()
    return environment


@pytest.fixture
def listing(mocker):
    listing = mocker.create_autospec(PipelineListing, instance=True)
    listing.get.return_value = JobRecord(job_name="job", state=JobState.RUNNING, submitted_at=0.5)
    return listing


@pytest.fixture
def written():
    """The files that were written."""
    return []


@pytest.fixture
def today():
    return [1e9]


@pytest.fixture
def deployment(mocker, environment, listing, kept, written, today):
    archive = mocker.create_autospec(PipelineArchive, instance=True)

    def read(job_name, item):
        if item not in kept:
            raise ItemNotFoundError("not there", job_name=job_name, item=item)
        return kept[item]

    archive.read.side_effect = read
    archive.items.side_effect = lambda job_name, prefix: [
        ArchiveItem(name=name, size=1) for name in sorted(kept) if name.startswith(prefix)
    ]
    serialiser = mocker.create_autospec(Serialiser, instance=True)
    serialiser.load.side_effect = lambda frames: json.loads(bytes(frames[0]))
    archives = Archives(*[archive] * 6)
    return Deployment(
        handle=HANDLE,
        environment=environment,
        reconciler=Reconciler(
            environment=environment,
            stores=SimpleNamespace(archives=archives, listing=listing),
            now=lambda: today[0],
            pause=lambda seconds: None,
        ),
        archived_job=ArchivedJob(
            HANDLE, environment, archives, serialiser, lambda path, data: written.append((path, data))
        ),
        artifacts=mocker.create_autospec(Artifacts, instance=True),
        clock=itertools.count(100.0).__next__,
    )


def keep_result(kept):
    document = {
        "format": 1,
        **STAGES,
        "started_at": [1.0, 1.5],
        "ended_at": [1.5, 2.0],
        "details": {"u1": {"has_stage_output": True}},
    }
    kept[items.RESULT] = json.dumps(document).encode()
    kept[items.output_item("u1")] = b"".join(join_frames([b"[1, 2]"]))


class TestState:
    @pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING])
    def test_a_job_that_goes_on(self, deployment, environment, listing, state):
        environment.poll.return_value = [status(state)]
        assert (state.value, False) == (deployment.get_job_status(), deployment.is_job_complete())
        listing.update.assert_not_called()

    def test_the_listing_is_mended_where_it_knows_less(self, deployment, listing):
        assert "Completed" == deployment.get_job_status()
        (name, change), _ = listing.update.call_args
        assert ("job", JobState.COMPLETED, None, 1.0, 2.0) == (
            name,
            change.state,
            change.cause,
            change.started_at,
            change.ended_at,
        )

    def test_a_listing_that_knows_is_left_alone(self, deployment, listing):
        listing.get.return_value = JobRecord(job_name="job", state=JobState.COMPLETED, submitted_at=0.5)
        assert deployment.is_job_complete()
        listing.update.assert_not_called()

    @pytest.mark.parametrize("error", [JobNotFoundError("gone"), StorageUnavailableError("down")])
    def test_a_listing_that_fails_stands_in_nobodys_way(self, deployment, listing, error):
        listing.get.side_effect = error
        assert "Completed" == deployment.get_job_status()

    def test_where_the_environment_forgot_it_the_archive_tells(self, deployment, environment, kept):
        environment.poll.return_value = [None]
        kept[items.END] = json.dumps(KILLED.to_json()).encode()
        assert "Error" == deployment.get_job_status()

    def test_where_nobody_else_knows_the_listing_tells(self, deployment, environment, listing):
        environment.poll.return_value = [None]
        listing.get.return_value = JobRecord(job_name="job", state=JobState.CANCELLED, submitted_at=0.5)
        assert "Cancelled" == deployment.get_job_status()

    def test_a_job_that_nobody_knows_is_lost_and_never_running(self, deployment, environment):
        environment.poll.return_value = [None]
        assert "Error" == deployment.get_job_status()
        with pytest.raises(RemoteException, match="does not know this job") as raised:
            deployment.fetch_job_results()
        assert "lost" == raised.value.cause

    def test_a_job_on_its_way_to_its_environment_is_queued_and_not_lost(self, deployment, environment, listing, today):
        today[0] = 9.0
        environment.poll.return_value = [None]
        listing.get.return_value = JobRecord(job_name="job", state=JobState.QUEUED, submitted_at=0.5)
        assert "Queued" == deployment.get_job_status()
        listing.update.assert_not_called()

    def test_that_a_job_is_lost_is_told_to_the_listing(self, deployment, environment, listing):
        environment.poll.return_value = [None]
        listing.get.return_value = JobRecord(job_name="job", state=JobState.QUEUED, submitted_at=0.5)
        assert "Error" == deployment.get_job_status()
        (name, change), _ = listing.update.call_args
        assert ("job", JobState.ERROR, "lost") == (name, change.state, change.cause)


class TestWaiting:
    @pytest.mark.parametrize("seconds", [0, -1, float("nan")])
    def test_an_interval_that_is_none_is_refused(self, deployment, seconds):
        with pytest.raises(FoundationsError, match="wait_seconds, the longest interval"):
            deployment.wait_for_deployment_to_complete(wait_seconds=seconds)

    def test_waiting_ends_with_the_job(self, deployment, environment):
        going, ended = [status(JobState.RUNNING)], [status(JobState.COMPLETED, COMPLETED)]
        environment.poll.side_effect = [going, going, ended]
        deployment.wait_for_deployment_to_complete(wait_seconds=7)
        assert 2 == environment.wait.call_count
        environment.wait.assert_called_with([HANDLE], timeout=None, interval=7)

    def test_waiting_gives_up_after_its_timeout_and_leaves_the_job_alone(self, deployment, environment):
        environment.poll.return_value = [status(JobState.RUNNING)]
        with pytest.raises(WaitTimeoutError, match=r"job job is still Running after 2\.5 s\. It continues") as raised:
            deployment.fetch_job_results(timeout=2.5)
        assert ("job", 2.5) == (raised.value.job_name, raised.value.timeout)
        assert [1.5, 0.5] == [call.kwargs["timeout"] for call in environment.wait.call_args_list]
        environment.cancel.assert_not_called()

    def test_an_interrupt_detaches(self, deployment, environment):
        environment.poll.return_value = [status(JobState.RUNNING)]
        environment.wait.side_effect = KeyboardInterrupt
        with pytest.raises(KeyboardInterrupt) as raised:
            deployment.wait_for_deployment_to_complete()
        assert ["job job goes on: load_job('job') finds it again, to wait or to cancel()"] == raised.value.__notes__
        environment.cancel.assert_not_called()

    def test_only_what_goes_on_is_cancelled(self, deployment, environment):
        deployment.cancel()
        environment.cancel.assert_not_called()
        environment.poll.return_value = [status(JobState.RUNNING)]
        deployment.cancel()
        environment.cancel.assert_called_once_with(HANDLE)


class TestResults:
    def test_of_a_job_that_completed(self, deployment, kept):
        keep_result(kept)
        result = deployment.fetch_job_results()
        assert [1, 2] == result.output
        assert "Job job: Completed in 1.00 s" in str(result)

    def test_what_its_archive_did_not_take_comes_from_the_environment(self, deployment, environment, kept):
        keep_result(kept)
        here = {items.RESULT: kept.pop(items.RESULT), items.output_item("u1"): kept.pop(items.output_item("u1"))}
        environment.read_fallback.side_effect = lambda handle, item: here.get(item)
        assert [1, 2] == deployment.fetch_job_results().output

    def test_of_a_job_that_was_killed_what_stages_archived_is_there(self, deployment, environment, kept):
        environment.poll.return_value = [status(JobState.ERROR, KILLED)]
        kept[items.PROVENANCE] = json.dumps({"stages": STAGES}).encode()
        kept[items.stage_item("u0")] = json.dumps(
            {
                "uuid": "u0",
                "stage_name": "a",
                "start_time": 1.0,
                "end_time": 1.5,
                "details": {"has_stage_output": True, "stage_log": {"loss": 1}},
            }
        ).encode()
        kept[items.output_item("u0")] = b"".join(join_frames([b'"kept"']))
        with pytest.raises(RemoteException, match="SIGKILL") as raised:
            deployment.fetch_job_results()
        contexts = raised.value.result["stage_contexts"]
        assert ("kept", {"loss": 1}, 0.5) == (
            contexts["u0"]["stage_output"],
            contexts["u0"]["stage_log"],
            contexts["u0"]["delta_time"],
        )
        assert "u1" == raised.value.result["global_stage_context"]["uuid"]
        assert raised.value.result["global_stage_context"]["has_stage_output"] is False
        assert ("killed", "b") == (raised.value.cause, raised.value.stage)
        assert "The last lines of its stderr:\n  stderr" in str(raised.value)

    @pytest.mark.parametrize(
        ("lines", "times"),
        [
            ("[0, 1.0]\n[0, 1.0, 1.5]\n[1, 1.5]\n", [(1.0, 1.5), (1.5, None)]),
            ("[0, 1.0]\n[0, 1.0, 1.5]\n[1, 1.", [(1.0, 1.5), (None, None)]),
            ("[7, 1.0]\n[]\n5\n[1, 1.5, 2.0]\n", [(None, None), (1.5, 2.0)]),
        ],
        ids=["killed in a stage", "killed in a line", "damaged"],
    )
    def test_of_a_job_that_was_killed_the_stages_that_began_and_that_ended_are_known(
        self, deployment, environment, kept, lines, times
    ):
        environment.poll.return_value = [status(JobState.ERROR, KILLED)]
        kept[items.PROVENANCE] = json.dumps({"stages": STAGES}).encode()
        kept[items.TIMES] = lines.encode()
        with pytest.raises(RemoteException) as raised:
            deployment.fetch_job_results()
        contexts = raised.value.result["stage_contexts"].values()
        assert times == [(context["start_time"], context["end_time"]) for context in contexts]

    def test_a_stage_whose_metrics_were_archived_while_it_ran_has_the_end_of_its_times(
        self, deployment, environment, kept
    ):
        environment.poll.return_value = [status(JobState.ERROR, KILLED)]
        kept[items.PROVENANCE] = json.dumps({"stages": STAGES}).encode()
        running = {"uuid": "u0", "start_time": 1.0, "end_time": None, "details": {"stage_log": {"loss": 1}}}
        kept[items.stage_item("u0")] = json.dumps(running).encode()
        kept[items.TIMES] = b"[0, 1.0]\n[0, 1.0, 1.5]\n"
        with pytest.raises(RemoteException) as raised:
            deployment.fetch_job_results()
        context = raised.value.result["stage_contexts"]["u0"]
        assert (1.5, {"loss": 1}) == (context["end_time"], context["stage_log"])

    def test_of_a_cancelled_job(self, deployment, environment):
        end = JobEnd(job_name="job", state=JobState.CANCELLED, message="by you", ended_at=2.0)
        environment.poll.return_value = [status(JobState.CANCELLED, end)]
        with pytest.raises(RemoteException, match="job job ended as Cancelled: by you") as raised:
            deployment.fetch_job_results()
        assert ("Cancelled", None) == (raised.value.state, raised.value.cause)

    def test_an_archive_that_cannot_tell_is_told(self, deployment, environment, mocker):
        environment.read_fallback.side_effect = StorageUnavailableError("unreachable")
        with pytest.raises(StorageUnavailableError):
            deployment.fetch_job_results()

    def test_what_is_no_exception_is_no_cause(self, deployment, environment, kept):
        environment.poll.return_value = [status(JobState.ERROR, KILLED)]
        kept[items.EXCEPTION] = b"".join(join_frames([b'"text"']))
        with pytest.raises(RemoteException) as raised:
            deployment.fetch_job_results()
        assert raised.value.__cause__ is None

    def test_an_output_that_is_not_what_was_written_is_refused(self, deployment, kept):
        keep_result(kept)
        document = json.loads(kept[items.RESULT])
        document["details"]["u1"]["data_uuid"] = "0" * 64
        kept[items.RESULT] = json.dumps(document).encode()
        result = deployment.fetch_job_results()
        with pytest.raises(OutputUnreadableError, match=r"is damaged: persisted_data/u1"):
            result.output
        assert "is damaged" in str(result)

    def test_an_output_that_is_gone_from_the_archive_leaves_the_rest_of_the_result(self, deployment, kept):
        keep_result(kept)
        del kept[items.output_item("u1")]
        result = deployment.fetch_job_results()
        assert ["u0", "u1"] == list(result["stage_contexts"])
        with pytest.raises(OutputUnreadableError, match="is missing from the archive, although it was stored there"):
            result.output

    def test_an_output_with_code_of_another_python_is_reported_so(self, deployment, kept):
        keep_result(kept)
        error = OtherPythonError("it holds code that was made by Python 3.9, and this is another", python="3.9")
        deployment._archived_job.serialiser.load.side_effect = error
        result = deployment.fetch_job_results()
        with pytest.raises(
            OutputUnreadableError, match=r"job job cannot be rebuilt here: it holds code .* Python 3\.9"
        ):
            result.output

    def test_libraries_of_another_version_are_named_where_an_output_cannot_be_rebuilt(self, deployment, kept):
        keep_result(kept)
        kept[items.PROVENANCE] = json.dumps(
            {"packages": ["numpy-2.1.0", "scikit_learn-1.5.0", "gone-1.0", "b-1"]}
        ).encode()
        serialiser = deployment._archived_job.serialiser
        serialiser.load.side_effect = ModuleNotFoundError("No module named 'numpy._core'")
        serialiser.installed_versions.return_value = {
            "numpy": "1.26.4",
            "scikit-learn": "1.4.2",
            "gone": None,
            "b": "1",
            "unknown": None,
        }
        with pytest.raises(OutputUnreadableError) as raised:
            deployment.fetch_job_results().output
        assert (
            "the output of job job cannot be rebuilt here: ModuleNotFoundError: No module named 'numpy._core'."
            " It was made with numpy 2.1.0, and here is 1.26.4; scikit-learn 1.5.0, and here is 1.4.2;"
            " gone 1.0, and here is none."
        ) in str(raised.value)

    def test_an_output_that_cannot_be_rebuilt_here_leaves_the_rest_of_the_result(self, deployment, kept):
        keep_result(kept)
        kept[items.output_item("u1")] = b"".join(join_frames([b"no json"]))
        result = deployment.fetch_job_results()
        assert ["u0", "u1"] == list(result["stage_contexts"])
        with pytest.raises(OutputUnreadableError, match=r"cannot be rebuilt here: JSONDecodeError: .* sys\.path"):
            result.output


class TestLogs:
    def test_both_streams_or_one(self, deployment):
        assert "stdout\nstderr\n" == deployment.get_job_logs()
        assert "stderr\n" == deployment.get_job_logs("stderr")

    def test_from_the_archive_where_the_environment_forgot_the_job(self, deployment, environment, kept):
        environment.poll.return_value = [None]
        kept[items.stream_item("stdout")] = b"archived \xff\n"
        assert "archived \ufffd\n" == deployment.get_job_logs()


def test_it_says_which_job_it_is(deployment):
    assert "job job" in str(deployment)
    assert "job job" in repr(deployment)
