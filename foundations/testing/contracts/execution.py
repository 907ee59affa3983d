"""What every execution environment promises."""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from foundations.errors import CapabilityError, DamagedBundleError, ExecutionError, JobExistsError, JobNameError
from foundations.ports.bundling import JobBundler
from foundations.ports.execution import (
    BundleRunner,
    Capabilities,
    ExecutionEnvironment,
    JobHandle,
    JobStatus,
    Submission,
)
from foundations.ports.job import EndCause, JobEnd, JobState
from foundations.testing.contracts.callers import in_processes, in_threads
from foundations.testing.contracts.jobs import JobMaker, make_bundle_runner

_PATIENCE = 60.0


class ExecutionEnvironmentContract:
    """Proves an :class:`~foundations.ports.execution.ExecutionEnvironment`.

    Subclasses give the fixtures ``environment`` and ``bundler``. The environment knows of no job yet and, where its
    jobs survive the caller, can be pickled until one is submitted: what comes out of the pickle in another process
    finds the same jobs. Jobs write into pytest's ``tmp_path``, so an environment in reach of the tests' own files is
    needed. They are made of functions of Python's standard library, and run by the runner that every bundle carries. An
    environment that runs jobs in its own process is constructed with the fixture ``bundle_runner``.
    """

    @pytest.fixture
    def environment(self) -> ExecutionEnvironment:
        raise NotImplementedError("give a fixture named environment that returns your adapter")

    @pytest.fixture
    def bundler(self) -> JobBundler:
        raise NotImplementedError("give a fixture named bundler whose bundles your environment runs")

    @pytest.fixture
    def bundle_runner(self, bundler: JobBundler) -> BundleRunner:
        return make_bundle_runner(bundler)

    @pytest.fixture
    def jobs(self, environment: ExecutionEnvironment, bundler: JobBundler, tmp_path: Path) -> Iterator[JobMaker]:
        made = JobMaker(bundler, tmp_path / "place")
        yield made
        made.open_gates()
        for name in made.names:
            _wait(environment, environment.handle(name))
        made.close_gates()

    # -- before anything runs -----------------------------------------------------------------------------------------

    def test_it_is_an_execution_environment_that_tells_what_it_can_do(self, environment: ExecutionEnvironment) -> None:
        assert isinstance(environment, ExecutionEnvironment)
        assert isinstance(environment.capabilities, Capabilities)

    def test_a_handle_is_of_jsons_own_types_and_starts_nothing(self, environment: ExecutionEnvironment) -> None:
        handle = environment.handle("job")
        assert handle == JobHandle(job_name="job", reference=json.loads(json.dumps(dict(handle.reference))))
        assert handle == environment.handle("job")
        assert [None] == environment.poll([handle])

    @pytest.mark.parametrize("name", ["", "..", "a/b", "-f", "x" * 129])
    def test_what_cannot_name_a_job_has_no_handle(self, environment: ExecutionEnvironment, name: str) -> None:
        with pytest.raises(JobNameError):
            environment.handle(name)

    def test_a_job_that_is_not_known_is_answered_by_none(self, environment: ExecutionEnvironment) -> None:
        handles = [environment.handle("one"), environment.handle("other")]
        assert [None, None] == environment.poll(handles)
        assert [] == environment.poll([])
        environment.wait(handles, timeout=None, interval=_PATIENCE)
        assert environment.read_fallback(handles[0], "item") is None
        environment.release(handles[0])

    def test_a_usual_project_can_run(self, environment: ExecutionEnvironment, tmp_path: Path) -> None:
        environment.check(tmp_path)
        assert [None] == environment.poll([environment.handle("job")])

    # -- running ------------------------------------------------------------------------------------------------------

    def test_a_job_runs_and_completes(self, environment: ExecutionEnvironment, jobs: JobMaker) -> None:
        submission, written = jobs.writing("job")
        end = _run(environment, submission)
        assert ("job", JobState.COMPLETED, None) == (end.job_name, end.state, end.cause)
        assert "it ran" == written.read_text()

    def test_a_job_whose_function_raises_ends_in_error(self, environment: ExecutionEnvironment, jobs: JobMaker) -> None:
        end = _run(environment, jobs.failing("job"))
        assert (JobState.ERROR, EndCause.USER_CODE) == (end.state, end.cause)
        assert "int" in end.message

    def test_submit_returns_without_waiting_for_the_job(
        self, environment: ExecutionEnvironment, jobs: JobMaker
    ) -> None:
        submission, gate = jobs.gated("job")
        environment.submit(submission)
        status = _status(environment, "job")
        assert status.state in (JobState.QUEUED, JobState.RUNNING)
        assert ("job", None) == (status.job_name, status.end)
        gate.open()
        assert JobState.COMPLETED is _end(environment, "job").state

    def test_variables_reach_the_job(self, environment: ExecutionEnvironment, jobs: JobMaker) -> None:
        if not environment.capabilities.crosses_processes:
            return  # a thread has its process's variables
        submission, written = jobs.writing_variable("job", "FOUNDATIONS_CONTRACT")
        submission = attrs.evolve(submission, variables={"FOUNDATIONS_CONTRACT": "a value"})
        assert JobState.COMPLETED is _run(environment, submission).state
        assert "a value" == written.read_text()

    def test_a_bundle_that_is_not_the_one_that_was_packed_never_runs(
        self, environment: ExecutionEnvironment, jobs: JobMaker
    ) -> None:
        submission, written = jobs.writing("job")
        bundle = submission.bundle._replace(sha256="0" * 64, digest="0" * 64)
        damaged = attrs.evolve(submission, bundle=bundle)
        try:
            environment.submit(damaged)
        except DamagedBundleError:
            assert [None] == environment.poll([environment.handle("job")])
        else:
            end = _end(environment, "job")
            assert (JobState.ERROR, EndCause.DAMAGED_BUNDLE) == (end.state, end.cause)
        assert not written.exists()

    # -- names --------------------------------------------------------------------------------------------------------

    def test_a_job_name_is_taken_once(self, environment: ExecutionEnvironment, jobs: JobMaker) -> None:
        submission, gate = jobs.gated("job")
        environment.submit(submission)
        with pytest.raises(JobExistsError):
            environment.submit(submission)
        gate.open()
        end = _end(environment, "job")
        with pytest.raises(JobExistsError):
            environment.submit(submission)
        assert end == _end(environment, "job")

    def test_of_several_that_submit_one_name_at_once_exactly_one_succeeds(
        self, environment: ExecutionEnvironment, jobs: JobMaker
    ) -> None:
        submission, _ = jobs.writing("job")

        def submit(_: int) -> bool:
            try:
                environment.submit(submission)
            except JobExistsError:
                return False
            return True

        assert 1 == sum(in_threads(submit, [(number,) for number in range(4)]))
        assert JobState.COMPLETED is _end(environment, "job").state

    # -- the end ------------------------------------------------------------------------------------------------------

    def test_an_end_is_told_alike_however_often(self, environment: ExecutionEnvironment, jobs: JobMaker) -> None:
        end = _run(environment, jobs.failing("job"))
        environment.wait([environment.handle("job")], timeout=None, interval=_PATIENCE)
        assert [end] * 3 == [_end(environment, "job") for _ in range(3)]
        assert end == JobEnd.from_json(json.loads(json.dumps(end.to_json())))

    def test_an_end_is_told_alike_in_other_processes(self, environment: ExecutionEnvironment, jobs: JobMaker) -> None:
        if not environment.capabilities.survives_the_caller:
            return
        elsewhere = pickle.dumps(environment)
        here = _run(environment, jobs.failing("job"))
        there = in_processes(_end_elsewhere, [(elsewhere, "job")] * 2)
        assert [here, here] == there

    def test_a_job_goes_on_when_its_submitter_ends(self, environment: ExecutionEnvironment, jobs: JobMaker) -> None:
        if not environment.capabilities.survives_the_caller:
            return
        submission, gate = jobs.gated("job")
        elsewhere = pickle.dumps(environment)
        assert [None] == in_processes(_submit_elsewhere, [(elsewhere, submission.job_name, submission.bundle)])
        assert not _status(environment, "job").state.is_final
        gate.open()
        assert JobState.COMPLETED is _end(environment, "job").state

    def test_a_job_whose_process_has_vanished_is_lost(self, environment: ExecutionEnvironment, jobs: JobMaker) -> None:
        if not environment.capabilities.crosses_processes:
            return  # what ends a thread's process ends the test
        end = _run(environment, jobs.killing_its_supervisor("job"))
        assert (JobState.ERROR, EndCause.LOST) == (end.state, end.cause)
        assert end == _end(environment, "job")

    # -- waiting ------------------------------------------------------------------------------------------------------

    def test_waiting_ends_with_its_timeout_and_leaves_the_job_alone(
        self, environment: ExecutionEnvironment, jobs: JobMaker
    ) -> None:
        submission, gate = jobs.gated("job")
        environment.submit(submission)
        begun = time.monotonic()
        environment.wait([environment.handle("job")], timeout=0.05, interval=_PATIENCE)
        assert time.monotonic() - begun >= 0.05
        assert not _status(environment, "job").state.is_final
        gate.open()
        assert JobState.COMPLETED is _end(environment, "job").state

    def test_waiting_for_several_ends_with_any_of_them(self, environment: ExecutionEnvironment, jobs: JobMaker) -> None:
        gated, _ = jobs.gated("gated")
        ending, _ = jobs.writing("ending")
        environment.submit(gated)
        environment.submit(ending)
        handles = [environment.handle("gated"), environment.handle("ending")]
        environment.wait(handles, timeout=_PATIENCE, interval=_PATIENCE)
        states = [status.state.is_final for status in environment.poll(handles) if status is not None]
        assert [False, True] == states

    # -- cancelling ---------------------------------------------------------------------------------------------------

    def test_a_cancelled_job_has_ended_when_cancel_returns(
        self, environment: ExecutionEnvironment, jobs: JobMaker
    ) -> None:
        submission, _ = jobs.gated("job")
        environment.submit(submission)
        if not environment.capabilities.cancel:
            with pytest.raises(CapabilityError):
                environment.cancel(environment.handle("job"))
            return
        environment.cancel(environment.handle("job"))
        status = _status(environment, "job")
        assert JobState.CANCELLED is status.state
        assert status.end is not None
        assert JobState.CANCELLED is status.end.state

    def test_cancelling_what_has_ended_or_is_not_known_does_nothing(
        self, environment: ExecutionEnvironment, jobs: JobMaker
    ) -> None:
        environment.cancel(environment.handle("unknown"))
        end = _run(environment, jobs.writing("job")[0])
        environment.cancel(environment.handle("job"))
        assert end == _end(environment, "job")

    # -- what is stored -----------------------------------------------------------------------------------------------

    def test_a_job_that_ended_has_its_logs(self, environment: ExecutionEnvironment, jobs: JobMaker) -> None:
        if not environment.capabilities.crosses_processes:
            return  # a thread has its process's streams
        _run(environment, jobs.printing("job"))
        assert b"a line\n" == environment.logs(environment.handle("job"), "stdout")
        assert b"" == environment.logs(environment.handle("job"), "stderr")

    def test_logs_can_be_read_while_the_job_runs(self, environment: ExecutionEnvironment, jobs: JobMaker) -> None:
        if not environment.capabilities.live_logs:
            return
        submission, gate = jobs.printing_before_gate("job")
        environment.submit(submission)
        handle, deadline = environment.handle("job"), time.monotonic() + _PATIENCE
        while (written := environment.logs(handle, "stdout")) == b"" and time.monotonic() < deadline:
            environment.wait([handle], timeout=0.02, interval=0.02)
        assert b"a line\n" == written
        assert not _status(environment, "job").state.is_final
        gate.open()
        assert JobState.COMPLETED is _end(environment, "job").state

    def test_there_are_two_streams(self, environment: ExecutionEnvironment, jobs: JobMaker) -> None:
        _run(environment, jobs.writing("job")[0])
        with pytest.raises(ExecutionError):
            environment.logs(environment.handle("job"), "the third")

    def test_what_the_job_did_not_keep_is_none(self, environment: ExecutionEnvironment, jobs: JobMaker) -> None:
        _run(environment, jobs.writing("job")[0])
        assert environment.read_fallback(environment.handle("job"), "absent/item") is None

    def test_a_job_that_runs_cannot_be_released(self, environment: ExecutionEnvironment, jobs: JobMaker) -> None:
        submission, gate = jobs.gated("job")
        environment.submit(submission)
        with pytest.raises(ExecutionError):
            environment.release(environment.handle("job"))
        gate.open()
        assert JobState.COMPLETED is _end(environment, "job").state

    def test_a_released_job_is_not_known_any_more_and_its_name_is_free(
        self, environment: ExecutionEnvironment, jobs: JobMaker
    ) -> None:
        submission, _ = jobs.writing("job")
        _run(environment, submission)
        environment.release(environment.handle("job"))
        assert [None] == environment.poll([environment.handle("job")])
        assert JobState.COMPLETED is _run(environment, submission).state


def _wait(environment: ExecutionEnvironment, handle: JobHandle) -> JobStatus | None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        environment.wait([handle], timeout=deadline - time.monotonic(), interval=0.5)
        (status,) = environment.poll([handle])
        if status is None or status.state.is_final:
            return status
    raise AssertionError(f"job {handle.job_name} has not ended after {_PATIENCE} s")


def _status(environment: ExecutionEnvironment, job_name: str) -> JobStatus:
    (status,) = environment.poll([environment.handle(job_name)])
    assert status is not None
    return status


def _end(environment: ExecutionEnvironment, job_name: str) -> JobEnd:
    status = _wait(environment, environment.handle(job_name))
    assert status is not None
    assert status.end is not None
    assert status.state is status.end.state
    return status.end


def _run(environment: ExecutionEnvironment, submission: Submission) -> JobEnd:
    environment.submit(submission)
    return _end(environment, submission.job_name)


def _end_elsewhere(environment: bytes, job_name: str) -> JobEnd:
    return _end(pickle.loads(environment), job_name)


def _submit_elsewhere(environment: bytes, job_name: str, bundle: Any) -> None:
    pickle.loads(environment).submit(Submission(job_name=job_name, bundle=bundle))
