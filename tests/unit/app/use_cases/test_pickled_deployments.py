"""Deployments and results in pickles, as process pools, caches of web applications and checkpoints make them."""

import copy
import pickle

import pytest

from foundations.errors import RemoteException


def total(numbers):
    return sum(numbers)


def fail():
    raise ValueError("no")


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_deployment_and_its_result_are_made_again_from_a_pickle(sdk, again):
    deployment = sdk.pipeline.stage(total, [1, 2]).run(job_name="one")
    deployment.wait_for_deployment_to_complete()
    assert ("one", "Completed") == (again(deployment).job_name(), again(deployment).get_job_status())
    result = deployment.fetch_job_results()
    copied = again(result)
    assert (3, 3, str(result)) == (copied.output, copied["global_stage_context"]["stage_output"], str(copied))
    assert dict(result["provenance"]) == dict(copied["provenance"])
    (context,) = again(result)["stage_contexts"].values()
    assert 3 == again(context)["stage_output"]
    assert 3 == again(sdk.load_job("one").fetch_job_results()).output


def test_a_result_is_pickled_without_its_outputs(sdk):
    result = sdk.pipeline.stage(list, range(100_000)).run().fetch_job_results()
    assert 100_000 == len(result.output)
    assert len(pickle.dumps(result)) < 20_000
    assert 100_000 == len(result.output)


def test_the_result_of_a_failed_job_is_made_again_from_a_pickle(sdk):
    with pytest.raises(RemoteException) as raised:
        sdk.pipeline.stage(fail).run().fetch_job_results()
    copied = pickle.loads(pickle.dumps(raised.value.result))
    assert "ValueError" == copied["global_stage_context"]["error_information"]["type"]
