import functools
import operator

import pytest

from foundations.domain.pipeline.graph import Pipeline
from foundations.domain.pipeline.hyperparameter import Hyperparameter
from foundations.domain.pipeline.placeholders import Reference, Template
from foundations.errors import PipelineError


def make(*args, **kwargs):
    return (args, kwargs)


def test_each_stage_comes_after_what_it_depends_on(stage):
    first = stage(make, 1)
    second = stage(make, first, key=[first])
    third = stage(make, second, first)
    pipeline = Pipeline.of(third)
    assert [(), (0,), (1, 0)] == [node.upstream for node in pipeline.nodes]
    assert [first.uuid(), second.uuid(), third.uuid()] == [node.uuid for node in pipeline.nodes]


def test_arguments_are_flattened_to_references(stage):
    plain, first = [object()], stage(make)
    node = Pipeline.of(stage(make, first, plain, {"a": first}, 3, key=first)).nodes[1]
    assert isinstance(node.arguments[0], Reference)
    assert node.arguments[1] is plain
    assert isinstance(node.arguments[2], Template)
    assert 3 == node.arguments[3]
    assert isinstance(node.keyword_arguments["key"], Reference)


def test_a_stage_is_there_once_however_many_depend_on_it(stage):
    top = stage(make)
    left, right = stage(make, top), stage(make, [top, top])
    assert 4 == len(Pipeline.of(stage(make, left, right, left)).nodes)


def test_hyperparameters_are_gathered_wherever_they_stand(stage):
    inner = stage(make, Hyperparameter("a"), [Hyperparameter("b")])
    pipeline = Pipeline.of(stage(make, inner, x={"deep": (Hyperparameter("c"), Hyperparameter("a"))}))
    assert frozenset("abc") == pipeline.hyperparameters


def test_required_stages_are_upstream(stage):
    before, target = stage(make, 1), stage(make, 2)
    target.require(before)
    assert [(), (0,)] == [node.upstream for node in Pipeline.of(target).nodes]


def test_stages_that_require_each_other_are_an_error(stage):
    one = stage(make)
    other = stage(len, one)
    one.require(other)
    with pytest.raises(PipelineError, match="<stage make> and <stage len> depend on each other"):
        Pipeline.of(other)


def test_a_stage_that_requires_itself_is_an_error(stage):
    one = stage(make)
    with pytest.raises(PipelineError, match="depend on each other"):
        Pipeline.of(one.require(one))


@pytest.mark.parametrize(
    "hide",
    [
        lambda hidden: {hidden},
        lambda hidden: {hidden: 1},
        lambda hidden: [frozenset([hidden])],
        lambda hidden: lambda: hidden,
    ],
    ids=["set", "key", "frozenset", "closure"],
)
@pytest.mark.parametrize("kind", ["stage", "hyperparameter"])
def test_what_could_not_be_replaced_is_an_error(stage, hide, kind):
    hidden = stage(make) if kind == "stage" else Hyperparameter("a")
    with pytest.raises(PipelineError, match="cannot be replaced"):
        Pipeline.of(stage(make, hide(hidden)))


def test_a_stage_in_the_functions_closure_is_an_error(stage):
    hidden = stage(make)
    with pytest.raises(PipelineError, match="closure"):
        Pipeline.of(stage(lambda: hidden))


@pytest.mark.parametrize("partial", [lambda s: functools.partial(make, [s]), lambda s: functools.partial(make, a=s)])
def test_a_stage_in_a_partials_arguments_is_an_error(stage, partial):
    with pytest.raises(PipelineError, match="partial arguments of make"):
        Pipeline.of(stage(partial(stage(make))))


def test_options_are_noted(stage):
    first = stage(make).persist()
    pipeline = Pipeline.of(stage(make, first))
    assert [True, False] == [node.persisted for node in pipeline.nodes]


@pytest.mark.parametrize(
    ("first", "second", "third", "expected"),
    [
        (None, None, None, [False, False, False]),
        (None, None, True, [True, True, True]),
        (None, True, None, [True, True, False]),
        (False, None, True, [False, True, True]),
        (None, False, True, [False, False, True]),
        (True, False, True, [True, False, True]),
    ],
)
def test_caching_is_passed_upstream_until_told_otherwise(stage, first, second, third, expected):
    target = None
    for told in (first, second, third):
        target = stage(make) if target is None else stage(make, target)
        if told is not None:
            target.enable_caching() if told else target.disable_caching()
    assert expected == [node.caching is not None for node in Pipeline.of(target).nodes]


def test_nodes_have_names_with_the_item_that_they_take(stage):
    made = stage(make)
    first, _ = made.split(2)
    names = {}
    for target in (made, made["key"][0], first, stage(operator.getitem, [1], 0), stage(operator.getitem, made)):
        pipeline = Pipeline.of(target)
        names[pipeline.name(len(pipeline.nodes) - 1)] = None
    assert ["make", "make['key'][0]", "make[0]", "getitem"] == list(names)
    assert "make.split(2)" == Pipeline.of(first).name(1)


def test_names_of_long_chains_of_items_stay_short(stage):
    made = stage(make)
    for number in range(5_000):
        made = made[number]
    assert len(Pipeline.of(made).name(5_000)) < 80
