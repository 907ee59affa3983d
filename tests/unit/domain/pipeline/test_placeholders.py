import dataclasses
import pickle
from collections import OrderedDict, defaultdict, namedtuple
from typing import ClassVar

import attrs
import pytest

from foundations.domain.pipeline.placeholders import Reference, Template, find, replace
from foundations.errors import PipelineError

Point = namedtuple("Point", "x y")


class Hole:
    def __repr__(self):
        return "<hole>"


@dataclasses.dataclass
class Plain:
    a: object
    b: object = 2
    shared: ClassVar[object] = "of the class"
    late: object = dataclasses.field(init=False)


@dataclasses.dataclass(frozen=True)
class Frozen:
    a: object


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    a: object
    shared: ClassVar[object] = "of the class"


@attrs.define
class Defined:
    a: object


@attrs.frozen
class FrozenAttrs:
    a: object
    b: object = 3


class MyList(list):
    pass


HOLE = Hole()
CONTAINERS = [
    lambda x: [1, x],
    lambda x: (x, 1),
    lambda x: {"key": x, "other": 1},
    lambda x: [[({"deep": [x]},)]],
    lambda x: Point(x, 1),
    lambda x: OrderedDict(a=x),
    lambda x: defaultdict(list, a=x),
    lambda x: MyList([x]),
    lambda x: Plain(x),
    lambda x: Plain(1, [x]),
    lambda x: Frozen(x),
    lambda x: Slotted(x),
    lambda x: Defined(x),
    lambda x: FrozenAttrs([x]),
]


def filled(value):
    return replace(value, lambda item: "filled", (Hole,))


def fields(value):
    """A value whose equality does not ask for attributes that are not set."""
    return vars(value) if isinstance(value, Plain) else value


@pytest.mark.parametrize("container", CONTAINERS)
def test_what_stands_in_a_container_is_found_and_replaced(container):
    value = container(HOLE)
    assert [HOLE] == find(value, (Hole,))
    result = filled(value)
    assert (type(value), fields(container("filled"))) == (type(result), fields(result))
    assert [HOLE] == find(value, (Hole,)), "the original is left as it was"


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers_without_any_stay_the_same_objects(container):
    value = container("nothing")
    assert [] == find(value, (Hole,))
    assert filled(value) is value


def test_only_what_changes_is_made_anew():
    untouched = [object()]
    result = filled([untouched, HOLE])
    assert [untouched, "filled"] == result
    assert result[0] is untouched


def test_a_default_factory_survives():
    assert [] == filled(defaultdict(list, a=HOLE))["new"]


def test_a_field_that_is_not_set_stays_so():
    assert not hasattr(filled(Plain(HOLE)), "late")


def test_a_container_that_stands_twice_stays_one_object():
    inner = [HOLE]
    one, other = filled([inner, inner])
    assert (["filled"], True) == (one, one is other)


def test_all_are_found_in_order():
    holes = [Hole() for _ in range(4)]
    assert holes == find([holes[0], {"a": (holes[1], [holes[2]])}, Frozen(holes[3])], (Hole,))


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({HOLE}, "a set"),
        (frozenset([HOLE]), "a frozenset"),
        ([{HOLE: 1}], "a dictionary's key"),
        ((lambda hole: lambda: hole)(HOLE), "a function's closure"),
    ],
    ids=["set", "frozenset", "key", "closure"],
)
def test_where_nothing_can_be_replaced_it_is_an_error(value, where):
    with pytest.raises(PipelineError, match=f"<hole> is in {where}"):
        find(value, (Hole,))


def test_a_container_that_holds_itself_passes_without_holes():
    loop = [object()]
    loop.append(loop)
    assert filled(loop) is loop
    assert [] == find(loop, (Hole,))


def test_a_container_that_holds_itself_and_a_hole_is_an_error():
    loop = [HOLE]
    loop.append(loop)
    assert [HOLE] == find(loop, (Hole,))
    with pytest.raises(PipelineError, match="contains itself"):
        filled(loop)


def test_an_empty_closure_cell_holds_nothing():
    def outer():
        def inner():
            return later

        found = find(inner, (Hole,))
        later = HOLE
        return found

    assert [] == outer()


def test_long_lists_are_searched_without_recursion():
    nested = value = []
    for _ in range(50_000):
        value.append([])
        value = value[0]
    value.append(HOLE)
    assert [HOLE] == find(nested, (Hole,))


def test_references_and_templates_travel():
    reference, template = pickle.loads(pickle.dumps((Reference(3), Template([1]))))
    assert (3, "<output of stage 3>") == (reference.index, repr(reference))
    assert ([1], "[1]") == (template.value, repr(template))
