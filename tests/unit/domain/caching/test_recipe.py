import pytest

from foundations.domain.caching.argument_summary import ArgumentSummary
from foundations.domain.caching.code.closure import Closure
from foundations.domain.caching.code.parts import Part
from foundations.domain.caching.recipe import (
    Argument,
    Recipe,
    Traits,
    describe_differences,
    encode_about,
    read_header,
    read_recipe,
)


def recipe(python="cpython 3.11", parts=(), packages=None, **arguments):
    """Return a recipe as it is kept; an argument's digest is its repr."""
    given = tuple(Argument(name, repr(value), ArgumentSummary(name, value)) for name, value in arguments.items())
    closure = Closure(b"", tuple(Part("function", name, digest) for name, digest in parts), packages or {})
    return {**Recipe("train", closure, given, python).to_json(), "closure": closure.to_json()}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"rate": 1}, {"rate": 2}, ["argument rate: 1 -> 2"]),
        ({"rate": 1}, {}, ["argument rate is not given any more"]),
        ({}, {"rate": 1}, ["argument rate is given now"]),
        ({"values": {1}}, {"values": {2}}, ["argument values changed"]),
        ({"password": "a"}, {"password": "b"}, ["argument password changed"]),
        ({"config": {"lr": 1}}, {"config": {"lr": 2}}, ["argument config['lr']: 1 -> 2"]),
        ({"config": {"lr": 1}}, {"config": 3}, ["argument config changed"]),
        ({"config": {"pwd": 1}}, {"config": {"pwd": 2}}, ["argument config changed, in a part that is not shown"]),
        ({"python": "cpython 3.11"}, {"python": "cpython 3.12"}, ["Python: cpython 3.11 -> cpython 3.12"]),
        ({"packages": {"numpy": "2.0 a"}}, {"packages": {"numpy": "2.1 b"}}, ["numpy 2.0 -> 2.1"]),
        ({"packages": {"numpy": "2.0 a"}}, {"packages": {}}, ["package numpy is not used any more"]),
        ({"packages": {"numpy": "2.0 a"}}, {"packages": {"numpy": "2.0"}, "x": 1}, ["argument x is given now"]),
        (
            {"packages": {"numpy": "2.0 a"}},
            {"packages": {"numpy": "2.0 b"}},
            ["package numpy 2.0 was installed again, with other files"],
        ),
        ({"parts": []}, {"parts": [("f", "1")]}, ["function f is used now"]),
        ({"parts": [("f", "1")]}, {"parts": [("f", "2")]}, ["function f changed"]),
    ],
)
def test_differences_are_described_in_words(old, new, expected):
    assert expected == describe_differences(recipe(**old), recipe(**new))


def test_some_parts_of_a_long_argument_are_reported():
    lines = describe_differences(recipe(values=[0] * 40, rate=1), recipe(values=[1] * 40, rate=2))
    assert [*(f"argument values[{number}]: 0 -> 1" for number in range(8)), "argument rate: 1 -> 2"] == [
        line for line in lines if "more" not in line
    ]
    assert "argument values differs in more than these 8 parts" in lines


def test_a_recipe_without_parts_is_compared_as_a_whole():
    old = recipe(config={"lr": 1}, rate=1)
    del old["parts"]
    assert ["argument config changed", "argument rate: 1 -> 2"] == describe_differences(
        old, recipe(config={"lr": 2}, rate=2)
    )
    assert (-1, 0, 0) == Traits.from_recipe(old).similarity(Traits.from_recipe(recipe(config={"lr": 2}, rate=1)))


def test_a_recipe_has_no_parts_where_no_argument_has_any():
    assert {"stage", "python", "arguments", "closure"} == set(recipe(rate=1))
    assert [["rate", "1", "1"]] == recipe(rate=1)["arguments"]


@pytest.mark.parametrize(
    ("nearer", "farther"),
    [
        (recipe(a=1, b=1), recipe(a=1, b=2)),
        (recipe(parts=[("f", "1"), ("g", "1")]), recipe(parts=[("f", "1"), ("g", "2")])),
        (recipe(config={"a": 1, "b": 2}), recipe(config={"a": 0, "b": 2})),
    ],
)
def test_what_has_more_in_common_is_nearer(nearer, farther):
    asked = Traits.from_recipe(recipe(a=1, b=1, config={"a": 1, "b": 3}, parts=[("f", "1"), ("g", "1")]))
    assert Traits.from_recipe(nearer).similarity(asked) > Traits.from_recipe(farther).similarity(asked)


@pytest.mark.parametrize(
    ("other", "expected"),
    [({"a": 1}, True), ({"parts": [("f", "1")]}, True), ({"a": 2, "parts": [("f", "2")]}, False), ({}, False)],
)
def test_one_argument_or_piece_of_code_is_something_in_common(other, expected):
    asked = Traits.from_recipe(recipe(a=1, parts=[("f", "1")]))
    assert expected is Traits.from_recipe(recipe(**other)).overlaps(asked)


def test_what_lies_beside_a_value_is_read_again():
    about = encode_about({"stage": "train", "job": "a"}, '{"python": "3.11"}')
    assert {"format": 1, "stage": "train", "job": "a"} == read_header(about)
    assert {"format": 1, "stage": "train", "job": "a", "python": "3.11"} == read_recipe(about)


@pytest.mark.parametrize(
    "about", [b"", b"\xff", b"[]\n{}", b'{"format": 2}\n{}', b'{"format": 1}\nnone', b'{"format": 1}']
)
def test_what_another_version_has_written_is_no_recipe(about):
    assert None is read_recipe(about)
