"""Pipelines, run here and as jobs in memory: the same results."""

import dataclasses
import functools
import operator
import os
import re
from collections import namedtuple

import attrs
import pytest

import foundations
from foundations.app.config.manager import ConfigManager
from foundations.app.config.settings import AdapterSettings, Origin
from foundations.app.sdk import Sdk
from foundations.domain.pipeline.hyperparameter import Hyperparameter
from foundations.errors import JobNotFoundError, PipelineError, RemoteException

Pair = namedtuple("Pair", "left right")


@dataclasses.dataclass(frozen=True)
class Frozen:
    value: object


@dataclasses.dataclass
class Plain:
    value: object


@attrs.frozen
class Attrs:
    value: object


@attrs.define
class Model:
    rate: float

    def fit(self, values):
        return Model(sum(values) * self.rate)


def add(a, b):
    return a + b


def same(value):
    return value


def item(sdk, value):
    return sdk.pipeline.stage(same, [value])[0]


def diamond(sdk, top):
    return sdk.pipeline.stage(add, top.stage(add, 1), top.stage(add, top))


def contained(sdk, container):
    return sdk.pipeline.stage(same, container(sdk.pipeline.stage(add, 1, 2)))


PIPELINES = {
    "function": lambda sdk: sdk.create_stage(add)(1, 2),
    "lambda": lambda sdk: sdk.create_stage(lambda x: x * 2)(3),
    "class": lambda sdk: sdk.create_stage(Model)(rate=0.5),
    "builtin": lambda sdk: sdk.create_stage(sorted)([3, 1], reverse=True),
    "partial": lambda sdk: sdk.create_stage(functools.partial(add, b=3))(1),
    "bound method": lambda sdk: sdk.create_stage(Model(2).fit)([1, 2]),
    "root": lambda sdk: sdk.pipeline.stage(add, 1, b=2),
    "root with a factory": lambda sdk: sdk.pipeline.stage(sdk.create_stage(add), 1, b=2),
    "fluent": lambda sdk: sdk.pipeline.stage(add, 1, 2).stage(add, 3).stage(str),
    "split": lambda sdk: sdk.pipeline.stage(add, *sdk.pipeline.stage(divmod, 7, 2).split(2)),
    "index": lambda sdk: sdk.pipeline.stage(dict, a=[1, 2])["a"][-1],
    "require": lambda sdk: sdk.pipeline.stage(add, 1, 2).require(sdk.pipeline.stage(same, 1)),
    "hyperparameters": lambda sdk: sdk.pipeline.stage(add, Hyperparameter("x"), item(sdk, Hyperparameter("y"))),
    "diamond": lambda sdk: diamond(sdk, sdk.pipeline.stage(add, 1, 2)),
    **{
        f"nested in {name}": lambda sdk, container=container: contained(sdk, container)
        for name, container in {
            "list": lambda x: [1, x],
            "tuple": lambda x: (x, 1),
            "namedtuple": lambda x: Pair(x, [x]),
            "dict": lambda x: {"a": {"b": x}},
            "dataclass": Plain,
            "frozen dataclass": Frozen,
            "attrs": Attrs,
        }.items()
    },
}


@pytest.mark.parametrize("build", PIPELINES.values(), ids=PIPELINES)
def test_a_job_in_memory_gives_what_running_here_gives(sdk, build):
    target = build(sdk)
    parameters = {"x": 3, "y": 4} if "x" in str(target._arguments) else {}
    here = target.run_same_process(parameters)
    assert here == target.run(parameters).fetch_job_results().output


def test_create_stage_is_a_decorator(sdk):
    @sdk.create_stage
    def double(x):
        """Double it."""
        return 2 * x

    assert ("double", "Double it.") == (double.__name__, double.__doc__)
    assert 8 == double(double(2)).run_same_process()
    assert 6 == double.function(3)


def test_what_cannot_be_called_makes_no_stage(sdk):
    with pytest.raises(PipelineError):
        sdk.create_stage(3)
    with pytest.raises(PipelineError):
        sdk.pipeline.stage("text")


def test_a_job_is_found_again_by_its_name(sdk):
    sdk.pipeline.stage(operator.neg, 3).run(job_name="mine").wait_for_deployment_to_complete()
    deployment = sdk.load_job("mine")
    assert ("mine", "Completed", -3) == (
        deployment.job_name(),
        deployment.get_job_status(),
        deployment.fetch_job_results().output,
    )


def test_a_job_is_found_in_the_environment_that_it_runs_in_whatever_is_configured_now(sdk, tmp_path):
    sdk.pipeline.stage(operator.neg, 3).run(job_name="mine").wait_for_deployment_to_complete()
    settings = sdk.config_manager.settings()
    elsewhere = AdapterSettings("foundations.LocalShellJobDeployment", "deployment_implementation", (str(tmp_path),))
    manager = ConfigManager()
    manager.freeze(settings._replace(deployment=elsewhere))
    assert -3 == Sdk(manager).load_job("mine").fetch_job_results().output


def test_an_unknown_job_is_not_found(sdk):
    with pytest.raises(JobNotFoundError, match=r"It has no job at all\. The listing is that of the defaults"):
        sdk.load_job("unknown")


def test_an_unknown_job_is_reported_with_the_nearest_names(sdk):
    for name in ("train-1", "evaluate"):
        sdk.pipeline.stage(add, 1, 2).run(job_name=name).wait_for_deployment_to_complete()
    with pytest.raises(JobNotFoundError, match=r"Did you mean 'train-1'\?") as raised:
        sdk.load_job("trian-1")
    assert "trian-1" == raised.value.job_name
    with pytest.raises(JobNotFoundError, match=r"Its latest jobs are: evaluate, train-1\."):
        sdk.load_job("x")


def test_an_unknown_job_is_reported_with_the_configuration_that_was_used(sdk):
    manager = ConfigManager()
    settings = sdk.config_manager.settings()
    manager.freeze(settings._replace(origins={"archive_listing_implementation": Origin("/mine/a.config.yaml", 7)}))
    with pytest.raises(JobNotFoundError, match=r"The listing is that of /mine/a\.config\.yaml:7;"):
        Sdk(manager).load_job("unknown")


def test_uuids_are_random_and_of_version_4(sdk):
    uuids = {sdk.new_uuid() for _ in range(100)}
    assert 100 == len(uuids)
    pattern = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert all(re.fullmatch(pattern, uuid) for uuid in uuids)


def test_jobs_of_different_sdks_do_not_see_each_other(sdk):
    from foundations.testing import in_memory_sdk

    sdk.pipeline.stage(add, 1, 2).run(job_name="mine").wait_for_deployment_to_complete()
    with in_memory_sdk() as other, pytest.raises(JobNotFoundError):
        other.load_job("mine")


def test_the_global_sdk_is_in_memory_during_a_test_in_an_empty_directory(in_memory_sdk):
    from foundations import load_job, pipeline

    assert [] == os.listdir()
    stage = pipeline.stage(add, 1, 2)
    assert 3 == stage.run(job_name="mine").fetch_job_results().output
    assert "Completed" == in_memory_sdk.load_job("mine").get_job_status() == load_job("mine").get_job_status()
    assert [] == os.listdir()


def test_the_global_sdk_is_as_before_after_in_memory_ones_that_are_nested_or_fail():
    from foundations.testing import in_memory_sdk

    def run_nested(seen):
        with in_memory_sdk():
            seen.append(foundations.config_manager.config())
            with in_memory_sdk() as inner:
                assert inner.config_manager.config() == foundations.config_manager.config() != seen[0]
            assert seen[0] == foundations.config_manager.config()
            raise ValueError("a test that fails")

    seen = []
    configured = foundations.config_manager.config()
    with pytest.raises(ValueError, match="a test that fails"):
        run_nested(seen)
    assert configured == foundations.config_manager.config() != seen[0]


def test_the_global_sdk_is_as_before_after_in_memory_ones_that_overlap():
    from foundations.testing import in_memory_sdk

    configured = foundations.config_manager.config()
    first, second = in_memory_sdk(), in_memory_sdk()
    first.__enter__()
    inner = second.__enter__()
    first.__exit__(None, None, None)
    assert inner.config_manager.config() == foundations.config_manager.config() != configured
    second.__exit__(None, None, None)
    assert configured == foundations.config_manager.config()


def test_the_facade_exports_what_there_is():
    assert set(foundations.__all__) <= set(dir(foundations))
    assert all(getattr(foundations, name) is not None for name in dir(foundations) if not name.startswith("_"))
    with pytest.raises(AttributeError, match="no attribute 'create_stag'"):
        _ = foundations.create_stag


def test_the_harness_exports_what_there_is():
    from foundations import testing

    assert set(testing.__all__) <= set(dir(testing))
    assert all(getattr(testing, name) is not None for name in testing.__all__)
    with pytest.raises(AttributeError, match="no attribute 'CacheContract'"):
        _ = testing.CacheContract


def test_a_split_of_the_wrong_count_is_an_error_in_the_job(sdk):
    first, _ = sdk.pipeline.stage(list, "abc").split(2)
    with pytest.raises(RemoteException, match=r"split\(2\) got 3 items") as raised:
        first.run().fetch_job_results()
    assert "list.split(2)" == raised.value.stage
