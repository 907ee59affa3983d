import asyncio
import copy
import functools
import operator
import pickle

import numpy
import pytest

from foundations.domain.pipeline.functions import short_name
from foundations.domain.pipeline.stage import NO_LAUNCHER, Stage, StageFactory, exactly, unwrap
from foundations.errors import PipelineError


def add(a, b=1):
    """Add."""
    return a + b


class Model:
    def __init__(self, rate=0.5):
        self.rate = rate

    def fit(self, data):
        return sum(data) * self.rate

    def __call__(self, x):
        return x * self.rate


class TestBuilding:
    @pytest.mark.parametrize(
        ("function", "arguments", "expected"),
        [
            (add, (1, 2), 3),
            (lambda x: x * 2, (4,), 8),
            (sorted, ([2, 1],), [1, 2]),
            (dict, ([("a", 1)],), {"a": 1}),
            (functools.partial(add, b=10), (1,), 11),
            (Model(2).fit, ([1, 2],), 6),
            (Model(3), (2,), 6),
            (str.upper, ("a",), "A"),
            ("-".join, (["a", "b"],), "a-b"),
        ],
        ids=[
            "function",
            "lambda",
            "builtin",
            "class",
            "partial",
            "bound method",
            "object",
            "method",
            "built-in method",
        ],
    )
    def test_a_stage_is_made_of_whatever_can_be_called(self, launcher, run, function, arguments, expected):
        assert expected == run(StageFactory(launcher, unwrap(function))(*arguments))

    @pytest.mark.parametrize("thing", [None, 3, "text", [add]])
    def test_what_cannot_be_called_makes_no_stage(self, thing):
        with pytest.raises(PipelineError, match="something that can be called"):
            unwrap(thing)

    def test_a_stage_is_no_function(self, stage):
        with pytest.raises(PipelineError, match="<stage add>"):
            unwrap(stage(add, 1))

    def test_a_factory_is_unwrapped_to_its_function(self, launcher):
        assert unwrap(StageFactory(launcher, add)) is add

    def test_stage_passes_its_output_as_the_first_argument(self, stage, run):
        assert -7 == run(stage(add, 1, 2).stage(operator.sub, 10))
        assert 7 == run(stage(add, 1).stage(add, b=5))

    def test_indexing_takes_an_item(self, stage, run):
        made = stage(dict, a=[1, 2, 3])
        assert 2 == run(made["a"][1])
        assert [2, 3] == run(made["a"][1:])

    def test_an_item_may_be_chosen_by_a_stage(self, stage, run):
        assert "b" == run(stage(list, "abc")[stage(add, 0)])

    @pytest.mark.parametrize("made", [(4, 5), [4, 5], "45", iter((4, 5)), {0: 4, 1: 5}])
    def test_split_gives_as_many_stages(self, stage, run, made):
        first, second = stage(lambda: made).split(2)
        assert ["4", "5"] == [str(item) for item in run(stage(lambda a, b: [a, b], first, second))]

    @pytest.mark.parametrize("count", [1, 3])
    def test_a_wrong_count_is_an_error_when_it_runs(self, stage, run, count):
        parts = stage(lambda: (4, 5)).split(count)
        assert count == len(parts)
        with pytest.raises(ValueError, match=rf"split\({count}\) got 2 items"):
            run(parts[0])

    @pytest.mark.parametrize("count", [0, -1, True, 2.0, "2", None])
    def test_split_takes_a_positive_integer(self, stage, count):
        with pytest.raises(PipelineError, match="number of items"):
            stage(add, 1).split(count)

    def test_split_checks_what_cannot_be_measured(self):
        assert ["a", "b"] == exactly(iter("ab"), 2)
        with pytest.raises(TypeError):
            exactly(3, 1)

    def test_require_returns_the_stage_itself(self, stage):
        one, other = stage(add, 1), stage(add, 2)
        assert one.require(other, other) is one

    @pytest.mark.parametrize("other", [None, 1, add])
    def test_require_takes_stages(self, stage, other):
        with pytest.raises(PipelineError, match=r"require\(\.\.\.\) takes stages"):
            stage(add, 1).require(other)

    def test_options_return_the_stage_itself(self, stage):
        made = stage(add, 1)
        assert made.persist().enable_caching().disable_caching() is made


class TestLooking:
    def test_a_stage_has_one_random_uuid(self, stage):
        one, other = stage(add, 1), stage(add, 1)
        assert one.uuid() == one.uuid()
        assert one.uuid() != other.uuid()

    def test_repr_tells_the_function_and_never_descends(self, stage):
        assert "<stage add>" == repr(stage(add, stage(add, 1)))
        assert "<stage Model.fit>" == repr(stage(Model(1).fit, [1]))

    def test_stages_compare_by_identity(self, stage):
        one, other = stage(add, 1), stage(add, 1)
        assert one == one
        assert one != other
        assert 2 == len({one, other})

    def test_a_misspelt_attribute_is_an_attribute_error(self, stage):
        made = stage(add, 1)
        with pytest.raises(AttributeError):
            _ = made.persits
        with pytest.raises(AttributeError):
            made.cache = True

    @pytest.mark.parametrize(
        ("use", "remedy"),
        [
            (iter, r"\.split\(n\)"),
            (list, r"\.split\(n\)"),
            (len, r"\.stage\(len\)"),
            (bool, "inside a stage"),
            (lambda made: 1 in made, r"operator\.contains"),
            (lambda made: made and 1, "inside a stage"),
        ],
    )
    def test_what_only_a_value_allows_is_a_type_error_that_says_why(self, stage, use, remedy):
        with pytest.raises(TypeError, match=f"<stage add> has no value before it runs.*{remedy}"):
            use(stage(add, 1))

    @pytest.mark.parametrize(
        ("use", "symbol"),
        [
            (lambda s: s + 1, r"\+"),
            (lambda s: 1 + s, r"\+"),
            (lambda s: s / s, "/"),
            (lambda s: numpy.ones(2) * s, r"\*"),
            (lambda s: -s, "-"),
            (lambda s: s < 1, "<"),
            (lambda s: 1 < s, ">"),
            (abs, r"abs\(\)"),
            (float, r"float\(\)"),
            (range, r"range\(\)"),
            (numpy.asarray, r"numpy\.asarray\(\)"),
        ],
    )
    def test_an_operator_is_a_type_error_that_names_the_remedies(self, stage, use, symbol):
        expected = (
            rf"it cannot be an operand of {symbol}; .*\.stage\(function\).*Inside a stage.*add\.function\(\.\.\.\)"
        )
        with pytest.raises(TypeError, match=expected):
            use(stage(add, 1))

    @pytest.mark.parametrize("change", [lambda s: operator.setitem(s, "a", 2), lambda s: operator.delitem(s, "a")])
    def test_an_item_cannot_be_assigned_or_deleted(self, stage, change):
        with pytest.raises(TypeError, match="it cannot be changed; change the output inside a stage"):
            change(stage(add, 1))

    @pytest.mark.parametrize("specification", [".2f", "d", ">20"])
    def test_a_format_is_a_type_error_that_names_the_remedies(self, stage, specification):
        expected = (
            rf"before it runs, so it cannot be formatted by '{specification}'; .*\.stage\(function\).*add\.function"
        )
        with pytest.raises(TypeError, match=expected):
            format(stage(add, 1), specification)

    def test_without_a_format_the_stage_itself_is_shown(self, stage):
        made = stage(add, 1)
        assert ["<stage add>"] * 3 == [f"{made}", str(made), f"{made!s:<11}"]

    def test_an_attribute_of_the_output_is_an_attribute_error_that_names_the_remedies(self, stage):
        made = stage(add, 1)
        with pytest.raises(
            AttributeError, match=r"no attribute 'shape': .*attrgetter\('shape'\).*add\.function"
        ) as raised:
            _ = made.shape
        assert ("shape", made) == (raised.value.name, raised.value.obj)
        assert not hasattr(made, "__array_interface__")

    @pytest.mark.parametrize("take_along", [pickle.dumps, copy.copy, copy.deepcopy])
    def test_a_stage_cannot_be_taken_along(self, stage, take_along):
        with pytest.raises(PipelineError, match="Pass stages as arguments"):
            take_along(stage(add, 1))


class TestRunning:
    def test_running_is_left_to_the_launcher(self, stage, launcher):
        made = stage(add, 1)
        assert "a deployment" == made.run({"a": 1}, "name", b=2)
        assert "an output" == made.run_same_process({"a": 1}, b=2)
        assert [(made, {"a": 1}, "name", {"b": 2}), (made, {"a": 1}, {"b": 2})] == launcher.asked


async def fetch(url):
    return url


def rows():
    yield 1


async def pages():
    yield 1


class Reader:
    def read(self):
        yield 1

    async def __call__(self):
        return 1


class TestSuspended:
    @pytest.mark.parametrize("function", [fetch, functools.partial(fetch, "a"), Reader()])
    def test_a_coroutine_function_is_refused(self, stage, function):
        with pytest.raises(PipelineError, match=r"cannot be a stage: it is an async function.*asyncio\.run\("):
            unwrap(function)

    @pytest.mark.parametrize("function", [rows, pages, Reader().read, lambda: (yield)])
    def test_a_generator_function_is_refused(self, function):
        with pytest.raises(PipelineError, match=r"cannot be a stage: it is a generator function.*returns list\("):
            unwrap(function)

    def test_what_runs_a_coroutine_itself_is_not(self, launcher):
        @functools.wraps(fetch)
        def fetched(url):
            return asyncio.run(fetch(url))

        assert unwrap(fetched) is fetched
        assert "a" == StageFactory(launcher, fetched).function("a")


class TestFactory:
    def test_a_method_of_stages_is_an_attribute_error_that_names_the_call(self, launcher):
        factory = StageFactory(launcher, add)
        with pytest.raises(AttributeError, match=r"it is a stage factory\. Call it .* as in add\(\.\.\.\)\.run$"):
            factory.run()
        with pytest.raises(AttributeError, match=r"no attribute 'shape'$"):
            _ = factory.shape

    def test_it_looks_like_its_function(self, launcher):
        factory = StageFactory(launcher, add)
        assert ("add", "Add.", __name__, add) == (
            factory.__name__,
            factory.__doc__,
            factory.__module__,
            factory.__wrapped__,
        )
        assert "<stages of add>" == repr(factory)
        assert 3 == factory.function(1, 2)

    def test_it_decorates_methods(self, launcher, run):
        class Scaled:
            factor = 3

            def times(self, x):
                return self.factor * x

            times = StageFactory(launcher, times)
            total = StageFactory(launcher, sum)
            kind = StageFactory(launcher, Model)
            sorter = StageFactory(launcher, functools.partial(sorted, reverse=True))

        assert 6 == run(Scaled().times(2))
        assert 6 == run(Scaled.times(Scaled(), 2))
        assert 3 == run(Scaled().total([1, 2]))
        assert 4 == run(Scaled().kind(4)).rate
        assert [2, 1] == run(Scaled().sorter([1, 2]))

    def test_one_that_came_along_in_a_job_makes_stages_that_cannot_run(self, launcher):
        factory = pickle.loads(pickle.dumps(StageFactory(launcher, add)))
        assert 3 == factory.function(1, 2)
        assert "add" == factory(1, 2).name()
        with pytest.raises(PipelineError, match="call the plain function"):
            factory(1, 2).run_same_process()
        assert pickle.loads(pickle.dumps(NO_LAUNCHER)) is NO_LAUNCHER


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (add, "add"),
        (lambda: None, "<lambda>"),
        (functools.partial(functools.partial(add, 1), b=2), "add"),
        (Model, "Model"),
        (Model(), "Model"),
        (Model().fit, "Model.fit"),
        (len, "len"),
        (Stage.run, "Stage.run"),
    ],
)
def test_names_are_short(function, expected):
    assert expected == short_name(function)
