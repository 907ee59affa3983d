"""What one stage leaves for another: a job that uses the cache gives what one without it does, in every run."""

import decimal
import functools
import gc
import os

import numpy
import pytest
from cached_runs import reasons, run

from foundations.app.caching.purity.shared_outputs import SharedOutputs
from foundations.domain.pipeline.graph import Pipeline
from foundations.domain.pipeline.hyperparameter import Hyperparameter
from foundations.domain.pipeline.stage import Stage

# Each row: a module in which `left(x)` leaves something that `seen(y)` sees.
LEFT = {
    "a number": "N = 1\ndef left(x):\n    global N\n    N = x\ndef seen(y):\n    return N",
    "a table": "T = {1: 2}\ndef left(x):\n    global T\n    T = {1: x}\ndef seen(y):\n    return T[1]",
    "a list in a tuple": "T = ([1],)\ndef left(x):\n    T[0][0] = x\ndef seen(y):\n    return T[0][0]",
    "a function": (
        "def g(): return 1\ndef made(x): return lambda: x\n"
        "def left(x):\n    global g\n    g = made(x)\ndef seen(y):\n    return g()"
    ),
    "an attribute of a class": "class C: v = {1: 2}\ndef left(x):\n    C.v = {1: x}\ndef seen(y):\n    return C.v[1]",
    "a method": (
        "class C:\n    def m(self): return 1\ndef left(x):\n    C.m = lambda self: x\ndef seen(y):\n    return C().m()"
    ),
    "an attribute of a function": "def g(): return g.n\ng.n = 1\ndef left(x): g.n = x\ndef seen(y): return g()",
    "what a closure holds": (
        "def make():\n    n = 1\n    def set(x):\n        nonlocal n\n        n = x\n    return set, lambda: n\n"
        "set_, get = make()\ndef left(x):\n    set_(x)\ndef seen(y):\n    return get()"
    ),
    "an attribute of a module": (
        "import sys\nN = 1\ndef left(x):\n    setattr(sys.modules[__name__], 'N', x)\ndef seen(y):\n    return N"
    ),
    "a variable of the environment": (
        "import os\ndef left(x):\n    os.environ['LEFT'] = str(x)\ndef seen(y):\n    return os.environ['LEFT']"
    ),
    "the context of decimals": (
        "from decimal import Decimal, getcontext\ndef left(x):\n    getcontext().prec = x\n"
        "def seen(y):\n    return str(Decimal(1) / 3)"
    ),
    "the working directory": (
        "import os\ndef left(x):\n    os.makedirs(f'd{x}', exist_ok=True)\n    os.chdir(f'd{x}')\n"
        "def seen(y):\n    return os.path.basename(os.getcwd())"
    ),
}


@pytest.fixture
def restored(monkeypatch, project):
    """Sets the process back, as each job has one of its own."""
    monkeypatch.setenv("LEFT", "before")
    precision = decimal.getcontext().prec

    def restore():
        os.environ["LEFT"] = "before"
        os.chdir(project)
        decimal.getcontext().prec = precision

    yield restore
    restore()


def differing(target, restore=lambda: None):
    """Return for which numbers, one after the other, a job gives another output than the same process.

    Args:
        target: Returns the last stage, given a number, of code that nobody has run.
        restore: Sets the process back.
    """
    found = []
    for x in (5, 6, 6):
        restore()
        expected = target(x).run_same_process()
        restore()
        if target(x).run().fetch_job_results().output != expected:
            found.append(x)
    return found


@pytest.mark.parametrize("is_cached", [False, True])
@pytest.mark.parametrize("source", LEFT.values(), ids=LEFT)
def test_what_a_stage_leaves_for_another_is_seen(sdk, module, restored, said, source, is_cached):
    def target(x):
        code = module(source)
        left = sdk.pipeline.stage(code.left, x)
        left = left.enable_caching() if is_cached else left.disable_caching()
        return sdk.pipeline.stage(code.seen, left).enable_caching()

    assert [] == differing(target, restored), reasons(said)


# Each row: a module in which `grow(table(), x)` changes what `seen(y)` sees as a global variable.
RETURNED = {
    "the table": "T = [1]\ndef table(): return T\ndef grow(t, x): t.append(x)\ndef seen(y): return T[-1]",
    "a part": "T = {1: [1]}\ndef table(): return T[1]\ndef grow(t, x): t.append(x)\ndef seen(y): return T[1][-1]",
    "a list around it": "T = [1]\ndef table(): return [T]\ndef grow(t, x): t[0][0] = x\ndef seen(y): return T[0]",
    "a dict around it": "T = [1]\ndef table(): return {1: T}\ndef grow(t, x): t[1][0] = x\ndef seen(y): return T[0]",
    "what a helper returns": (
        "T = [1]\ndef t(): return T\ndef table(): return t()\ndef grow(t, x): t[0] = x\ndef seen(y): return T[0]"
    ),
    "an object": "class C: n = 1\nT = C()\ndef table(): return T\ndef grow(t, x): t.n = x\ndef seen(y): return T.n",
    "an object with slots": (
        "class C:\n __slots__ = ('n',)\nT = C()\nT.n = 1\n"
        "def table(): return T\ndef grow(t, x): t.n = x\ndef seen(y): return T.n"
    ),
    "an object with a hash of its own": (
        "class C:\n n = 1\n def __hash__(self): return 1\nT = C()\n"
        "def table(): return T\ndef grow(t, x): t.n = x\ndef seen(y): return T.n"
    ),
    "a dataclass with a hash": (
        "import dataclasses\n@dataclasses.dataclass(unsafe_hash=True)\nclass C:\n n: int = 1\nT = [C()]\n"
        "def table(): return T[0]\ndef grow(t, x): t.n = x\ndef seen(y): return T[0].n"
    ),
    "a part of an array": (
        "import numpy\nT = numpy.arange(5)\n"
        "def table(): return T[1:]\ndef grow(t, x): t[0] = x\ndef seen(y): return int(T[1])"
    ),
    "a deque around it": (
        "import collections\nT = [1]\ndef table(): return collections.deque([T])\n"
        "def grow(t, x): t[0][0] = x\ndef seen(y): return T[0]"
    ),
}


@pytest.mark.parametrize("is_cached", [False, True])
@pytest.mark.parametrize("is_passed_on", [False, True])
@pytest.mark.parametrize("source", RETURNED.values(), ids=RETURNED)
def test_a_returned_global_is_seen_to_change(sdk, module, said, source, is_passed_on, is_cached):
    def target(x):
        code = module(f"{source}\ndef same(value): return value")
        table = sdk.pipeline.stage(code.table)
        table = table.enable_caching() if is_cached else table.disable_caching()
        if is_passed_on:
            table = sdk.pipeline.stage(code.same, table).enable_caching()
        grown = sdk.pipeline.stage(code.grow, table, x).enable_caching()
        return sdk.pipeline.stage(code.seen, grown).enable_caching()

    assert [] == differing(target), reasons(said)


PASSED_ON = """
import dataclasses
@dataclasses.dataclass(frozen=True)
class Frozen:
    rows: list
    def append(self, x): self.rows.append(x)
    def __getitem__(self, number): return self.rows[number]
    def __len__(self): return len(self.rows)
@dataclasses.dataclass(unsafe_hash=True)
class Hashed:
    last: int = 0
    count: int = 1
    def append(self, x): self.last, self.count = x, self.count + 1
    def __getitem__(self, number): return self.last
    def __len__(self): return self.count
def a_list(): return [1]
def a_tuple(): return ([1],)
def frozen(): return Frozen([1])
def hashed(): return Hashed()
def same(value): return value
def in_a_list(value): return [value]
def grown(value, x):
    while isinstance(value[0], (list, tuple, Frozen, Hashed)):
        value = value[0]
    value.append(x)
def length(value, after): return len(value[0] if isinstance(value, tuple) else value)
"""


@pytest.mark.parametrize("passed_on", ["same", "in_a_list"])
@pytest.mark.parametrize("what", ["a_list", "a_tuple", "frozen", "hashed"])
def test_a_returned_argument_that_others_take_is_seen_to_change(sdk, module, said, what, passed_on):
    found = []
    for x in (5, 6, 6):
        code = module(PASSED_ON)
        made = sdk.pipeline.stage(getattr(code, what))
        grown = sdk.pipeline.stage(code.grown, sdk.pipeline.stage(getattr(code, passed_on), made), x)
        length = sdk.pipeline.stage(code.length, made, grown).enable_caching()
        found.append(length.run().fetch_job_results().output)
    assert [2, 2, 2] == found
    assert any("it returned an argument that other stages see too" in reason for reason in reasons(said))


@pytest.mark.parametrize(
    "source",
    [
        "import datetime\nT = [datetime.date(2020, 1, 1)]\ndef chosen(): return max(T)",
        "import enum\nclass C(enum.Enum):\n    A = 1\ndef chosen(): return [C.A]",
        "import pathlib\nT = pathlib.PurePath('a')\ndef chosen(): return {1: T}",
        "import uuid\nT = uuid.UUID(int=1)\ndef chosen(): return T",
        "import fractions\nT = fractions.Fraction(1, 2)\ndef chosen(): return T",
        "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass C:\n n: int\nT = C(1)\ndef chosen(): return T",
        "import attrs\n@attrs.frozen\nclass C:\n n: int\nT = C(1)\ndef chosen(): return T",
        "import typing\nclass C(typing.NamedTuple):\n n: int\nT = C(1)\ndef chosen(): return T",
        "T = {1: [2]}\ndef chosen(): return dict(T)[1][0]",
        "T = [1, 2]\ndef chosen(): return sorted(T)",
        "import numpy\nT = {1: numpy.array(None)}\ndef chosen(): return [1] if T else []",
        "T = {1: [2]}\nclass C(dict):\n    values = 1\ndef chosen(): return C(a=[len(T)])",
    ],
    ids=[
        *("a date", "a member of an enum", "a path", "a UUID", "a fraction", "a frozen dataclass", "frozen attrs"),
        *("a named tuple", "a number", "a new list", "beside a scalar array", "values"),
    ],
)
def test_a_stage_may_return_what_never_changes_of_the_code(sdk, module, said, source):
    found = [run(sdk, module(source).chosen) for _ in range(2)]
    assert ([False, True], []) == ([was_hit for _, was_hit in found], reasons(said))


HOLDS_A_LOCK = """
import logging
log = logging.getLogger("project")
settings = {"depth": [1]}
class Model:
    def __init__(self, log):
        self.log, self.settings = log, settings
    def __reduce__(self):
        return Model, (log,)
def trained():
    return Model(log)
def tested(model):
    return log.name + str(model.settings)
"""


def test_an_object_may_hold_what_the_code_refers_to(sdk, module, said):
    for _ in range(2):
        code = module(HOLDS_A_LOCK)
        tested = sdk.pipeline.stage(code.tested, sdk.pipeline.stage(code.trained)).enable_caching()
        contexts = tested.run().fetch_job_results()["stage_contexts"].values()
    assert ([True, True], []) == ([context["used_cache"] for context in contexts], reasons(said))


SPOILING = """
import functools, numpy
class Holder:
    def __init__(self, held):
        self.held = held
def one():
    return 1
def same(held):
    return held
def objects(held):
    array = numpy.empty(2, object)
    array[0] = held
    return array
def call(function):
    return function()
def spoil(holder, take):
    take(holder).append(1)
def size(holder, take, after):
    return len(take(holder))
def first(holder):
    return holder[0]
def inner(holder):
    return holder[0]["a"]
def held(holder):
    return holder.held
"""

# Each row: what two stages are given, made of one list, and how they get at it.
SHARED = {
    "the list itself": (lambda code, held: held, "same"),
    "in a list": (lambda code, held: [held, 1], "first"),
    "deeper": (lambda code, held: [{"a": held}], "inner"),
    "beside a stage": (lambda code, held: [held, code.stage(code.one)], "first"),
    "in an object": (lambda code, held: code.Holder(held), "held"),
    "in a partial": (lambda code, held: functools.partial(code.same, held), "call"),
    "in a closure": (lambda code, held: lambda: held, "call"),
    "in an array of objects": (lambda code, held: code.objects(held), "first"),
    "in a part of an array of objects": (lambda code, held: code.objects(held)[:1], "first"),
}


@pytest.mark.parametrize(("made", "take"), SHARED.values(), ids=SHARED)
def test_what_stands_far_inside_two_stages_arguments_is_watched(sdk, module, said, made, take):
    found = []
    for _ in range(3):
        code = module(SPOILING)
        code.stage, held = sdk.pipeline.stage, []
        spoilt = sdk.pipeline.stage(code.spoil, made(code, held), getattr(code, take))
        size = sdk.pipeline.stage(code.size, made(code, held), getattr(code, take), spoilt)
        found.append(size.enable_caching().run().fetch_job_results().output)
    assert [1, 1, 1] == found
    assert "spoil changed an argument that other stages see too" in reasons(said)


def test_the_value_of_a_hyperparameter_that_two_stages_take_is_watched(sdk, module, said):
    code, found = module(SPOILING), []
    for _ in range(2):
        spoilt = sdk.pipeline.stage(code.spoil, [Hyperparameter("held")], code.first)
        size = sdk.pipeline.stage(code.size, Hyperparameter("held"), code.same, spoilt).enable_caching()
        found.append(size.run(held=[]).fetch_job_results().output)
    assert ([1, 1], {"spoil changed an argument that other stages see too"}) == (found, set(reasons(said)))


BY_ARGUMENT = {
    "a global": "N = [0]\ndef given():\n    N[0] += 1\n    return N[0]",
    "an attribute of a class": (
        "class C:\n    n = 0\n    def __call__(self):\n        C.n += 1\n        return C.n\ngiven = C()"
    ),
}


@pytest.mark.parametrize("source", BY_ARGUMENT.values(), ids=BY_ARGUMENT)
def test_what_code_in_an_argument_changes_is_seen(sdk, module, said, source):
    found = []
    for _ in range(3):
        code = module(source + "\ndef call(function, after):\n    return function() * 10 + after\n")
        first = sdk.pipeline.stage(code.call, code.given, 0)
        target = sdk.pipeline.stage(code.call, code.given, first).enable_caching()
        found.append(target.run().fetch_job_results().output)
    assert [30, 30, 30] == found, reasons(said)
    assert (
        "which is not an argument; if this does not matter, name it in create_stage(ignore=[...])" in reasons(said)[0]
    )


def test_code_in_an_argument_that_changes_nothing_is_cached(sdk, module, said):
    source = (
        "class C:\n    def __call__(self):\n        return 1\nT = {1: 2}\ndef given():\n    return T[1]\n"
        "def call(*functions):\n    return [function() for function in functions]"
    )
    found = []
    for _ in range(2):
        code = module(source)
        result = sdk.pipeline.stage(code.call, code.given, code.C()).enable_caching().run().fetch_job_results()
        found.append((result.output, result["global_stage_context"]["used_cache"]))
    assert [([2, 1], False), ([2, 1], True)] == found, reasons(said)


def test_equal_objects_that_are_not_one_may_be_changed(sdk, module, said):
    code, found = module(SPOILING), []
    for _ in range(2):
        spoilt = sdk.pipeline.stage(code.spoil, [[]], code.first)
        size = sdk.pipeline.stage(code.size, [[]], code.first, spoilt).enable_caching()
        result = size.run().fetch_job_results()
        found.append((result.output, [context["used_cache"] for context in result["stage_contexts"].values()]))
    assert [(0, [False, False]), (0, [True, True])] == found


class TestCost:
    """What is digested before and after a call, beside what the key is made of."""

    @pytest.fixture
    def digested(self):
        return []

    @pytest.fixture
    def shared(self, digested):
        def made(*arguments):
            stages = [Stage(None, len, (argument,), {}) for argument in arguments]
            pipeline = Pipeline.of(Stage(_Launcher(), max, tuple(_launched(stages)), {}))
            return pipeline, SharedOutputs(pipeline, {}, lambda value, where: digested.append(value) or b"")

        return made

    def before(self, pipeline, shared):
        from foundations.domain.pipeline.call import Call

        for node in pipeline.nodes[:-1]:
            shared.before(Call(node, {}, {}))

    @pytest.mark.parametrize(
        "arguments", [(1, 2), ("a", "a"), ([1], [1]), (numpy.zeros(3), numpy.zeros(3)), ((1, 2), (1, 2)), (len, len)]
    )
    def test_nothing_is_digested_that_is_not_shared(self, shared, digested, arguments):
        self.before(*shared(*arguments))
        assert [] == digested

    def test_of_two_arguments_that_share_something_it_alone_is_digested(self, shared, digested):
        held, large = [1], [list(range(10)) for _ in range(10)]
        self.before(*shared([held, large[:5]], {"a": held, "b": [*large[5:]]}))
        assert [held, held] == digested

    def test_what_many_stages_share_is_digested_once_by_each(self, shared, digested):
        held = [1]
        self.before(*shared(*([held] for _ in range(5))))
        assert [held] * 5 == digested

    def test_what_has_no_digest_is_passed_over(self, shared):
        lock = object()
        pipeline, watched = shared([lock], [lock])
        watched._digest = _refuse
        self.before(pipeline, watched)

    def test_nothing_is_kept_alive(self, shared):
        class Held:
            pass

        held = Held()
        pipeline, watched = shared([held], [2])
        del pipeline, watched
        gc.collect()
        assert 1 == len([found for found in gc.get_objects() if type(found) is Held])


def _refuse(value, where):
    raise ValueError("it has none")


class _Launcher:
    def new_uuid(self):
        return os.urandom(8).hex()


def _launched(stages):
    for stage in stages:
        stage._launcher = _Launcher()
    return stages
