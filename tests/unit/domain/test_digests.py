import copy
import dataclasses
import functools
import json
import math
import operator
import sys
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundations.domain.digests import Digester, UndigestibleError
from foundations.domain.stage import NO_LAUNCHER, StageFactory

STANDARD = {"json", "math", "operator", "_operator", "builtins", "functools", "types", "os", "posix"}
DIGESTER = Digester(
    "python", lambda name: "1.0" if name.partition(".")[0] in STANDARD else None, lambda text: text == "d.csv"
)

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(st.characters())
    | st.binary()
)
hashable = st.none() | st.booleans() | st.integers() | st.text() | st.binary()
values = st.recursive(
    leaves | st.sets(hashable, max_size=4) | st.frozensets(hashable, max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(hashable, inner, max_size=3)
    ),
    max_leaves=10,
)


def described(value):
    """Tell values apart by type as well, sets by what they hold."""
    kind = type(value)
    if kind in (list, tuple):
        return kind, tuple(described(item) for item in value)
    if kind in (set, frozenset):
        return kind, frozenset(described(item) for item in value)
    if kind is dict:
        return kind, tuple((described(key), described(item)) for key, item in value.items())
    return kind, repr(value)


def reordered(value):
    """Return an equal set that was put together in another order."""
    made = set()
    for item in sorted(value, key=repr, reverse=True):
        made.add(item)
    return made


class TestValues:
    @given(values)
    def test_equal_values_have_equal_digests(self, value):
        assert DIGESTER.value(value) == DIGESTER.value(copy.deepcopy(value))

    @given(st.sets(hashable))
    def test_the_order_of_a_set_does_not_matter(self, value):
        assert DIGESTER.value(value) == DIGESTER.value(reordered(value))

    @given(values, values)
    def test_different_values_have_different_digests(self, one, other):
        assert (described(one) == described(other)) == (DIGESTER.value(one) == DIGESTER.value(other))

    @pytest.mark.parametrize(
        "alike",
        [
            (1, 1.0, True, 1 + 0j, "1", b"1", [1], (1,), {1}, frozenset([1]), {1: None}),
            (0.0, -0.0),
            (None, "None", b"None", []),
            ([], (), {}, set(), frozenset(), "", b""),
            (["ab"], ["a", "b"], ["a", ["b"]], [["a"], "b"], [["a", "b"]]),
            ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 2, "b": 1}),
        ],
    )
    def test_values_that_look_alike_differ(self, alike):
        assert len(alike) == len({DIGESTER.value(value) for value in alike})

    def test_every_nan_is_alike(self):
        assert DIGESTER.value(math.nan) == DIGESTER.value(float("-nan"))

    def test_integers_of_any_size_are_digested(self):
        assert DIGESTER.value(10**5000) != DIGESTER.value(10**5000 + 1)

    @pytest.mark.parametrize(
        ("value", "where"),
        [
            (object(), "value is of type object"),
            ([1, object()], r"value\[1\]"),
            ({"key": object()}, r"value\['key'\]"),
            ({(object(),): 1}, "a key of value"),
            (types.SimpleNamespace(), "SimpleNamespace"),
            (type("Integer", (int,), {})(3), "Integer"),
            (bytearray(b"x"), "bytearray"),
        ],
    )
    def test_other_values_have_none_and_are_named(self, value, where):
        with pytest.raises(UndigestibleError, match=where):
            DIGESTER.value(value)

    def test_a_value_that_is_too_deep_has_none(self):
        value = []
        for _ in range(200):
            value = [value]
        with pytest.raises(UndigestibleError, match="nested more than 100 deep"):
            DIGESTER.value(value)


def module_of(source, **names):
    """Return the names of a module that consists of this source."""
    module = types.ModuleType("project_module")
    vars(module).update(names)
    exec(compile(source, "project_module.py", "exec"), vars(module))  # the very code that is digested
    return module


def key_of(source, **names):
    return DIGESTER.call(module_of(source, **names).f, {})


BASE = """
import json
LIMIT = 3
def helper(x):
    return x + LIMIT
def f(x, rate=0.5):
    return [helper(item) * rate for item in json.loads(x)]
"""


class TestFunctions:
    def test_the_same_code_has_the_same_key_wherever_it_lies(self):
        assert key_of(BASE) == key_of("# a comment\n\n" + BASE)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("* rate", "+ rate"),
            ("LIMIT = 3", "LIMIT = 4"),
            ("LIMIT = 3", "LIMIT = 3.0"),
            ("x + LIMIT", "x - LIMIT"),
            ("rate=0.5", "rate=0.25"),
            ("rate=0.5", "*, rate=0.5"),
            ("x, rate", "x, /, rate"),
            ("json.loads", "json.dumps"),
        ],
    )
    def test_a_change_of_code_constants_helpers_or_defaults_changes_the_key(self, old, new):
        assert old in BASE
        assert key_of(BASE) != key_of(BASE.replace(old, new))

    def test_a_change_in_a_closure_changes_the_key(self):
        def over(held):
            return lambda x: x + held

        keys = {DIGESTER.call(over(held), {}) for held in (1, 2, 1.0, "1", len, abs)}
        assert 6 == len(keys)
        assert DIGESTER.call(over(1), {}) == DIGESTER.call(over(1), {})

    def test_code_in_code_counts(self):
        base = "def f(xs):\n    return [x + 1 for x in xs] + [(lambda y: y * 2)(3)]"
        assert 3 == len({key_of(base), key_of(base.replace("+ 1", "+ 2")), key_of(base.replace("* 2", "* 3"))})

    def test_ellipsis_can_be_a_constant(self):
        assert key_of("def f(): return ...") != key_of("def f(): return None")

    def test_functions_that_call_each_other_have_a_key(self):
        source = "def f(n): return n and g(n - 1)\ndef g(n): return n and f(n - {})"
        assert key_of(source.format(1)) == key_of(source.format(1))
        assert key_of(source.format(1)) != key_of(source.format(2))

    def test_a_recursive_function_whose_name_is_bound_to_its_stages_has_a_key(self):
        def decorate(function):
            return StageFactory(NO_LAUNCHER, function)

        source = "@decorate\ndef g(n): return n and g.function(n - 1)\nf = g.function"
        assert key_of(source, decorate=decorate) == key_of(source, decorate=decorate)
        assert key_of(source, decorate=decorate) != key_of(source.replace("n - 1", "n - 2"), decorate=decorate)

    def test_a_wrapper_around_a_recursive_function_counts(self):
        source = """
def twice(function):
    @wraps(function)
    def wrapper(n): return 2 * function(n)
    return wrapper
@twice
def g(n): return n and g(n - 1)
f = g.__wrapped__
"""
        assert key_of(source, wraps=functools.wraps) != key_of(source.replace("2 *", "3 *"), wraps=functools.wraps)

    def test_arguments_and_their_names_count(self):
        keys = {DIGESTER.call(len, arguments) for arguments in ({}, {"a": "1"}, {"a": "2"}, {"b": "1"})}
        assert 4 == len(keys)

    def test_the_interpreter_counts(self):
        other = Digester("another python", lambda name: "1.0", lambda text: False)
        assert other.call(len, {}) != DIGESTER.call(len, {})

    def test_the_version_of_installed_functions_counts(self):
        newer = Digester("python", lambda name: "2.0", lambda text: False)
        for function in (len, json.loads, operator.getitem, dict, functools.partial):
            assert newer.call(function, {}) != DIGESTER.call(function, {})

    def test_a_borrowed_name_is_no_installed_function(self):
        def imposter(number):
            @functools.wraps(json.dumps)
            def function():
                return number

            return function

        assert DIGESTER.call(imposter(1), {}) != DIGESTER.call(imposter(2), {})

    def test_a_class_with_a_borrowed_name_has_no_key(self):
        made = dataclasses.make_dataclass("Made", ["a"])
        made.__module__ = "types"
        with pytest.raises(UndigestibleError, match="no plain function"):
            DIGESTER.call(made, {})

    @pytest.mark.parametrize(
        "function",
        [[].append, "-".join, {}.get, functools.partial(len), operator.itemgetter(1), print.__call__, TestValues],
    )
    def test_what_carries_state_has_no_key(self, function):
        with pytest.raises(UndigestibleError, match="no plain function"):
            DIGESTER.call(function, {})

    @pytest.mark.parametrize(
        ("source", "why"),
        [
            ("def f(): return eval('1')", "calls eval"),
            ("def f(): return open('file').read()", "calls open"),
            ("def f(): return [globals() for _ in 'a']", "calls globals"),
            ("def f(): return missing", "missing of f is not defined"),
            ("import project\ndef f(): return project.x", "the module project_a, whose contents"),
            ("def f():\n    import project_b\n    return project_b.x", "f imports project_b"),
            ("def f():\n    from .json import x\n    return x", r"f imports \.json"),
            ("def f():\n    from . import json\n    return json", r"f imports \."),
            ("held = object()\ndef f(): return held", "the global held of f is of type object"),
            ("class Held: pass\ndef f(): return Held()", "the global Held of f"),
            ("def g(): return open\ndef f(): return g()", "the global g of f: g calls open"),
            ("def f(x=object()): return x", "the defaults of f"),
            ("import os\ndef f(): return os.environ['x']", "the module os sees what no digest covers"),
            ("from pathlib import Path\ndef f(): return Path('x').stat()", r"the module pathlib\S* sees"),
            ("def f():\n    import sqlite3\n    return sqlite3.version", "the module sqlite3 sees"),
            ("import json\ndef f(): return json.read_csv('x')", "read_csv looks as if it read or wrote"),
            ("import json\ndef f(): return [json.load(x) for x in 'a']", "load looks as if it read or wrote"),
            ("from json import load\ndef f(): return load('x')", "load looks as if it read or wrote"),
            ("def f(): return f.factor\nf.factor = 2", "f carries attributes"),
            ("def g(): pass\ng.factor = 2\ndef f(): return g.factor", "g carries attributes"),
            ("def f(): return 'd.csv'", "a constant of f is 'd.csv', which names something"),
            ("def f(x='d.csv'): return x", "which names something"),
        ],
    )
    def test_what_may_depend_on_more_has_no_key(self, monkeypatch, source, why):
        monkeypatch.setitem(sys.modules, "project", types.ModuleType("project_a"))
        with pytest.raises(UndigestibleError, match=why):
            key_of(source)

    def test_imports_of_installed_modules_are_covered(self):
        source = "def f():\n    import {}\n    return 1"
        assert key_of(source.format("json")) != key_of(source.format("math"))

    def test_a_closure_without_a_value_has_no_key(self):
        def outer():
            def inner():
                return later

            with pytest.raises(UndigestibleError, match=r"later in the closure .* has no value yet"):
                DIGESTER.call(inner, {})
            later = 1

        outer()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def g(x: int): pass\ndef f(): return g", "def g(x: float): pass\ndef f(): return g"),
        ("def g(): return 1\nf = g", "def h(): return 1\nf = h"),
        ("A = [1]\nB = A\ndef f(): return A, B", "A = [1]\nB = [1]\ndef f(): return A, B"),
    ],
)
def test_what_a_function_can_see_of_itself_and_of_others_counts(one, other):
    keys = set()
    for source in (one, other):
        names = {"__name__": "project_code"}
        exec(source, names)
        keys.add(DIGESTER.call(names["f"], {}))
    assert 2 == len(keys)


def test_that_two_arguments_are_one_object_counts():
    shared = [0]
    assert DIGESTER.values({"a": shared, "b": shared}) != DIGESTER.values({"a": [0], "b": [0]})


def test_the_same_function_has_the_same_key_however_often_it_is_asked_for():
    names = {"__name__": "project_code"}
    exec("A = [1]\ndef f(x=[2], *, y={}): return A, A, x, y", names)
    assert 1 == len({DIGESTER.call(names["f"], {}) for _ in range(100)})
