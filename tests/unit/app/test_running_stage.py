import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from foundations import log_metric, save_artifact
from foundations.adapters.memory import MemoryPipelineListing
from foundations.app import running_stage
from foundations.errors import (
    FoundationsError,
    InsideJobError,
    OutsideJobError,
    RemoteException,
    StorageUnavailableError,
)


class Scalar:
    """As NumPy's scalars are."""

    def __init__(self, value):
        self.value = value

    def item(self):
        return self.value


def context_of(result, stage):
    return result["stage_contexts"][stage.uuid()]


class TestLogMetric:
    def test_it_goes_into_the_stage_log_and_the_listing(self, sdk, wiring):
        def work():
            log_metric("loss", 0.5)
            log_metric("loss", 0.25)
            log_metric("loss", 0.125)
            log_metric("name", "best")
            log_metric("ok", True)

        target = sdk.pipeline.stage(work)
        deployment = target.run()
        expected = {"loss": [0.5, 0.25, 0.125], "name": "best", "ok": True}
        assert expected == context_of(deployment.fetch_job_results(), target)["stage_log"]
        assert expected | {"loss": 0.125} == wiring.listing.get(deployment.job_name()).metrics

    def test_each_stage_has_its_own(self, sdk):
        first = sdk.pipeline.stage(log_metric, "a", 1)
        second = sdk.pipeline.stage(log_metric, "a", 2).require(first)
        result = second.run().fetch_job_results()
        assert [{"a": 1}, {"a": 2}] == [context_of(result, stage)["stage_log"] for stage in (first, second)]

    def test_a_plain_thread_that_a_stage_started_may_log(self, sdk):
        def work():
            threads = [threading.Thread(target=log_metric, args=("n", number)) for number in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            with ThreadPoolExecutor(1) as pool:
                pool.submit(log_metric, "pool", 1).result()

        target = sdk.pipeline.stage(work)
        log = context_of(target.run().fetch_job_results(), target)["stage_log"]
        assert (list(range(20)), 1) == (sorted(log["n"]), log["pool"])

    @pytest.mark.parametrize("value", [float("inf"), float("nan"), -float("inf")])
    def test_numbers_that_are_not_finite_are_listed_as_text(self, sdk, wiring, value):
        target = sdk.pipeline.stage(log_metric, "a", value)
        deployment = target.run()
        assert repr(value) == repr(context_of(deployment.fetch_job_results(), target)["stage_log"]["a"])
        assert {"a": str(value)} == wiring.listing.get(deployment.job_name()).metrics

    def test_scalars_of_numpy_are_taken_as_pythons(self, sdk):
        target = sdk.pipeline.stage(log_metric, "a", Scalar(3))
        assert {"a": 3} == context_of(target.run().fetch_job_results(), target)["stage_log"]

    @pytest.mark.parametrize(
        ("name", "value", "why"),
        [
            ("", 1, "must be a non-empty string"),
            (3, 1, "must be a non-empty string"),
            ("a", None, "NoneType"),
            ("a", [1], "list"),
            ("a", Scalar([1]), "Scalar"),
            ("a", 1 << 2000, "too long"),
        ],
    )
    def test_others_are_refused(self, sdk, name, value, why):
        with pytest.raises(RemoteException, match=why) as raised:
            sdk.pipeline.stage(log_metric, name, value).run().fetch_job_results()
        assert isinstance(raised.value.__cause__, FoundationsError)

    def test_a_listing_that_fails_is_told_and_loses_nothing(self, with_adapter):
        target = with_adapter("archive_listing_implementation", f"{__name__}.DeafListing").pipeline.stage(
            log_metric, "a", 1
        )
        result = target.run().fetch_job_results()
        assert {"a": 1} == context_of(result, target)["stage_log"]
        assert "not archived: metrics in the listing: it is deaf" in str(result)


class TestOutside:
    @pytest.mark.parametrize("call", [lambda: log_metric("a", 1), lambda: save_artifact("a")])
    def test_outside_a_job_it_is_a_clear_error(self, call):
        with pytest.raises(OutsideJobError, match="was called outside a job"):
            call()
        with ThreadPoolExecutor(1) as pool, pytest.raises(OutsideJobError):
            pool.submit(call).result()

    def test_who_submits_is_not_inside_while_a_job_runs_in_a_thread(self, sdk):
        go_on = threading.Event()
        deployment = sdk.pipeline.stage(_waiting, _Held(go_on)).run()
        try:
            assert running_stage.is_inside() is False
            with pytest.raises(OutsideJobError):
                log_metric("a", 1)
            assert 0 == sdk.pipeline.stage(int).run().fetch_job_results().output
        finally:
            go_on.set()
        assert "waited" == deployment.fetch_job_results().output

    def test_a_process_that_serves_a_job_is_inside_before_the_job_begins(self, sdk, monkeypatch):
        monkeypatch.setattr(running_stage, "_serves_a_job", [])
        running_stage.serve()
        assert running_stage.is_inside() is True
        with pytest.raises(InsideJobError, match="the job imports the module too"):
            sdk.pipeline.stage(int).run()

    def test_after_the_job_it_is_outside_again(self, sdk):
        sdk.pipeline.stage(int).run().fetch_job_results()
        assert running_stage.is_inside() is False


def test_running_a_job_inside_a_stage_is_refused(sdk):
    held = _Held([sdk.pipeline.stage(int)])
    with pytest.raises(RemoteException, match="called inside a job") as raised:
        sdk.pipeline.stage(_running_first, held).run().fetch_job_results()
    assert isinstance(raised.value.__cause__, InsideJobError)


class _Held:
    """Takes an object into a job of this process without serialising it."""

    objects: dict = {}  # noqa: RUF012

    def __init__(self, held):
        self.key = id(held)
        self.objects[self.key] = held

    @property
    def held(self):
        return self.objects[self.key]


def _waiting(held):
    held.held.wait(60)
    return "waited"


def _running_first(held):
    held.held[0].run()


class DeafListing(MemoryPipelineListing):
    def update(self, job_name, change):
        if change.metrics:
            raise StorageUnavailableError("it is deaf")
        super().update(job_name, change)
