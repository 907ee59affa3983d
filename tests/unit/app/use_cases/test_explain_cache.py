"""What the cache would do, told before a run; and what it did, told afterwards."""

import importlib
import json
import sys

import pytest

from foundations.adapters.memory import MemoryCacheBackend, MemoryPipelineArchive
from foundations.app.use_cases.explain_cache import why
from foundations.domain.jobs.archive_layout import CACHE_NOTES
from foundations.domain.pipeline.hyperparameter import Hyperparameter
from foundations.errors import StorageUnavailableError, UntrustedLocationError

CODE = """
import random
LIMIT = 3
def numbers(count):
    return list(range(count))
def load(path, scale=1):
    with open(path) as stream:
        return [int(line) * scale for line in stream]
def shuffled(values):
    return [random.random() for value in values]
def total(values, rate=1):
    return sum(values) * rate
def after(value):
    return value + LIMIT
def train(config):
    return str(config)
"""
READ = "it read data.csv, which its key does not cover; declare the file with create_stage(depends_on=['data.csv'])"


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write and import the project's module, anew each time."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def imported(source=CODE, name="explained_code"):
        (tmp_path / f"{name}.py").write_text(source)
        sys.modules.pop(name, None)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield imported
    for name in ("explained_code", "other_code"):
        sys.modules.pop(name, None)


@pytest.fixture
def code(module, project):
    """The project's module, and a file that no key covers."""
    (project / "data.csv").write_text("1\n2\n")
    return module()


def ran(target, **params):
    """Run a pipeline to its end; return the job's name."""
    deployment = target.run(**params)
    deployment.wait_for_deployment_to_complete()
    return deployment.job_name()


def foreseen(target, **params):
    return [(stage.outcome, stage.why) for stage in target.explain(**params).stages]


def outcomes(target, **params):
    return [stage.outcome for stage in target.explain(**params).stages]


# -- what was not cached the last time --------------------------------------------------------------------------------


def test_a_stage_that_was_not_cached_the_last_time_is_told_so_with_the_reason(sdk, code):
    target = sdk.pipeline.stage(code.load, "data.csv").enable_caching()
    assert [("miss", "no earlier entry of this stage")] == foreseen(target)
    job = ran(target)
    assert [("miss", f"the last time, in job {job}, it was not cached: {READ}")] == foreseen(target)


def test_it_is_told_for_other_arguments_too_and_no_more_once_the_code_is_another(sdk, code, module):
    job = ran(sdk.pipeline.stage(code.load, "data.csv").enable_caching())
    other = sdk.pipeline.stage(code.load, "data.csv", 2).enable_caching()
    assert [("miss", f"the last time, in job {job}, it was not cached: {READ}")] == foreseen(other)
    stated = sdk.create_stage(code.load, depends_on=["data.csv"])("data.csv").enable_caching()
    edited = sdk.pipeline.stage(module(CODE.replace("* scale", "+ scale")).load, "data.csv").enable_caching()
    assert [[("miss", "no earlier entry of this stage")]] * 2 == [foreseen(stated), foreseen(edited)]


def test_the_latest_job_that_computed_it_decides(sdk, code, project):
    target = sdk.pipeline.stage(code.load, "data.csv").enable_caching()
    ran(target)
    second = ran(target)
    ran(sdk.pipeline.stage(code.numbers, 3).enable_caching())
    ran(sdk.pipeline.stage(code.load, "data.csv"))  # which says nothing of the cache
    assert f"in job {second}" in foreseen(target)[0][1]


def test_of_several_arguments_in_one_job_the_same_decide(sdk, module, project):
    (project / "data.csv").write_text("1")
    code = module(
        "def f(path):\n    if path:\n        with open(path):\n            pass\ndef g(a, b):\n    return a, b"
    )
    stages = [sdk.pipeline.stage(code.f, path) for path in ("data.csv", "")]
    ran(sdk.pipeline.stage(code.g, *stages).enable_caching())
    reads, does_not = [sdk.pipeline.stage(code.f, path).enable_caching() for path in ("data.csv", "")]
    assert ["miss", "hit"] == [target.explain().outcome for target in (reads, does_not)]
    assert READ in foreseen(reads)[0][1]
    assert "no earlier" not in foreseen(sdk.pipeline.stage(code.f, "x").enable_caching())[0][1]


def test_what_takes_the_output_of_such_a_stage_depends_on_its_run(sdk, code):
    load = sdk.pipeline.stage(code.load, "data.csv")
    target = load.stage(code.total).stage(code.after).enable_caching()
    assert ["miss", "miss", "miss"] == outcomes(target)
    ran(target)
    depends = ("depends", "its key depends on the output of load, which must run first")
    assert [depends, depends] == foreseen(target)[1:]
    assert READ in foreseen(target)[0][1]


def test_a_job_that_found_the_entry_changes_nothing(sdk, code):
    target = sdk.pipeline.stage(code.numbers, Hyperparameter("n")).enable_caching()
    job = ran(target, n=3)
    ran(target, n=3)
    assert [("hit", f"computed by job {job}")] == foreseen(target, n=3)
    assert [("argument count: 3 -> 4",)] == [stage.differences for stage in target.explain(n=4).stages]


@pytest.mark.parametrize("left", [b"{", b'{"format": 2}', b'{"format": 1, "stages": {"a": {"recipe": 1}}}'])
def test_notes_that_cannot_be_read_are_passed_over(sdk, code, wiring, left):
    target = sdk.pipeline.stage(code.load, "data.csv").enable_caching()
    first = ran(target)
    wiring.archives.miscellaneous.write(ran(target), CACHE_NOTES, [left])
    assert f"in job {first}" in foreseen(target)[0][1]


class DownArchive(MemoryPipelineArchive):
    def read(self, job_name, item):
        raise StorageUnavailableError("the archive is down")


def test_an_archive_that_is_down_only_tells_less(sdk, with_adapter, code):
    down = with_adapter("miscellaneous_archive_implementation", f"{__name__}.DownArchive")
    ran(sdk.pipeline.stage(code.load, "data.csv").enable_caching())
    target = down.pipeline.stage(code.load, "data.csv").enable_caching()
    assert [("miss", "no earlier entry of this stage")] == foreseen(target)


# -- what only the run can tell ---------------------------------------------------------------------------------------


def test_the_stage_that_has_to_run_first_is_named_however_far_away(sdk, code):
    values = sdk.pipeline.stage(code.numbers, 3).disable_caching()
    target = values.stage(code.total).stage(code.after).enable_caching()
    depends = ("depends", "its key depends on the output of numbers, which must run first")
    assert [depends, depends] == foreseen(target)[1:]


def test_a_stage_that_only_runs_after_one_whose_key_the_run_tells_depends_on_it_too(sdk, code):
    values = sdk.pipeline.stage(code.numbers, 3).disable_caching()
    target = sdk.pipeline.stage(code.numbers, 4).require(values.stage(code.total)).enable_caching()
    ran(target)
    assert ["not cached", "depends", "depends"] == outcomes(target)


def test_a_stage_that_only_runs_after_one_that_is_never_cached_is_foreseen(sdk, code):
    values = sdk.pipeline.stage(code.numbers, 3).disable_caching()
    target = sdk.pipeline.stage(code.numbers, 4).require(values).enable_caching()
    ran(target)
    assert ["not cached", "hit"] == outcomes(target)


def test_an_equal_stage_of_the_same_run_is_a_hit(sdk, module):
    code = module("def f(x):\n    return x\ndef g(a, b):\n    return a, b")
    target = sdk.pipeline.stage(code.g, *(sdk.pipeline.stage(code.f, 1) for _ in range(2))).enable_caching()
    told = foreseen(target)
    assert ("hit", "computed in this run by f, which runs first") == told[1]
    result = target.run().fetch_job_results()
    assert [outcome == "hit" for outcome, _ in told] == [
        context["used_cache"] for context in result["stage_contexts"].values()
    ]


def test_a_stage_that_can_have_no_key_is_told_with_the_reason_and_what_takes_its_output_depends_on_it(sdk, code):
    class Broken(list):
        def __copy__(self):
            raise ValueError("it cannot be copied")

    for argument, reason in ((object(), "an object()"), (Broken([Hyperparameter("n")]), "ValueError: it cannot be c")):
        target = sdk.pipeline.stage(code.train, [argument, Hyperparameter("n")]).stage(code.after).enable_caching()
        (outcome, told), after = foreseen(target, n=1)
        assert ("not cached", True) == (outcome, reason in told)
        assert ("depends", "its key depends on the output of train, which must run first") == after


def test_what_is_asked_for_anew_is_a_miss(sdk, code):
    target = sdk.pipeline.stage(code.numbers, 3).enable_caching(refresh=True)
    ran(target)
    assert [("miss", "refresh=True was given")] == foreseen(target)


# -- the nearest entry ------------------------------------------------------------------------------------------------


def test_what_differs_inside_an_argument_is_told_before_and_after(sdk, code):
    target = sdk.pipeline.stage(code.train, Hyperparameter("config")).enable_caching()
    ran(target, config={"lr": 0.1, "layers": [{"units": 64}]})
    other = {"lr": 0.1, "layers": [{"units": 32}], "dropout": 0.5}
    expected = ("argument config['layers'][0]['units']: 64 -> 32", "argument config['dropout'] is given now")
    assert expected == target.explain(config=other).stages[0].differences
    job = ran(target, config=other)
    assert expected == why(job, None, sdk.config_manager.settings()).stages[0].differences


def test_what_a_stage_does_to_its_argument_is_not_what_is_remembered(sdk, module):
    code = module("def f(config):\n    config['lr'] = 5\n    return 1")
    ran(sdk.pipeline.stage(code.f, {"lr": 1}).enable_caching())
    told = sdk.pipeline.stage(code.f, {"lr": 2}).enable_caching().explain()
    assert ("argument config['lr']: 1 -> 2",) == told.stages[0].differences


def test_stages_and_hyperparameters_inside_an_argument_are_told(sdk, code):
    def target(count):
        values = sdk.pipeline.stage(code.numbers, count)
        held = {"values": values, "lr": Hyperparameter("lr"), "x": Hyperparameter("api_key")}
        return sdk.pipeline.stage(code.train, held).enable_caching()

    ran(target(3), lr=1, api_key="one")
    expected = ("argument config['values']: the output of numbers has another key", "argument config['lr']: 1 -> 2")
    assert expected == target(4).explain(lr=2, api_key="two").stages[-1].differences


def test_secrets_inside_arguments_are_kept_nowhere(sdk, code, wiring):
    held = {"user": "ann", "password": "first-secret", "x": Hyperparameter("token"), "list": [("pwd", "third-secret")]}
    job = ran(sdk.pipeline.stage(code.train, held).enable_caching(), token="second-secret")
    (entry,) = wiring.cache.entries()
    notes = bytes(wiring.archives.miscellaneous.read(job, CACHE_NOTES))
    for kept in (wiring.cache.get_metadata(entry.key), notes):
        assert b"ann" in kept
        assert b"secret" not in kept


@pytest.mark.parametrize(
    ("arguments", "is_comparable"), [({"b": 2}, True), ({"a": 1, **{f"x{n}": n for n in range(9)}}, True), ({}, True)]
)
def test_entries_with_something_in_common_or_little_that_differs_are_compared(sdk, module, arguments, is_comparable):
    ran(sdk.pipeline.stage(module("def f(**given):\n    return 1").f, a=1).enable_caching())
    changed = module("def f(**given):\n    return 2").f
    (told,) = sdk.pipeline.stage(changed, **arguments).enable_caching().explain().stages
    assert (is_comparable, is_comparable) == ("comparable" not in told.why, bool(told.differences))


def test_an_entry_with_nothing_in_common_is_not_compared(sdk, module):
    job = ran(sdk.pipeline.stage(module("def f(**given):\n    return 1").f, a=1, b=2, c=3).enable_caching())
    changed = module("def f(**given):\n    return 2").f
    (told,) = sdk.pipeline.stage(changed, a=2, b=3, c=4, d=5, e=6).enable_caching().explain().stages
    assert told.why.startswith(f"nothing comparable: the nearest entry is of job {job}, ")
    assert () == told.differences


@pytest.mark.parametrize("name", ["explained_code", "other_code"])
def test_a_stage_that_was_renamed_or_moved_is_a_hit(sdk, code, module, name):
    job = ran(sdk.pipeline.stage(code.numbers, 3).enable_caching())
    renamed = module(CODE.replace("numbers", "first_numbers"), name).first_numbers
    assert [("hit", f"computed by job {job}")] == foreseen(sdk.pipeline.stage(renamed, 3).enable_caching())


def test_an_entry_of_the_time_before_parts_were_kept_is_compared(sdk, code, wiring):
    ran(sdk.pipeline.stage(code.train, {"lr": 1}).enable_caching())
    (entry,) = wiring.cache.entries()
    summary, recipe = wiring.cache.get_metadata(entry.key).split(b"\n")
    old = {name: value for name, value in json.loads(recipe).items() if name != "parts"}
    wiring.cache.put(entry.key, [b""], summary + b"\n" + json.dumps(old).encode())
    told = sdk.pipeline.stage(code.train, {"lr": 2}).enable_caching().explain()
    assert ("argument config changed",) == told.stages[0].differences


def test_stages_that_run_before_are_told(sdk, code):
    def target(*before):
        return sdk.pipeline.stage(code.numbers, 4).require(*before).enable_caching()

    def differences(*before):
        return target(*before).explain().stages[-1].differences

    one, other = sdk.pipeline.stage(code.train, 1), sdk.pipeline.stage(code.train, 2)
    ran(target(one))
    assert ("train, which runs before it, has another key",) == differences(other)
    assert ("it does not run after train any more",) == differences()
    assert ("it runs after after now",) == differences(one, sdk.pipeline.stage(code.after, 1))


# -- a cache that is not as it should be ------------------------------------------------------------------------------


@pytest.mark.parametrize("about", [b"", b"{", b'{"format": 2}\n{}'])
def test_an_entry_of_another_version_is_foreseen_as_the_miss_it_will_be(sdk, code, wiring, about):
    target = sdk.pipeline.stage(code.numbers, 3).enable_caching()
    wiring.cache.put(target.explain().key, [b""], about)
    assert [("miss", "the entry was written by another version of foundations")] == foreseen(target)


def test_an_entry_without_its_recipe_is_foreseen_as_the_hit_it_will_be(sdk, code, wiring):
    target = sdk.pipeline.stage(code.numbers, 3).enable_caching()
    job = ran(target)
    key = target.explain().key
    summary = wiring.cache.get_metadata(key).split(b"\n")[0]
    wiring.cache.put(key, wiring.cache.get(key).frames, summary + b"\nno recipe")
    assert [("hit", f"computed by job {job}")] == foreseen(target)
    other = sdk.pipeline.stage(code.numbers, 4).enable_caching()
    assert [("miss", "no earlier entry of this stage")] == foreseen(other)


class PartlyUnreadableCache(MemoryCacheBackend):
    def get_metadata(self, key):
        if key.startswith("unreadable"):
            raise StorageUnavailableError("this entry cannot be read")
        return super().get_metadata(key)


class UnreadableCache(MemoryCacheBackend):
    def get_metadata(self, key):
        raise StorageUnavailableError("the disk is gone")


class UnlistedCache(MemoryCacheBackend):
    def entries(self):
        raise StorageUnavailableError("the disk is gone")


class RefusedCache(MemoryCacheBackend):
    def check(self):
        raise UntrustedLocationError("somebody else could have written it")


@pytest.fixture
def with_cache(with_adapter):
    return lambda kind: with_adapter("cache_implementation", f"{__name__}.{kind.__name__}")


def test_other_entries_that_cannot_be_read_hide_nothing_and_are_told(with_cache, code, wiring, said):
    wiring.cache.put("unreadable", [b""])
    sdk = with_cache(PartlyUnreadableCache)
    ran(sdk.pipeline.stage(code.numbers, 3).enable_caching())
    told = sdk.pipeline.stage(code.numbers, 4).enable_caching().explain()
    assert ("argument count: 3 -> 4",) == told.stages[0].differences
    assert ["entry unreadable of the cache"] == [keys["unread"] for *_, keys in said if "unread" in keys]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (UnreadableCache, "the cache could not be read: StorageUnavailableError: the disk is gone"),
        (UnlistedCache, "no earlier entry of this stage"),
    ],
)
def test_a_cache_that_is_down_is_foreseen_as_a_miss_and_told(with_cache, code, said, kind, expected):
    target = with_cache(kind).pipeline.stage(code.numbers, 3).enable_caching()
    assert [("miss", expected)] == foreseen(target)
    told = {"cache_history_incomplete": "StorageUnavailableError: the disk is gone"} if kind is UnlistedCache else {}
    assert told == {event: keys["reason"] for _, event, keys in said}


def test_a_cache_that_is_refused_is_an_error(with_cache, code):
    target = with_cache(RefusedCache).pipeline.stage(code.numbers, 3).enable_caching()
    with pytest.raises(UntrustedLocationError, match="somebody else"):
        target.explain()


# -- after a run ------------------------------------------------------------------------------------------------------


def test_notes_that_are_damaged_are_told(sdk, code, wiring):
    job = ran(sdk.pipeline.stage(code.numbers, 3).enable_caching())
    wiring.archives.miscellaneous.write(job, CACHE_NOTES, [b"{"])
    with pytest.raises(StorageUnavailableError, match=f"{CACHE_NOTES} of job {job} is damaged in the archive"):
        why(job, None, sdk.config_manager.settings())


def test_a_pipeline_of_many_stages_is_explained(sdk, code):
    target = sdk.pipeline.stage(code.numbers, 3).stage(code.total)
    for _ in range(198):
        target = target.stage(code.after)
    target.enable_caching()
    assert ["miss"] * 200 == outcomes(target)
    job = ran(target)
    assert ["hit"] * 200 == outcomes(target)
    assert 200 == len(why(job, None, sdk.config_manager.settings()).stages)
