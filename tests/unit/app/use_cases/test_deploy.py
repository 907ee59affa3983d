import functools
import multiprocessing.process
import os
import re
import sys
import threading
import weakref

import pytest

from foundations.adapters.memory import MemoryExecutionEnvironment, MemoryPipelineListing
from foundations.domain.jobs.bundle import RUNTIME_PACKAGES
from foundations.domain.pipeline.hyperparameter import Hyperparameter
from foundations.errors import (
    BundleExistsError,
    CapabilityError,
    ExecutionError,
    HyperparameterError,
    InsideJobError,
    ItemNotFoundError,
    JobExistsError,
    JobNameError,
    NotSerialisableError,
    PipelineError,
    RemoteException,
    UnsupportedPlatformError,
)
from foundations.ports.archive_listing import JobRecord
from foundations.ports.execution import Capabilities, JobStatus
from foundations.ports.job import JobState
from foundations.ports.job_query import JobQuery


def nothing_written(wiring):
    archives = wiring.archives
    return (list(wiring.listing.find(JobQuery())), list(archives.miscellaneous.jobs())) == ([], [])


class Holder:
    def __init__(self, **held):
        self.__dict__.update(held)


def train(*args, **kwargs):
    return len(args)


class TestNames:
    @pytest.mark.parametrize("name", ["", "..", "a/b", "a\0b", "a\nb", "x" * 300, "-f", 3, b"name"])
    def test_a_name_that_cannot_be_used_is_refused_and_nothing_is_written(self, sdk, wiring, name):
        with pytest.raises(JobNameError, match="Nothing was written"):
            sdk.pipeline.stage(train).run(job_name=name)
        assert nothing_written(wiring)

    def test_a_name_that_is_taken_is_refused(self, sdk, wiring):
        first = sdk.pipeline.stage(int).run(job_name="mine")
        first.wait_for_deployment_to_complete()
        with pytest.raises(JobExistsError, match=r"taken by an earlier job \(Completed\)") as raised:
            sdk.pipeline.stage(train).run(job_name="mine")
        assert "mine" == raised.value.job_name
        assert 0 == first.fetch_job_results().output

    def test_a_name_that_only_the_environment_knows_is_taken(self, sdk, wiring):
        sdk.pipeline.stage(int).run(job_name="mine").wait_for_deployment_to_complete()
        wiring.listing.remove("mine")
        with pytest.raises(JobExistsError):
            sdk.pipeline.stage(int).run(job_name="mine")

    def test_of_two_callers_at_once_one_wins(self, sdk):
        together = threading.Barrier(2)
        outcomes = []

        def run():
            together.wait()
            try:
                outcomes.append(sdk.pipeline.stage(int).run(job_name="mine").fetch_job_results().output)
            except (JobExistsError, BundleExistsError) as error:
                outcomes.append(type(error))

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert 1 == outcomes.count(0)

    def test_a_name_taken_in_the_last_moment_leaves_nothing_of_the_loser(self, with_adapter, wiring):
        sdk = with_adapter("archive_listing_implementation", f"{__name__}.LateListing")
        with pytest.raises(JobExistsError):
            sdk.pipeline.stage(int).run(job_name="mine")
        (record,) = wiring.listing.find(JobQuery())
        assert "another" == record.project
        assert [None] == wiring.environment.poll([wiring.environment.handle("mine")])

    @pytest.mark.parametrize(
        ("function", "beginning"),
        [(train, "train"), (lambda: 1, "TestNames-lambda"), (Holder, "Holder"), (functools.partial(train), "train")],
    )
    def test_generated_names_tell_what_ran_and_differ(self, sdk, function, beginning):
        names = [sdk.pipeline.stage(function).run().job_name() for _ in range(2)]
        assert 2 == len(set(names))
        assert all(re.fullmatch(beginning + r"-\d{8}-\d{6}-[a-z2-9]{5}", name) for name in names)


class LateListing(MemoryPipelineListing):
    """Has another caller track each job a moment before it is tracked."""

    def track(self, record):
        super().track(JobRecord(job_name=record.job_name, project="another", submitted_at=1.0))
        super().track(record)


class TestBeforeAnythingIsWritten:
    @pytest.mark.parametrize(
        ("params_dict", "params", "attribute", "names"),
        [
            (None, {}, "missing", ("a", "b")),
            ({"a": 1, "b": 2}, {"c": 3}, "unknown", ("c",)),
            ({"a": 1, "b": 2}, {"b": 3}, "twice", ("b",)),
        ],
    )
    def test_hyperparameters_are_checked(self, sdk, wiring, params_dict, params, attribute, names):
        target = sdk.pipeline.stage(train, Hyperparameter("a"), [Hyperparameter("b")])
        with pytest.raises(HyperparameterError) as raised:
            target.run(params_dict, **params)
        assert names == getattr(raised.value, attribute)
        assert nothing_written(wiring)

    def test_what_cannot_be_serialised_is_named(self, sdk, wiring):
        model = Holder(optimizer=Holder(_lock=threading.Lock()))
        with pytest.raises(NotSerialisableError) as raised:
            sdk.pipeline.stage(train, model=model).run()
        assert ("train", "train(model=...).optimizer._lock") == (raised.value.stage, raised.value.path)
        assert "_thread.lock" in str(raised.value)
        assert nothing_written(wiring)

    @pytest.mark.parametrize("hide", [lambda s: {s}, lambda s: {s: 1}, lambda s: Holder(a=s), lambda s: lambda: s])
    def test_a_stage_where_it_cannot_be_replaced_is_an_error(self, sdk, wiring, hide):
        with pytest.raises((PipelineError, NotSerialisableError)):
            sdk.pipeline.stage(train, hide(sdk.pipeline.stage(train))).run()
        assert nothing_written(wiring)

    def test_a_cycle_is_an_error(self, sdk, wiring):
        one = sdk.pipeline.stage(train)
        two = sdk.pipeline.stage(train, one)
        one.require(two)
        with pytest.raises(PipelineError, match="depend on each other"):
            two.run()
        assert nothing_written(wiring)

    def test_a_child_of_multiprocessing_that_imports_the_script_is_refused(self, sdk, wiring, monkeypatch):
        monkeypatch.setattr(multiprocessing.process.current_process(), "_inheriting", True, raising=False)
        with pytest.raises(InsideJobError, match="multiprocessing"):
            sdk.pipeline.stage(train).run()
        assert nothing_written(wiring)

    def test_another_platform_is_refused(self, sdk, monkeypatch):
        monkeypatch.setattr(sys, "platform", "win32")
        with pytest.raises(UnsupportedPlatformError, match="WSL"):
            sdk.pipeline.stage(train).run()

    def test_storage_out_of_the_environments_reach_is_refused(self, with_adapter, wiring):
        sdk = with_adapter("deployment_implementation", f"{__name__}.OtherProcesses")
        with pytest.raises(CapabilityError, match=r"cache_implementation is foundations\.MemoryCacheBackend"):
            sdk.create_stage(int)().run()
        assert nothing_written(wiring)

    def test_a_module_that_would_be_missing_is_refused(self, with_adapter, wiring):
        sdk = with_adapter("deployment_implementation", f"{__name__}.OtherProcesses")
        with pytest.raises(PipelineError, match=f"stage train needs the module {__name__}.*extra_source_paths"):
            sdk.pipeline.stage(train).run()
        assert nothing_written(wiring)


class OtherProcesses(MemoryExecutionEnvironment):
    @property
    def capabilities(self):
        return Capabilities(
            crosses_processes=True, survives_the_caller=True, cancel=True, live_logs=True, needs_bundle_file=True
        )


class Refusing(MemoryExecutionEnvironment):
    def submit(self, submission):
        raise ExecutionError("no place left")


class TestSubmitting:
    def test_what_was_recorded_is_removed_where_the_environment_refuses(self, with_adapter, wiring):
        sdk = with_adapter("deployment_implementation", f"{__name__}.Refusing")
        for _ in range(2):  # the bundle is gone too, or its name would be taken
            with pytest.raises(ExecutionError, match="no place left"):
                sdk.pipeline.stage(train).run(job_name="mine")
        assert nothing_written(wiring)

    def test_the_listing_has_the_job_with_its_parameters(self, sdk, wiring):
        target = sdk.pipeline.stage(train, Hyperparameter("a"), Hyperparameter("api_key"))
        target.run({"a": [1], "api_key": "secret"}, "mine").fetch_job_results()
        record = wiring.listing.get("mine")
        assert {"a": [1], "api_key": "<not recorded: its name looks like a secret's>"} == record.parameters
        assert "Completed" == record.state
        assert record.submitted_at <= record.started_at <= record.ended_at

    def test_the_listing_has_who_submitted_the_job_where(self, sdk, wiring, mocker):
        known, unknown = {"return_value": mocker.Mock(pw_name="ana")}, {"side_effect": KeyError("no such user")}
        for name, found in (("one", known), ("other", unknown)):
            mocker.patch("pwd.getpwuid", **found)
            sdk.pipeline.stage(int).run(job_name=name).fetch_job_results()
        users = [wiring.listing.get(name).user for name in ("one", "other")]
        assert (["ana", str(os.geteuid())], os.uname().nodename) == (users, wiring.listing.get("one").host)

    def test_the_bundle_is_gone_in_the_end(self, sdk, wiring):
        from foundations.adapters.memory.stores import memory_store

        sdk.pipeline.stage(train).run().fetch_job_results()
        assert {} == memory_store(wiring.bundler.store).bundles

    def test_the_project_is_archived_as_it_was_bundled(self, sdk, project, tmp_path):
        deployment = sdk.pipeline.stage(train).run()
        deployment.fetch_job_results()
        assert b"data of the project" in deployment.fetch_job_source(tmp_path / "source").read_bytes()

    @pytest.mark.parametrize(
        ("state", "why"),
        [
            (
                JobState.QUEUED,
                "has not archived its source yet: it is Queued, and does so when it begins; ask again then",
            ),
            (JobState.COMPLETED, "is Completed, and the archive has no source of it"),
        ],
    )
    def test_a_source_that_is_not_there_is_told_with_what_the_job_is(
        self, sdk, wiring, tmp_path, monkeypatch, state, why
    ):
        deployment = sdk.pipeline.stage(train).run(job_name="mine")
        deployment.fetch_job_results()
        wiring.archives.job_source.delete("mine")
        monkeypatch.setattr(deployment, "_status", lambda: JobStatus("mine", state))
        with pytest.raises(ItemNotFoundError, match=re.escape(f"job mine {why}")):
            deployment.fetch_job_source(tmp_path / "source")

    def test_settings_cannot_run_without_their_variables(self, with_adapter, monkeypatch, wiring):
        from foundations.errors import ConfigurationError

        monkeypatch.delenv("NOT_SET_ANYWHERE", raising=False)
        sdk = with_adapter("cache_implementation", "foundations.MemoryCacheBackend", "${NOT_SET_ANYWHERE}")
        with pytest.raises(ConfigurationError, match="NOT_SET_ANYWHERE"):
            sdk.pipeline.stage(train).run()
        assert nothing_written(wiring)


def test_a_bundle_that_was_damaged_on_its_way_never_runs(sdk, wiring, monkeypatch):
    from foundations.adapters.memory import MemoryJobBundler

    made = MemoryJobBundler.make

    def damaged(self, contents):
        bundle = made(self, contents)
        self._store.bundles[contents.job_name]["job.bin"] += b"x"
        return bundle

    monkeypatch.setattr(MemoryJobBundler, "make", damaged)
    deployment = sdk.pipeline.stage(train).run()
    with pytest.raises(RemoteException, match=r"damaged at job\.bin") as raised:
        deployment.fetch_job_results()
    assert ("Error", "damaged_bundle") == (raised.value.state, raised.value.cause)
    assert "Error" == wiring.listing.get(deployment.job_name()).state


def test_deployment_keeps_no_pipeline_alive(sdk):
    target = sdk.pipeline.stage(train)
    alive = weakref.ref(target)
    deployment = target.run()
    del target
    deployment.wait_for_deployment_to_complete()
    assert alive() is None


def test_the_runtime_is_what_a_job_needs():
    assert {"foundations", "attr", "attrs", "cloudpickle", "structlog", "yaml"} <= set(RUNTIME_PACKAGES)
