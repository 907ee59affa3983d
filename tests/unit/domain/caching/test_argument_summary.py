import collections
import dataclasses
import enum
import typing

import attrs
import numpy
import pytest

from foundations.domain.caching.argument_summary import (
    MAX_PARTS,
    ArgumentSummary,
    DisplayText,
    argument_parts,
    differing_parts,
)


@dataclasses.dataclass
class Layer:
    units: int
    activation: str = "relu"
    seed: int = dataclasses.field(default=0, repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    rate: float


@attrs.frozen
class Model:
    layers: list
    name: str = "m"
    auth: str = attrs.field(default="hidden", repr=lambda value: "***")


@attrs.define(slots=False)
class Loose:
    rate: float


class Point(typing.NamedTuple):
    x: int
    y: int


class Colour(enum.IntEnum):
    RED = 1


class Masked(str):
    def __repr__(self):
        raise AssertionError("code of the user's was called")


@dataclasses.dataclass
class Watched:
    rate: float

    def __getattribute__(self, name):
        raise AssertionError("code of the user's was called")


class Counting(dict):
    def items(self):
        raise AssertionError("code of the user's was called")


def differences(old, new):
    return list(differing_parts(argument_parts("config", old), argument_parts("config", new)))


def paths(value):
    return [part.path for part in argument_parts("config", value)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"lr": 0.1, "n": 1}, {"lr": 0.2, "n": 1}, ["['lr']: 0.1 -> 0.2"]),
        ({"lr": 0.1}, {"lr": 0.1, "dropout": 0.5}, ["['dropout'] is given now"]),
        ({"lr": 0.1, "dropout": 0.5}, {"lr": 0.1}, ["['dropout'] is not given any more"]),
        ({"a": {"b": [1, {2: True}]}}, {"a": {"b": [1, {2: False}]}}, ["['a']['b'][1][2]: True -> False"]),
        ({"a": 1}, {"a": {"b": 1, "c": 2}}, ["['a']: 1 -> dict"]),
        ({}, {"a": {"b": 1, "c": 2}}, ["['a'] is given now"]),
        ({"a": [1]}, {"a": (1,)}, ["['a']: list -> tuple"]),
        ([1, 2], [1, 2, 3], ["[2] is given now"]),
        ((1, 2), (1, 3), ["[1]: 2 -> 3"]),
        (Point(1, 2), Point(1, 3), [".y: 2 -> 3"]),
        (Model([Layer(16), Layer(64)]), Model([Layer(16), Layer(32)]), [".layers[1].units: 64 -> 32"]),
        (Slotted(0.1), Slotted(0.2), [".rate: 0.1 -> 0.2"]),
        (Loose(0.1), Loose(0.2), [".rate: 0.1 -> 0.2"]),
        ({"opt": Slotted(0.1)}, {"opt": Loose(0.1)}, ["['opt']: Slotted -> Loose"]),
        ({"a": 1, "aa": 1}, {"aa": 2}, ["['a'] is not given any more", "['aa']: 1 -> 2"]),
        ({"a": 1}, {"a": "x" * 1000}, ["['a'] changed"]),
        ({"a": 1}, {"a": "two\nlines"}, ["['a']: 1 -> 'two\\nlines'"]),
        ({(1, 2): 1}, {(1, 2): 1, "b": 1}, ["['b'] is given now"]),
        (
            {"x": DisplayText("output of load", "1")},
            {"x": DisplayText("output of load", "2")},
            ["['x']: the output of load has another key"],
        ),
        (collections.OrderedDict(a=1), collections.OrderedDict(a=2), ["['a']: 1 -> 2"]),
        ({"c": Colour.RED}, {"c": 2}, ["['c']: <Colour.RED: 1> -> 2"]),
    ],
)
def test_what_differs_inside_is_named(old, new, expected):
    assert [f"argument config{end}" for end in expected] == differences(old, new)


@pytest.mark.parametrize(
    "value", [1, "text", None, {1, 2}, numpy.zeros(3), object(), len, DisplayText("output of load")]
)
def test_a_value_that_cannot_be_looked_into_has_no_parts(value):
    assert () == argument_parts("config", value)


@pytest.mark.parametrize(
    "hide",
    [
        lambda secret: {"password": secret},
        lambda secret: {"db": [{"apiKey": secret}]},
        lambda secret: {"credentials": {"user": secret, "more": [secret]}},
        lambda secret: [("token", secret)],
        lambda secret: {"model": Model([], auth=secret)},
        lambda secret: [dataclasses.make_dataclass("Login", ["user", "passphrase"])("ann", secret)],
        lambda secret: collections.namedtuple("Login", ["user", "pwd"])("ann", secret),
    ],
)
def test_secrets_are_never_shown(hide):
    assert "hidden" not in str(argument_parts("config", hide("hidden")))
    assert [] == differences(hide("hidden"), hide("another"))


def test_an_argument_with_a_secrets_name_has_no_parts():
    assert () == argument_parts("credentials", {"user": "ann"})


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: {"a": Masked("x")}, ["dict", ""]),
        (lambda: {"a": Watched(0.1)}, ["dict", "Watched", "0.1"]),
        (lambda: Counting(a=1), ["Counting", "1"]),
    ],
)
def test_no_code_of_the_users_is_called(make, expected):
    assert expected == [part.text for part in argument_parts("config", make())]


def test_what_an_object_does_not_keep_is_not_shown():
    @dataclasses.dataclass
    class Computed:
        kind: typing.ClassVar[str] = "a"
        rate: float = 0.1

    @dataclasses.dataclass(slots=True)
    class Slots:
        kind: typing.ClassVar[str] = "a"
        rate: float = 0.1

    emptied, deleted = Computed(), Slots()
    del emptied.__dict__["rate"], deleted.rate
    for value in (emptied, deleted):
        assert [type(value).__name__, "", ""] == [part.text for part in argument_parts("config", value)]


def test_so_many_parts_are_remembered_and_the_others_not_guessed_at():
    long = list(range(1000))
    assert MAX_PARTS == len(argument_parts("config", {"a": long, "b": [long] * 100}))
    assert [] == differences(long, [*long, 1])
    assert "argument config[10] is given now" == differences(long[:10], long)[0]
    assert "argument config[10] is not given any more" == differences(long, long[:10])[0]


def test_parts_that_lie_less_deep_come_first():
    assert ["config", "config['a']", "config['b']", "config['a'][0]", "config['a'][1]"] == paths({"a": [1, 2], "b": 1})


def test_a_container_that_holds_itself_and_a_deep_one_come_to_an_end():
    round_about = []
    round_about.append(round_about)
    assert 8 == len(paths(round_about))
    assert all(len(path) <= 120 for path in paths({"k" * 50: {"l" * 50: {"m" * 50: 1}}}))


def test_an_argument_is_looked_at_once():
    config = {"lr": 0.1}
    summary = ArgumentSummary("config", config)
    before = summary.describe()
    config.clear()
    assert before == summary.describe()


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "0.1"), ("a", "'a'"), ([1], ""), (DisplayText("output of f"), "output of f")]
)
def test_what_is_shown_of_a_whole_argument(value, text):
    assert text == ArgumentSummary("x", value).describe()[0]
