import dataclasses
import gc
import operator
import weakref
from collections import Counter, namedtuple

import attrs
import pytest

from foundations.domain.pipeline.graph import Deferred
from foundations.domain.pipeline.hyperparameter import Hyperparameter
from foundations.domain.pipeline.memo import CacheResult, Hit, Uncacheable
from foundations.errors import PipelineError

Pair = namedtuple("Pair", "left right")


@dataclasses.dataclass(frozen=True)
class Frozen:
    value: object


@attrs.frozen
class Attrs:
    value: object


class Thing:
    alive = 0


@pytest.fixture
def calls():
    return Counter()


@pytest.fixture
def counted(calls):
    def call(name, *args):
        calls[name] += 1
        return (name, *args)

    return call


def test_a_shared_upstream_runs_once(stage, run, counted, calls):
    top = stage(counted, "top")
    left, right = stage(counted, "left", top), stage(counted, "right", [top])
    assert ("end", ("left", ("top",)), ("right", [("top",)]), ("left", ("top",))) == run(
        stage(counted, "end", left, right, left)
    )
    assert {"top": 1, "left": 1, "right": 1, "end": 1} == calls


@pytest.mark.parametrize(
    "container",
    [
        lambda x: [x],
        lambda x: (1, x),
        lambda x: Pair(x, 2),
        lambda x: {"a": [x]},
        lambda x: Frozen(x),
        lambda x: Attrs(Frozen([x])),
    ],
)
def test_stages_and_hyperparameters_in_containers_are_replaced(stage, run, container):
    assert container(3) == run(stage(lambda value: value, container(stage(operator.add, 1, 2))))
    assert container("a") == run(stage(lambda value: value, container(Hyperparameter("x"))), x="a")


def test_hyperparameters_are_filled(stage, run):
    made = stage(operator.sub, Hyperparameter("a"), stage(operator.neg, Hyperparameter("b")))
    assert 7 == run(made, a=5, b=2)
    assert {"x": None, "y": [None]} == run(stage(dict, x=Hyperparameter("a"), y=[Hyperparameter("a")]), a=None)


def test_required_stages_run_before(stage, run):
    order = []
    first, second, third = (stage(order.append, number) for number in range(3))
    second.require(third)
    first.require(second)
    run(first)
    assert [2, 1, 0] == order


def test_the_memo_and_the_recorder_are_called_in_order(stage, run, events):
    run(stage(operator.neg, stage(operator.neg, 1)).enable_caching())
    assert events.events == [
        event
        for index in (0, 1)
        for event in (
            *(("start", index), ("look_up", index), ("compute", index), ("store", index), ("release", index)),
            *(("cache_result", index, CacheResult()), ("end", index)),
        )
    ]


def test_a_hit_is_neither_computed_nor_stored(stage, run, events, monkeypatch):
    result = CacheResult("key", 0.5)
    monkeypatch.setattr(events, "look_up", lambda index, call: Hit(5, result))
    assert 5 == run(stage(operator.neg, 1).enable_caching())
    assert [("start", 0), ("cache_result", 0, result), ("end", 0)] == events.events


def test_what_cannot_be_cached_is_called_without_the_memo(stage, run, events, monkeypatch):
    monkeypatch.setattr(events, "look_up", lambda index, call: Uncacheable("a reason"))
    assert -1 == run(stage(operator.neg, 1).enable_caching())
    result = CacheResult(uncacheable_because="a reason")
    assert [("start", 0), ("cache_result", 0, result), ("end", 0)] == events.events


def test_a_failure_is_recorded_with_its_arguments_and_raised(stage, run, events):
    with pytest.raises(ZeroDivisionError):
        run(stage(divmod, 1, stage(int)).stage(print))
    assert [("start", 0), ("end", 0), ("start", 1), ("failure", 1, (1, 0), {})] == events.events


def test_a_miss_that_fails_is_released_and_recorded_with_its_arguments(stage, run, events):
    with pytest.raises(ZeroDivisionError):
        run(stage(divmod, 1, 0).enable_caching())
    steps = [("start", 0), ("look_up", 0), ("compute", 0), ("release", 0)]
    assert [*steps, ("failure", 0, (1, 0), {})] == events.events


def test_a_function_that_returns_a_stage_is_an_error(stage, run):
    with pytest.raises(
        PipelineError,
        match=r"<lambda> returned <stage len>: inside .* the plain function, as in len\.function\(\.\.\.\); outside",
    ):
        run(stage(lambda: stage(len, "a")))


def test_outputs_are_let_go_when_the_last_consumer_is_done(stage, run):
    alive = []

    def make():
        thing = Thing()
        alive.append(weakref.ref(thing))
        return thing

    def look(*_):
        gc.collect()
        return [reference() is not None for reference in alive]

    first, second = stage(make), stage(make)
    second.require(first)
    used = stage(lambda one, two: None, first, second)
    after_first = stage(look).require(used)
    again = stage(lambda one: None, first).require(after_first)
    after_all = stage(look).require(again)
    assert ([True, False], [False, False]) == run(stage(lambda *seen: seen, after_first, after_all))


def test_an_output_that_nobody_takes_is_let_go_too(stage, run):
    alive = []

    def make():
        thing = Thing()
        alive.append(weakref.ref(thing))
        return thing

    def look():
        gc.collect()
        return alive[0]() is None

    required = stage(int).require(stage(make))
    assert run(stage(look).require(required)) is True


def test_what_was_passed_through_several_stages_is_let_go(stage, run):
    alive = []

    def make():
        thing = Thing()
        alive.append(weakref.ref(thing))
        return [thing]

    passed = stage(make)
    for _ in range(3):
        passed = stage(lambda items: items, passed)
    assert run(passed.stage(len).stage(lambda _: alive[0]())) is None


def test_a_chain_of_twenty_thousand_runs_without_recursion(stage, run):
    made = stage(int)
    for _ in range(20_000):
        made = stage(operator.add, made, 1)
    assert 20_000 == run(made)


def test_ten_thousand_into_one_run(stage, run):
    parts = [stage(operator.neg, number) for number in range(10_000)]
    assert run(stage(sum, parts)) == -sum(range(10_000))
    assert run(stage(lambda *args: sum(args), *parts)) == -sum(range(10_000))


def test_a_deferred_output_is_read_when_a_stage_needs_it_and_once(stage, events, run, monkeypatch):
    reads = []

    def look_up(index, call):
        output = call.make()
        return Hit(Deferred(lambda: reads.append(index) or output), CacheResult())

    monkeypatch.setattr(events, "look_up", look_up)
    first = stage(operator.neg, 1).enable_caching()
    both = stage(operator.add, first, stage(max, [first, 0])).disable_caching()
    unused = stage(operator.neg, 7).enable_caching()
    assert -1 == run(both.require(unused))
    assert [0] == reads
