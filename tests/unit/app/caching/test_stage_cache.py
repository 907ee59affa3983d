import numpy
import pytest
from cached_runs import reasons, run

from foundations.adapters.memory import MemoryCacheBackend
from foundations.app.use_cases.explain_cache import why
from foundations.domain.pipeline.hyperparameter import Hyperparameter
from foundations.errors import FoundationsError, StorageUnavailableError
from foundations.ports.cache import CachedValue

COUNTING = """
import json
LIMIT = 3
def helper(x):
    return x + LIMIT
def f(x, rate=2):
    return helper(json.loads(x)) * rate
def numbers(count):
    return list(range(count))
def total(values):
    return sum(values)
def longest(values):
    return len(values)
def spoil(values):
    values.append(1000)
    return len(values)
"""

READ_DATA = (
    "it read data.csv, which its key does not cover; declare the file with create_stage(depends_on=['data.csv'])"
)


SIGNATURES = """
import functools
def f(x, rate=2, *, power=1):
    return (x * rate) ** power
def positional(x=1, /, **more):
    return x, more
def names(steps):
    return list(steps)
def others(**more):
    return list(more)
def wrapped(*args, **kwargs):
    return args, kwargs
half = functools.partial(f, rate=0.5)
@functools.lru_cache
def cached(x, rate=2):
    return x * rate
class Model:
    def __init__(self, x, rate=2):
        self.x, self.rate = x, rate
    def __eq__(self, other):
        return (self.x, self.rate) == (other.x, other.rate)
    def scaled(self, by=1):
        return self.x * self.rate * by
"""

SAME_CALLS = {
    "a default": [("f", (2,), {}), ("f", (2, 2), {}), ("f", (2,), {"rate": 2}), ("f", (), {"rate": 2, "x": 2})],
    "a default by name only": [("f", (2,), {}), ("f", (2,), {"power": 1}), ("f", (), {"power": 1, "x": 2})],
    "the order of keywords": [("f", (2,), {"rate": 3, "power": 2}), ("f", (2,), {"power": 2, "rate": 3})],
    "a bound method": [("Model(3).scaled", (), {}), ("Model(3).scaled", (1,), {}), ("Model(3).scaled", (), {"by": 1})],
    "a class": [("Model", (2,), {}), ("Model", (2, 2), {}), ("Model", (), {"rate": 2, "x": 2})],
    "a partial": [("half", (2,), {}), ("half", (2,), {"rate": 0.5}), ("half", (), {"x": 2, "power": 1})],
    "a memoised function": [("cached", (2,), {}), ("cached", (2, 2), {}), ("cached", (), {"rate": 2, "x": 2})],
    "a default by position only": [("positional", (), {"a": 5}), ("positional", (1,), {"a": 5})],
}

OTHER_CALLS = {
    "the order of **kwargs": [("others", (), {"a": 1, "b": 2}), ("others", (), {"b": 2, "a": 1})],
    "a name that is by position only": [("positional", (5,), {}), ("positional", (), {"a": 5})],
    "a wrapper": [("wrapped", (5,), {}), ("wrapped", (), {"x": 5})],
    "the order of a wrapper's": [("wrapped", (), {"a": 1, "b": 2}), ("wrapped", (), {"b": 2, "a": 1})],
    "another value": [("f", (2,), {}), ("f", (2, 2.0), {}), ("f", (2, True), {}), ("f", (2,), {"power": 2})],
}


def used_cache(target, **params):
    """Run a pipeline; return its output and which of its stages came from the cache."""
    result = target.run(**params).fetch_job_results()
    return result.output, [context["used_cache"] for context in result["stage_contexts"].values()]


def finished(target, **params):
    """Run a pipeline to its end; return the deployment."""
    deployment = target.run(**params)
    deployment.wait_for_deployment_to_complete()
    return deployment


MEMORIES = """
import functools
@functools.lru_cache
def config(name):
    with open(name + ".csv") as stream:
        return stream.read()
@functools.lru_cache(maxsize=None)
def twice(text):
    return text * 2
def first(name):
    return config(name) + twice("a")
def second(name, before):
    return before + config(name)
def reads(name):
    with open(name + ".csv") as stream:
        return stream.read() + twice("a")
def other(before):
    return before + twice("a")
"""


ASKED = """
import inspect
def g(x):
    "one"
    return x
class C:
    x: int = 1
    def __init__(self, y): pass
def named(functions):
    return [f.__name__ for f in functions]
def documented(functions):
    return [inspect.getdoc(f) for f in functions]
def annotated(functions):
    return [str(f.__annotations__) for f in functions]
def called(functions):
    return [f(1) is None for f in functions]
"""


class TestArgumentsThatAreCode:
    @pytest.mark.parametrize(
        ("asks", "change"),
        [
            ("named", ("def g", "def h")),
            ("documented", ('"one"', '"two"')),
            ("annotated", ('(x):\n    "', '(x: int):\n    "')),
            ("annotated", ("x: int =", "x: float =")),
        ],
    )
    def test_what_they_say_of_themselves_counts_where_it_is_asked_for(self, sdk, module, asks, change):
        outcomes = {}
        for function in (asks, "called"):
            outcomes[function] = []
            for source in (ASKED, ASKED, ASKED.replace(*change)):
                code = module(source)
                given = [code.C, code.h if hasattr(code, "h") else code.g]
                outcomes[function].append(run(sdk, getattr(code, function), given)[1])
        assert {asks: [False, True, False], "called": [False, True, True]} == outcomes


class TestHits:
    def test_a_second_job_takes_the_output_from_the_cache(self, sdk, module):
        function = module(COUNTING).f
        assert [(16, False), (16, True)] == [run(sdk, function, "5") for _ in range(2)]

    def test_contexts_tell_of_the_cache(self, sdk, module):
        targets = [sdk.pipeline.stage(module(COUNTING).f, "5").enable_caching() for _ in range(2)]
        first, second = (target.run().fetch_job_results()["global_stage_context"] for target in targets)
        assert first["cache_uuid"] == second["cache_uuid"]
        assert (False, True) == (first["used_cache"], second["used_cache"])
        assert first["cache_write_time"] > 0
        assert second["cache_read_time"] > 0
        assert (None, None) == (first["cache_read_time"], second["cache_write_time"])

    @pytest.mark.parametrize(
        ("old", "new", "output"),
        [
            ("LIMIT = 3", "LIMIT = 4", 18),
            ("x + LIMIT", "x - LIMIT", 4),
            ("rate=2", "rate=3", 24),
            ("* rate", "- rate", 6),
        ],
    )
    def test_nothing_stale_is_taken_after_a_change_and_the_old_code_finds_its_own(self, sdk, module, old, new, output):
        assert (16, False) == run(sdk, module(COUNTING).f, "5")
        assert (output, False) == run(sdk, module(COUNTING.replace(old, new)).f, "5")
        assert (16, True) == run(sdk, module(COUNTING).f, "5")

    @pytest.mark.parametrize(("args", "kwargs"), [(("6",), {}), (("5", 3), {}), (("5",), {"rate": 3})])
    def test_other_arguments_are_another_entry(self, sdk, module, args, kwargs):
        function = module(COUNTING).f
        run(sdk, function, "5")
        assert run(sdk, function, *args, **kwargs)[1] is False

    @pytest.mark.parametrize("calls", SAME_CALLS.values(), ids=SAME_CALLS)
    def test_calls_that_bind_the_same_values_to_the_parameters_are_one_entry(self, sdk, module, calls):
        hits = [
            run(sdk, eval(f"code.{name}", {"code": module(SIGNATURES)}), *args, **kwargs)[1]
            for name, args, kwargs in calls
        ]
        assert [False, *[True] * (len(calls) - 1)] == hits

    @pytest.mark.parametrize("calls", OTHER_CALLS.values(), ids=OTHER_CALLS)
    def test_calls_whose_difference_the_function_sees_are_entries_of_their_own(self, sdk, module, calls):
        code = module(SIGNATURES)
        outcomes = [run(sdk, getattr(code, name), *args, **kwargs) for name, args, kwargs in calls]
        assert [False] * len(calls) == [used for _, used in outcomes]
        assert [getattr(code, name)(*args, **kwargs) for name, args, kwargs in calls] == [out for out, _ in outcomes]

    def test_the_order_of_keys_counts_in_arguments_constants_defaults_attributes_and_outputs(self, sdk, module):
        source = """
STEPS = {"a": 1, "b": 2}
class Settings:
    steps = {"a": 1, "b": 2}
def defaults(steps={"a": 1, "b": 2}):
    return list(steps)
def constant():
    return list(STEPS)
def attribute():
    return list(Settings.steps)
def make():
    return {"a": 1, "b": 2}
def names(steps):
    return list(steps)
"""
        outputs = []
        for text in (source, source.replace('{"a": 1, "b": 2}', '{"b": 2, "a": 1}')):
            code = module(text)
            outputs.append([run(sdk, getattr(code, name)) for name in ("defaults", "constant", "attribute")])
            outputs[-1].append(run(sdk, code.names, code.make()))
        assert [[(["a", "b"], False)] * 4, [(["b", "a"], False)] * 4] == outputs

    def test_the_output_of_a_stage_that_is_not_cached_counts_by_the_order_of_its_keys(self, sdk, module):
        code = module("def make(pairs):\n    return dict(pairs)\ndef names(steps):\n    return list(steps)")
        found = []
        for pairs in ([("a", 1), ("b", 2)], [("b", 2), ("a", 1)]):
            made = sdk.pipeline.stage(code.make, pairs).disable_caching()
            found.append(used_cache(sdk.pipeline.stage(code.names, made).enable_caching()))
        assert [(["a", "b"], [False, False]), (["b", "a"], [False, False])] == found

    def test_another_order_of_keys_is_explained(self, sdk, module):
        code = module(SIGNATURES)
        run(sdk, code.names, {"a": 1, "b": 2})
        target = sdk.pipeline.stage(code.names, {"b": 2, "a": 1}).enable_caching()
        assert "argument steps has its keys in another order" in target.explain().stages[0].differences
        run(sdk, code.others, a=1, b=2)
        target = sdk.pipeline.stage(code.others, b=2, a=1).enable_caching()
        assert "order of **more: a, b -> b, a" in target.explain().stages[0].differences

    def test_an_argument_by_position_and_by_name_are_one(self, sdk, module):
        function = module(COUNTING).f
        assert [False, True] == [run(sdk, function, "5", 4)[1], run(sdk, function, x="5", rate=4)[1]]

    def test_values_of_hyperparameters_and_keys_of_stages_count(self, sdk, module):
        code = module(COUNTING)
        inner = sdk.pipeline.stage(code.helper, Hyperparameter("x"))
        target = sdk.pipeline.stage(code.helper, inner).enable_caching()
        found = [used_cache(target, x=value) for value in (1, 2, 1)]
        assert [(7, [False, False]), (8, [False, False]), (7, [True, True])] == found

    def test_a_stage_inside_a_container_counts(self, sdk, module):
        code = module(COUNTING)

        def target(number):
            inner = sdk.pipeline.stage(code.helper, number)
            return sdk.pipeline.stage(code.longest, [inner, {"also": inner}]).enable_caching()

        assert [[False, False], [True, True], [False, False]] == [used_cache(target(n))[1] for n in (1, 1, 2)]

    def test_items_of_an_output_are_taken_and_not_kept(self, sdk, module, wiring):
        first, second = sdk.pipeline.stage(module(COUNTING).numbers, 2).split(2)
        target = sdk.pipeline.stage(max, first, second).enable_caching()
        assert (1, [False] * 5) == used_cache(target)
        assert 2 == len(list(wiring.cache.entries()))
        assert (1, [True, False, False, False, True]) == used_cache(target)

    def test_what_is_not_told_to_is_not_cached(self, sdk, module, wiring):
        target = sdk.pipeline.stage(module(COUNTING).f, "5")
        for _ in range(2):
            context = target.run().fetch_job_results()["global_stage_context"]
            assert (None, False) == (context["cache_uuid"], context["used_cache"])
        assert [] == list(wiring.cache.entries())

    def test_a_stage_that_must_not_be_cached_gives_its_outputs_content_to_the_next_key(self, sdk, module):
        code = module(COUNTING)
        values = sdk.pipeline.stage(code.numbers, Hyperparameter("n")).disable_caching()
        target = sdk.pipeline.stage(code.total, values).enable_caching()
        assert [(3, [False, False]), (3, [False, True])] == [used_cache(target, n=3) for _ in range(2)]
        assert (6, [False, False]) == used_cache(target, n=4)

    def test_metrics_are_logged_on_a_hit_as_they_were(self, sdk, module):
        source = "from foundations import log_metric as log\ndef f(x):\n    log('a', x)\n    log('a', 2)\n    return x"
        target = sdk.pipeline.stage(module(source).f, 1).enable_caching()
        deployments = [finished(target) for _ in range(2)]
        contexts = [deployment.fetch_job_results()["global_stage_context"] for deployment in deployments]
        assert [False, True] == [context["used_cache"] for context in contexts]
        assert [{"a": [1, 2]}] * 2 == [dict(context["stage_log"]) for context in contexts]

    def test_the_listing_has_a_hits_metrics(self, sdk, module, wiring):
        source = "from foundations import log_metric\ndef f(x):\n    log_metric('a', x)\n    return x"
        target = sdk.pipeline.stage(module(source).f, 1).enable_caching()
        names = [finished(target).job_name() for _ in range(2)]
        assert [{"a": 1}] * 2 == [dict(wiring.listing.get(name).metrics) for name in names]

    def test_a_large_output_is_the_callers_own(self, sdk, module):
        source = (
            "import numpy\ndef f(n):\n    return numpy.arange(n)\ndef g(a):\n    a += 1\n    return int(a[0]), len(a)"
        )
        code = module(source)
        made = sdk.pipeline.stage(code.f, 100_000)
        spoilt = sdk.pipeline.stage(code.g, made.enable_caching()).disable_caching()
        assert [((1, 100_000), [False, False])] + [((1, 100_000), [True, False])] * 2 == [
            used_cache(spoilt) for _ in range(3)
        ]


class TestControls:
    def test_an_entry_expires(self, sdk, module, monkeypatch):
        import time

        function, now = module(COUNTING).f, time.time()

        def at(seconds):
            monkeypatch.setattr(time, "time", lambda: now + seconds)
            target = sdk.pipeline.stage(function, "5").enable_caching(expires=60)
            return target.run().fetch_job_results()["global_stage_context"]["used_cache"]

        assert [False, True, False, True] == [at(0), at(59), at(61), at(119)]

    @pytest.mark.parametrize("expires", [0, -1, True, "7d", float("nan")])
    def test_no_length_of_time_is_refused(self, sdk, expires):
        with pytest.raises(FoundationsError, match="expires"):
            sdk.pipeline.stage(len, "a").enable_caching(expires=expires)

    def test_a_refresh_computes_and_stores_anew(self, sdk, module):
        code = module(COUNTING)
        for _ in range(2):
            target = sdk.pipeline.stage(code.numbers, 3).enable_caching(refresh=True)
            assert ([0, 1, 2], [False]) == used_cache(target)
        assert ([0, 1, 2], [True]) == used_cache(sdk.pipeline.stage(code.numbers, 3).enable_caching())

    def test_a_version_and_dependencies_are_part_of_the_key(self, sdk, module, project):
        code = module(COUNTING)
        (project / "data.csv").write_text("1")

        def outcome(**hints):
            return sdk.create_stage(code.f, **hints)("5").enable_caching().explain().key

        keys = [
            outcome(),
            outcome(version=1),
            outcome(version=2),
            outcome(depends_on=[code.total]),
            outcome(depends_on=[code.longest]),
            outcome(depends_on=[json_module()]),
            outcome(depends_on=["data.csv"]),
            outcome(depends_on=["."]),
        ]
        assert len(keys) == len(set(keys))
        (project / "data.csv").write_text("2")
        assert not {outcome(depends_on=["data.csv"]), outcome(depends_on=["."])} & set(keys)

    def test_an_ignored_argument_and_an_ignored_global_are_no_part_of_the_key(self, sdk, module):
        def key(source, *args):
            factory = sdk.create_stage(module(source).f, ignore=["rate", "LIMIT"])
            return factory(*args).enable_caching().explain().key

        assert key(COUNTING, "5", 2) == key(COUNTING.replace("LIMIT = 3", "LIMIT = 4"), "5", 3)
        assert key(COUNTING, "5", 2) != key(COUNTING, "6", 2)

    @pytest.mark.parametrize(
        "hints",
        [{"ignore": "rate"}, {"ignore": [1]}, {"depends_on": "data.csv"}, {"depends_on": [1]}, {"depends_on": len}],
    )
    def test_hints_that_say_nothing_are_refused(self, sdk, hints):
        with pytest.raises(FoundationsError, match=next(iter(hints))):
            sdk.create_stage(len, **hints)

    def test_a_decorator_may_have_hints(self, sdk):
        @sdk.create_stage(version=3)
        def doubled(x):
            return 2 * x

        assert 4 == doubled(2).run_same_process()
        assert 3 == doubled.hints.version
        assert 3 == sdk.pipeline.stage(doubled, 2)._hints.version


def json_module():
    import json

    return json


class TestWhatIsNotCached:
    def test_a_missing_dependency_is_said(self, sdk, module, said):
        factory = sdk.create_stage(module(COUNTING).f, depends_on=["nowhere.csv"])
        assert 16 == factory("5").enable_caching().run().fetch_job_results().output
        assert ["depends_on names nowhere.csv, which cannot be read: No such file or directory"] == reasons(said)

    @pytest.mark.parametrize(
        ("source", "why"),
        [
            ("import threading\nG = (i for i in [1])\ndef f(x):\n    return G", "the global project_code.G"),
            ("def f(x, y=(i for i in [1])):\n    return 1", "a default of project_code.f"),
        ],
    )
    def test_what_has_no_key_is_computed_and_said(self, sdk, module, said, source, why):
        function = module(source).f
        target = sdk.pipeline.stage(len, [sdk.pipeline.stage(function, 1)]).enable_caching()
        assert 1 == target.run().fetch_job_results().output
        assert why in reasons(said)[0]

    def test_a_file_that_no_key_covers_is_told_with_the_remedy(self, sdk, module, said, project):
        (project / "data.csv").write_text("12")
        code = module("def f(name):\n    with open(name) as stream:\n        return stream.read()")
        assert [("12", False)] * 2 == [run(sdk, code.f, "data.csv") for _ in range(2)]
        assert [READ_DATA] * 2 == reasons(said)

    def test_a_file_that_is_depended_on_may_be_read(self, sdk, module, project):
        (project / "data.csv").write_text("12")
        code = module("def f(name):\n    with open(name) as stream:\n        return stream.read()")

        def outcome():
            return used_cache(sdk.create_stage(code.f, depends_on=["data.csv"])("data.csv").enable_caching())

        assert [("12", [False]), ("12", [True])] == [outcome(), outcome()]
        (project / "data.csv").write_text("13")
        assert ("13", [False]) == outcome()

    @pytest.mark.parametrize("depends_on", [(), ("data.csv",)])
    def test_a_file_that_a_memory_was_filled_from_counts_for_all_that_use_it(
        self, sdk, module, said, project, depends_on
    ):
        found = []
        for content in ("12", "13"):
            (project / "data.csv").write_text(content)
            code = module(MEMORIES)
            first = sdk.create_stage(code.first, depends_on=depends_on)("data")
            found.append(used_cache(sdk.pipeline.stage(code.second, "data", first).enable_caching()))
        assert [("12aa12", [False, False]), ("13aa13", [False, False])] == found
        assert [READ_DATA] * (2 if depends_on else 4) == reasons(said)

    def test_a_memory_of_something_else_counts_for_nothing(self, sdk, module, said, project):
        (project / "data.csv").write_text("12")
        found = []
        for _ in range(2):
            code = module(MEMORIES)
            reads = sdk.create_stage(code.reads, depends_on=["data.csv"])("data")
            found.append(used_cache(sdk.pipeline.stage(code.other, reads).enable_caching()))
        assert [("12aaaa", [False, False]), ("12aaaa", [True, True])] == found
        assert [] == reasons(said)

    def test_a_file_that_is_left_behind_is_told(self, sdk, module, said, project):
        code = module("def f(name):\n    with open(name, 'w') as stream:\n        stream.write('x')\n    return name")
        assert [("out.txt", False)] * 2 == [run(sdk, code.f, "out.txt") for _ in range(2)]
        assert ["it created or changed out.txt; a cache hit would not do this"] * 2 == reasons(said)

    def test_a_file_that_comes_and_goes_does_not_matter(self, sdk, module, project):
        source = """
import os
def f(name):
    with open(name, "w") as stream:
        stream.write("x")
    with open(name) as stream:
        found = stream.read()
    os.unlink(name)
    return found
"""
        function = module(source).f
        assert [("x", False), ("x", True)] == [run(sdk, function, "scratch.txt") for _ in range(2)]

    def test_an_artifact_is_told(self, sdk, module, said, project):
        (project / "plot.png").write_text("a picture")
        source = "from foundations import save_artifact\ndef f(x):\n    save_artifact('plot.png')\n    return x"
        function = module(source).f
        assert [(1, False)] * 2 == [run(sdk, function, 1) for _ in range(2)]
        expected = (
            "it saved the artifact plot.png; a cache hit would not do this. To have it cached, return what the"
            " artifact is made of, and call save_artifact in another stage"
        )
        assert [expected] * 2 == reasons(said)

    def test_an_output_that_cannot_be_serialised_is_said(self, sdk, module, said):
        made = sdk.pipeline.stage(module("def f(x):\n    return (i for i in [x])").f, 3).enable_caching()
        assert [3] == sdk.pipeline.stage(list, made).run().fetch_job_results().output
        assert [("info", "not_cached")] == [(level, event) for level, event, _ in said]


class TestSharedValues:
    def test_a_stage_that_changes_what_others_see_is_not_cached_nor_what_follows(self, sdk, module, said):
        code = module(COUNTING)
        values = sdk.pipeline.stage(code.numbers, 3)
        spoilt = sdk.pipeline.stage(code.spoil, values)
        target = sdk.pipeline.stage(code.total, values).require(spoilt).enable_caching()
        for numbers in (False, True):
            assert (1003, [numbers, False, False]) == used_cache(target)
        assert {"spoil changed an argument that other stages see too"} == set(reasons(said))

    def test_one_that_is_not_cached_itself_is_found_out_by_the_next(self, sdk, module, said):
        code = module(COUNTING)
        values = sdk.pipeline.stage(code.numbers, 3).enable_caching()
        spoilt = sdk.pipeline.stage(code.spoil, values).disable_caching()
        target = sdk.pipeline.stage(code.total, values).require(spoilt).enable_caching()
        assert [1003, 1003] == [used_cache(target)[0] for _ in range(2)]
        assert "the output of numbers was changed by a stage that takes it" in reasons(said)

    def test_a_literal_that_two_stages_take_is_watched(self, sdk, module, said):
        code, values = module(COUNTING), [1, 2]
        spoilt = sdk.pipeline.stage(code.spoil, values)
        target = sdk.pipeline.stage(code.total, values).require(spoilt).enable_caching()
        assert [1003, 1003] == [used_cache(target)[0] for _ in range(2)]
        assert "spoil changed an argument that other stages see too" in reasons(said)

    def test_what_only_one_stage_sees_may_be_changed(self, sdk, module):
        code = module(COUNTING)
        target = sdk.pipeline.stage(code.spoil, sdk.pipeline.stage(code.numbers, 3)).enable_caching()
        assert [(4, [False, False]), (4, [True, True])] == [used_cache(target) for _ in range(2)]

    def test_a_shared_value_without_a_digest_keeps_its_stages_from_the_cache(self, sdk, module, said):
        source = COUNTING + "def opaque(x):\n    return (i for i in [x])\ndef use(x, n):\n    return n\n"
        code = module(source)
        made = sdk.pipeline.stage(code.opaque, 1).disable_caching()
        target = sdk.pipeline.stage(
            max, sdk.pipeline.stage(code.use, made, 1), sdk.pipeline.stage(code.use, made, 2)
        ).enable_caching()
        assert 2 == used_cache(target)[0]
        assert 2 == len([reason for reason in reasons(said) if "argument x" in reason])


class BrokenCache(MemoryCacheBackend):
    error = StorageUnavailableError("it is full")

    def put(self, key, value, metadata=b"", *, if_absent=False):
        raise self.error


class WrongCache(BrokenCache):
    error = TypeError("of a third party")


class UnreadableCache(MemoryCacheBackend):
    def get(self, key):
        found = super().get(key)
        return None if found is None else CachedValue(found.metadata, [b"no pickle"])


class DownCache(MemoryCacheBackend):
    def get(self, key):
        raise StorageUnavailableError("it is down")

    def lease(self, key):
        raise StorageUnavailableError("it is down")

    def put(self, key, value, metadata=b"", *, if_absent=False):
        raise StorageUnavailableError("it is down")


class RefusedCache(MemoryCacheBackend):
    def check(self):
        raise StorageUnavailableError("not there")


class TestFailures:
    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            (BrokenCache, ["cache_not_written"] * 2),
            (WrongCache, ["cache_not_written"] * 2),
            (UnreadableCache, ["cache_unreadable"]),
            (DownCache, ["cache_unreadable", "cache_lease_failed", "cache_not_written"] * 2),
        ],
    )
    def test_a_failure_of_the_cache_is_none_of_the_stage(self, with_adapter, module, said, kind, expected):
        sdk = with_adapter("cache_implementation", f"{__name__}.{kind.__name__}")
        function = module(COUNTING).f
        assert [(16, False)] * 2 == [run(sdk, function, "5") for _ in range(2)]
        assert expected == [event for _, event, _ in said]

    def test_an_unreadable_large_entry_is_computed_when_it_is_needed(self, with_adapter, module, said):
        sdk = with_adapter("cache_implementation", f"{__name__}.UnreadableCache")
        code = module("def f(n):\n    return b'x' * n\ndef g(data):\n    return len(data)")
        made = sdk.pipeline.stage(code.f, 100_000).enable_caching()
        target = sdk.pipeline.stage(code.g, made).disable_caching()
        assert [100_000, 100_000] == [used_cache(target)[0] for _ in range(2)]
        assert "cache_unreadable" in [event for _, event, _ in said]

    def test_a_refused_cache_is_done_without_and_said(self, with_adapter, module, said):
        sdk = with_adapter("cache_implementation", f"{__name__}.RefusedCache")
        assert (16, False) == run(sdk, module(COUNTING).f, "5")
        assert ("warning", "cache_refused") == said[0][:2]

    def test_an_entry_of_another_version_is_a_miss(self, sdk, module, wiring):
        function = module(COUNTING).f
        run(sdk, function, "5")
        (entry,) = wiring.cache.entries()
        wiring.cache.put(entry.key, wiring.cache.get(entry.key).frames, b"something else")
        assert [(16, False), (16, True)] == [run(sdk, function, "5") for _ in range(2)]


class TestAudit:
    @pytest.fixture
    def audited(self, sdk):
        from foundations.app.config.manager import ConfigManager
        from foundations.app.sdk import Sdk

        manager = ConfigManager()
        manager.freeze(sdk.config_manager.settings()._replace(cache_audit=1.0))
        return Sdk(manager)

    def test_an_audited_hit_that_agrees_is_said(self, audited, module):
        target = audited.pipeline.stage(module(COUNTING).f, "5").enable_caching()
        deployments = [finished(target) for _ in range(2)]
        assert [16, 16] == [deployment.fetch_job_results().output for deployment in deployments]
        told = why(deployments[1].job_name(), None, audited.config_manager.settings())
        agreement = f"the output equals the entry of job {deployments[0].job_name()}"
        assert f"computed again to check the cache (cache_audit): {agreement}" == told.stages[0].why

    def test_a_disagreement_is_reported_with_both_jobs_and_the_entry_is_set_aside(self, audited, module, said, wiring):
        code = module(
            "import random\nSTATE = random.Random(1)\ndef f(x):\n    import builtins\n    return builtins.lied"
        )
        import builtins

        builtins.lied = 1
        try:
            first = finished(audited.pipeline.stage(code.f, 5).enable_caching())
            builtins.lied = 2
            second = audited.pipeline.stage(code.f, 5).enable_caching().run()
            assert 2 == second.fetch_job_results().output
        finally:
            del builtins.lied
        (keys,) = [keys for level, event, keys in said if event == "cache_disagreement"]
        assert (first.job_name(), second.job_name()) == (keys["entry_of_job"], keys["computed_by_job"])
        told = why(second.job_name(), "f", audited.config_manager.settings())
        assert f"the output differs from the entry of job {first.job_name()}" in told.stages[0].why
        (entry,) = wiring.cache.entries()
        assert second.job_name().encode() in wiring.cache.get_metadata(entry.key)

    def test_no_share_audits_nothing(self, sdk, module):
        code = module(COUNTING)
        target = sdk.pipeline.stage(code.numbers, 3).enable_caching()
        assert [[False], [True]] == [used_cache(target)[1] for _ in range(2)]


class TestExplaining:
    def test_a_pipeline_is_explained_before_and_after_its_runs(self, sdk, module):
        code = module(COUNTING)
        target = sdk.pipeline.stage(code.total, sdk.pipeline.stage(code.numbers, Hyperparameter("n"))).enable_caching()
        assert ["miss", "miss"] == [stage.outcome for stage in target.explain(n=3).stages]
        assert "no earlier entry of this stage" == target.explain(n=3).stages[0].why
        name = finished(target, n=3).job_name()
        assert ["hit", "hit"] == [stage.outcome for stage in target.explain(n=3).stages]
        assert f"computed by job {name}" == target.explain(n=3).stages[1].why
        numbers, total = target.explain(n=4).stages
        assert ("argument count: 3 -> 4",) == numbers.differences
        assert ("argument values: the output of numbers has another key",) == total.differences
        assert "hit" == target.explain({"n": 3}).outcome

    @pytest.mark.parametrize(
        ("old", "new", "difference"),
        [
            ("LIMIT = 3", "LIMIT = 4", "constant project_code.LIMIT: 3 -> 4"),
            ("x + LIMIT", "x - LIMIT", "function project_code.helper changed"),
            ("json.loads(x)", "longest(x)", "function project_code.longest is used now"),
        ],
    )
    def test_what_changed_in_the_code_is_told(self, sdk, module, old, new, difference):
        run(sdk, module(COUNTING).f, "5")
        changed = module(COUNTING.replace(old, new)).f
        assert difference in sdk.pipeline.stage(changed, "5").enable_caching().explain().stages[0].differences

    def test_a_stage_that_is_not_cached_is_explained_too(self, sdk, module):
        code = module(COUNTING)
        values = sdk.pipeline.stage(code.numbers, 3).disable_caching()
        target = sdk.pipeline.stage(code.total, values).enable_caching()
        outcomes = [(stage.outcome, stage.why) for stage in target.explain().stages]
        assert [
            ("not cached", "caching is not enabled for it"),
            ("depends", "its key depends on the output of numbers, which must run first"),
        ] == outcomes

    def test_a_job_that_has_run_tells_why(self, sdk, module):
        settings = sdk.config_manager.settings()
        code = module(COUNTING)
        target = sdk.pipeline.stage(code.f, Hyperparameter("x")).enable_caching()
        plain = sdk.pipeline.stage(code.f, "5")
        first, second, third = [finished(target, x=value) for value in ("5", "5", "6")]
        fourth = finished(plain)
        told = [why(deployment.job_name(), None, settings).stages[0] for deployment in (first, second, third, fourth)]
        assert ["miss", "hit", "miss", "not cached"] == [stage.outcome for stage in told]
        assert "no earlier entry of this stage" == told[0].why
        assert f"computed by job {first.job_name()}" == told[1].why
        assert ("argument x: '5' -> '6'",) == told[2].differences
        assert "caching was not enabled for it" == told[3].why

    def test_secrets_are_not_shown(self, sdk, module, wiring):
        source = "API_TOKEN = 'abcdef'\ndef f(password):\n    return len(API_TOKEN + password)"
        assert (12, False) == run(sdk, module(source).f, "hidden")
        (entry,) = wiring.cache.entries()
        about = wiring.cache.get_metadata(entry.key)
        assert b"abcdef" not in about
        assert b"hidden" not in about

    def test_a_job_or_stage_that_is_not_there_is_told(self, sdk, module):
        settings = sdk.config_manager.settings()
        deployment = finished(sdk.pipeline.stage(module(COUNTING).f, "5"))
        with pytest.raises(FoundationsError, match="no stage g; its stages are f"):
            why(deployment.job_name(), "g", settings)
        with pytest.raises(FoundationsError, match="no job named 'nothing'"):
            why("nothing", None, settings)

    def test_an_explanation_prints_as_a_list(self, sdk, module):
        target = sdk.pipeline.stage(module(COUNTING).total, [1]).enable_caching()
        assert "total  miss        no earlier entry of this stage" == str(target.explain())


class TestArrays:
    def test_equal_arrays_are_one_key_and_others_another(self, sdk, module):
        code = module("def f(a):\n    return float(a.sum())")
        ordered = numpy.arange(12.0).reshape(3, 4)
        found = [run(sdk, code.f, array) for array in (ordered, numpy.asfortranarray(ordered), ordered.T.copy())]
        assert [(66.0, False), (66.0, True), (66.0, False)] == found


LEFT = {
    "a directory": ("import os\ndef f(x):\n    os.makedirs('made')\n    return 'made'", "it created or changed made"),
    "a file that is moved into its place": (
        "import os\ndef f(x):\n    open('m.tmp', 'w').close()\n    os.replace('m.tmp', 'm.txt')\n    return 'm.txt'",
        "it created or changed m.txt",
    ),
    "a link": ("import os\ndef f(x):\n    os.symlink('/', 'link')\n    return 1", "it created or changed link"),
    "a file that another process wrote": (
        "import subprocess\ndef f(x):\n    subprocess.run(['touch', 'touched'], check=True)\n    return 1",
        "it created or removed touched",
    ),
    "a file removed": ("import os\ndef f(x):\n    os.remove('there.txt')\n    return 1", "it removed there.txt"),
    "a seed": ("import random\ndef f(x):\n    random.seed(x)\n    return x", "the generator behind random.random()"),
    "a seed of numpy": (
        "import numpy\ndef f(x):\n    numpy.random.seed(x)\n    return x",
        "behind numpy.random.rand()",
    ),
    "an environment variable": ("import os\ndef f(x):\n    os.environ['LEFT'] = str(x)\n    return x", "os.environ"),
    "a class's attribute": (
        "class State:\n    mode = 0\ndef f(x):\n    State.mode = State.mode + 1\n    return x",
        "it changed attributes of project_code.State",
    ),
    "a global": ("N = 0\ndef f(x):\n    global N\n    N += 1\n    return N", "it changed the global project_code.N"),
    "a default": (
        "def f(x, history=[], options={}):\n    history.append(x)\n    return len(history)",
        "it changed a default of project_code.f",
    ),
    "a keyword's default": (
        "def f(x, *, history=[]):\n    history.append(x)\n    return len(history)",
        "it changed a default of project_code.f",
    ),
    "the name of a file in a dataclass": (
        "import dataclasses, subprocess\n@dataclasses.dataclass\nclass C:\n    path: str\n"
        "def f(x, c=C('there.txt')):\n    return subprocess.check_output(['cat', c.path])",
        None,
    ),
    "the name of a file in the code": (
        "import subprocess\ndef f(x):\n    return subprocess.check_output(['cat', 'there.txt'])",
        "it has the name of the file there.txt",
    ),
    "a directory that it looked into": ("import os\ndef f(x):\n    return len(os.listdir('data'))", "it read data"),
}


@pytest.mark.parametrize(
    ("source", "why"), [row for row in LEFT.values() if row[1]], ids=[k for k in LEFT if LEFT[k][1]]
)
def test_what_a_hit_would_not_do_is_told_and_not_cached(sdk, module, said, project, monkeypatch, source, why):
    (project / "there.txt").write_text("there")
    (project / "data").mkdir()
    monkeypatch.setenv("LEFT", "before")
    function = module(source).f
    assert run(sdk, function, 7)[1] is False
    assert why in reasons(said)[0]


TEMPORARY = """
import tempfile
def a_directory(x):
    with tempfile.TemporaryDirectory() as place:
        open(place + "/a", "w").close()
    return x
def without_a_name(x):
    with tempfile.TemporaryFile() as stream:
        stream.write(b"x")
    return x
def a_file(x):
    with tempfile.NamedTemporaryFile() as stream:
        stream.write(b"x")
    return x
"""


@pytest.mark.parametrize("name", ["a_directory", "without_a_name", "a_file"])
def test_temporary_files_that_are_gone_at_the_end_do_not_matter(sdk, module, name):
    function = getattr(module(TEMPORARY), name)
    assert [(7, False), (7, True)] == [run(sdk, function, 7) for _ in range(2)]


def test_a_stage_that_sees_what_another_has_changed_is_neither_read_nor_stored(sdk, module, said):
    source = (
        "LIMIT = {'v': 1}\ndef change(x):\n    LIMIT['v'] = 100\n    return x\ndef use(x):\n    return x * LIMIT['v']\n"
    )
    source += "def other(x):\n    return x + 1\n"
    code = module(source)
    changed = sdk.pipeline.stage(code.change, 3).disable_caching()
    target = sdk.pipeline.stage(code.other, sdk.pipeline.stage(code.use, changed)).enable_caching()
    assert (301, [False, False, False]) == used_cache(target)
    assert ["the global project_code.LIMIT was changed after the job began"] == reasons(said)
    code.LIMIT["v"] = 1
    assert (3, False) == run(sdk, code.use, 3)


def test_parts_of_an_output_that_several_take_are_watched_too(sdk, module):
    source = "def load():\n    return {'x': [1, 2]}\ndef spoil(x):\n    x.append(9)\n    return 0\n"
    source += "def total(x):\n    return sum(x)\n"
    code = module(source)
    loaded = sdk.pipeline.stage(code.load)
    spoilt = sdk.pipeline.stage(code.spoil, loaded["x"])
    both = sdk.pipeline.stage(code.total, loaded["x"]).require(spoilt).enable_caching()
    assert 12 == used_cache(both)[0]
    assert 3 == used_cache(sdk.pipeline.stage(code.total, sdk.pipeline.stage(code.load)["x"]).enable_caching())[0]


def test_positional_only_parameters_and_keywords_of_their_name_are_told_apart(sdk, module):
    code = module("def f(a, /, **kw):\n    return a * 10 + kw['a']")
    assert [(12, False), (21, False)] == [run(sdk, code.f, 1, a=2), run(sdk, code.f, 2, a=1)]


def test_an_absolute_path_of_the_project_is_the_files_in_the_job(sdk, module, project):
    (project / "data.csv").write_text("12")
    code = module("def f(name):\n    with open(name) as stream:\n        return stream.read()")
    factory = sdk.create_stage(code.f, depends_on=[project / "data.csv"])
    assert [[False], [True]] == [used_cache(factory("data.csv").enable_caching())[1] for _ in range(2)]


def test_an_entry_that_expires_is_explained_so(sdk, module, monkeypatch):
    import time

    target = sdk.pipeline.stage(module(COUNTING).f, "5").enable_caching(expires=60)
    finished(target)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 100)
    assert "expires after 60" in target.explain().stages[0].why


def test_the_report_tells_where_to_ask_why_a_stage_is_not_cached(sdk, module):
    code = module("import random\ndef f(x):\n    return random.random()")
    deployment = finished(sdk.pipeline.stage(code.f, 1).enable_caching())
    report = str(deployment.fetch_job_results())
    assert "not cached" in report
    assert f"foundations cache why {deployment.job_name()}" in report
