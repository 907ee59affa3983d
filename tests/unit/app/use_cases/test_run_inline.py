import pytest

from foundations import log_metric, save_artifact
from foundations.domain.pipeline.hyperparameter import Hyperparameter
from foundations.errors import HyperparameterError, OutsideJobError


def test_hyperparameters_come_from_both_places(sdk):
    target = sdk.pipeline.stage(dict, a=Hyperparameter("a"), b=Hyperparameter("b"))
    assert {"a": 1, "b": 2} == target.run_same_process({"a": 1}, b=2)


@pytest.mark.parametrize(("given", "params"), [({}, {}), ({"a": 1, "x": 1}, {}), ({"a": 1}, {"a": 1})])
def test_hyperparameters_are_checked_before_anything_runs(sdk, given, params):
    ran = []
    target = sdk.pipeline.stage(ran.append, Hyperparameter("a"))
    with pytest.raises(HyperparameterError):
        target.run_same_process(given, **params)
    assert [] == ran


def test_an_exception_has_a_note_that_tells_the_stage(sdk):
    with pytest.raises(ZeroDivisionError) as raised:
        sdk.pipeline.stage(divmod, 1, sdk.pipeline.stage(int)).run_same_process()
    assert ["in stage divmod(1, 0)"] == raised.value.__notes__


def test_metrics_and_artifacts_are_said_and_not_kept(sdk, wiring, said, project):
    def work():
        log_metric("a", 1)
        save_artifact("data.txt")
        return 3

    assert 3 == sdk.pipeline.stage(work).run_same_process()
    assert [
        ("info", "metric", {"name": "a", "value": 1}),
        ("info", "artifact", {"name": "data.txt", "path": "data.txt", "archived": False}),
    ] == said
    assert [] == list(wiring.archives.miscellaneous.jobs())
    with pytest.raises(OutsideJobError):
        log_metric("a", 1)


def test_a_pipeline_that_runs_in_a_stage_leaves_that_as_it_was(sdk):
    def work():
        sdk.pipeline.stage(log_metric, "inner", 1).run_same_process()
        log_metric("outer", 2)

    sdk.pipeline.stage(work).run_same_process()


def test_caching_is_passed_over(sdk):
    ran = []
    target = sdk.pipeline.stage(ran.append, 1).enable_caching()
    target.run_same_process()
    target.run_same_process()
    assert [1, 1] == ran
