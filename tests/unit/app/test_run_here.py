import pytest

from foundations.domain.hyperparameter import Hyperparameter
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


def test_it_is_no_job(sdk, wiring):
    from foundations import log_metric

    with pytest.raises(OutsideJobError):
        sdk.pipeline.stage(log_metric, "a", 1).run_same_process()
    assert [] == list(wiring.archives.miscellaneous.jobs())


def test_caching_is_passed_over(sdk):
    ran = []
    target = sdk.pipeline.stage(ran.append, 1).enable_caching()
    target.run_same_process()
    target.run_same_process()
    assert [1, 1] == ran
