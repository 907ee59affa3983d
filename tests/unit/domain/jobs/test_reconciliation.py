import json
from types import SimpleNamespace

import pytest

from foundations.domain.jobs import archive_layout as items
from foundations.domain.jobs.archive_layout import Archives
from foundations.domain.jobs.reconciliation import Reconciler
from foundations.errors import ItemNotFoundError, StorageUnavailableError
from foundations.ports.archive import PipelineArchive
from foundations.ports.archive_listing import JobRecord, PipelineListing
from foundations.ports.execution import ExecutionEnvironment, JobHandle, JobStatus
from foundations.ports.job import EndCause, JobEnd, JobState

COMPLETED = JobEnd(job_name="completed", state=JobState.COMPLETED, ended_at=2.0)
LOST = JobEnd(job_name="lost", state=JobState.ERROR, cause=EndCause.LOST, ended_at=2.0)
ARCHIVED = JobEnd(job_name="archived", state=JobState.CANCELLED, ended_at=2.0)


@pytest.fixture
def archive(mocker):
    archive = mocker.create_autospec(PipelineArchive, instance=True)

    def read(job_name, item):
        if (job_name, item) != ("archived", items.END):
            raise ItemNotFoundError("not there", job_name=job_name, item=item)
        return json.dumps(ARCHIVED.to_json()).encode()

    archive.read.side_effect = read
    return archive


@pytest.fixture
def listing(mocker):
    listing = mocker.create_autospec(PipelineListing, instance=True)
    listing.get.side_effect = lambda name: JobRecord(job_name=name, submitted_at=0.5)
    return listing


@pytest.fixture
def environment(mocker):
    """An environment that knows three jobs."""
    known = {
        "completed": JobStatus("completed", COMPLETED.state, COMPLETED),
        "lost": JobStatus("lost", LOST.state, LOST),
        "running": JobStatus("running", JobState.RUNNING),
    }
    environment = mocker.create_autospec(ExecutionEnvironment, instance=True)
    environment.poll.side_effect = lambda handles: [known.get(handle.job_name) for handle in handles]
    environment.logs.side_effect = lambda handle, stream: b"" if stream == "stderr" else b"output"
    return environment


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def statuses(environment, archive, listing, pauses):
    """Return the statuses of jobs by name, a second after their submission."""
    stores = SimpleNamespace(archives=Archives(*[archive] * 6), listing=listing)
    reconciler = Reconciler(environment=environment, stores=stores, now=lambda: 1.5, pause=pauses.append)
    return lambda *names: reconciler.statuses([JobHandle(job_name=name) for name in names])


def test_many_jobs_are_polled_at_once_and_told_in_order(statuses, environment):
    names = ["running", "archived", "submitting", "completed"]
    assert [
        JobStatus("running", JobState.RUNNING),
        JobStatus("archived", JobState.CANCELLED, ARCHIVED),
        JobStatus("submitting", JobState.QUEUED),
        JobStatus("completed", JobState.COMPLETED, COMPLETED),
    ] == statuses(*names)
    assert 1 == environment.poll.call_count


def test_each_end_reaches_archive_and_listing(statuses, archive, listing):
    statuses("completed", "running", "archived")
    assert [("completed", items.END), ("archived", items.END)] == [call.args[:2] for call in archive.write.mock_calls]
    assert [("completed", JobState.COMPLETED), ("archived", JobState.CANCELLED)] == [
        (call.args[0], call.args[1].state) for call in listing.update.mock_calls
    ]


def test_the_output_of_a_lost_job_is_archived(statuses, archive):
    statuses("lost")
    assert [items.stream_item("stdout"), items.END] == [call.args[1] for call in archive.write.mock_calls]


@pytest.mark.parametrize("failing", ["write", "read"])
def test_the_output_of_a_lost_job_that_cannot_be_archived_keeps_nothing_back(
    statuses, archive, environment, listing, failing
):
    if failing == "write":
        archive.write.side_effect = StorageUnavailableError("full")
    else:
        environment.logs.side_effect = StorageUnavailableError("gone")
    assert [JobStatus("lost", JobState.ERROR, LOST)] == statuses("lost")
    assert 1 == listing.update.call_count


def test_a_caller_that_waits_for_jobs_on_their_way_is_slowed_down_once(statuses, pauses):
    statuses("submitting", "other", "running")
    statuses("running", "completed")
    assert 1 == len(pauses)


def test_a_job_in_a_state_of_a_newer_release_is_not_taken_for_lost(statuses, listing):
    listing.get.side_effect = lambda name: JobRecord(job_name=name, submitted_at=0.0, state="Preempted")
    with pytest.raises(StorageUnavailableError, match="Preempted, a state of a newer release"):
        statuses("preempted")
    assert [] == listing.update.mock_calls
