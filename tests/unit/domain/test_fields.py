import collections
import dataclasses
import typing

import attrs
import pytest

from foundations.domain.fields import declares_fields, fields_of


@dataclasses.dataclass
class Data:
    limit: typing.ClassVar[int] = 1
    rate: float
    seed: int = dataclasses.field(default=0, repr=False)


class Heir(Data):
    pass


@attrs.frozen
class Attrs:
    rate: float
    auth: str = attrs.field(default="", repr=lambda value: "***")


class Lookalike:
    __dataclass_fields__ = __attrs_attrs__ = "something else"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Data, [("limit", True, False), ("rate", True, True), ("seed", False, True)]),
        (Heir, [("limit", True, False), ("rate", True, True), ("seed", False, True)]),
        (Attrs, [("rate", True, True), ("auth", False, True)]),
        (collections.namedtuple("Pair", "left right"), [("left", True, True), ("right", True, True)]),
        (tuple, None),
        (dict, None),
        (Lookalike, None),
    ],
)
def test_the_fields_of_a_class_are_those_of_its_generator(kind, expected):
    assert expected == fields_of(kind)


@pytest.mark.parametrize(("kind", "expected"), [(Data, True), (Attrs, True), (Heir, False), (dict, False)])
def test_only_the_class_itself_declares_fields(kind, expected):
    assert expected == declares_fields(kind)
