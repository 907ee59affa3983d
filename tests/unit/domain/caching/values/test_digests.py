import array
import collections
import copy
import copyreg
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import hashlib
import inspect
import io
import itertools
import math
import mmap
import pathlib
import pickle
import random
import re
import struct
import sys
import threading
import types
import typing
import uuid
import weakref
import zoneinfo

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundations.domain.caching.values import encoder as value_encoder
from foundations.domain.caching.values import reduction as value_reduction
from foundations.domain.caching.values.digests import UndigestibleError, ValueDigester
from foundations.ports.digesting import Digesting, Foreign


class FakeDigesting(Digesting):
    """Knows one type of a third party, and digests buffers slowly."""

    def buffer(self, data):
        return hashlib.blake2b(data, digest_size=16).digest()

    def foreign(self, value):
        if not isinstance(value, Stranger):
            return None
        if value.parts is None:
            raise ValueError("it is away")
        return Foreign("stranger", value.parts)


class FakeCode:
    """Digests code by its name, and records the calls."""

    def __init__(self):
        self.calls = []

    def digest_ordered(self, code, where):
        self.calls.append(("ordered", code, where))
        return f"{getattr(code, '__module__', '')}.{getattr(code, '__qualname__', code.__name__)}".encode()

    def digest_unordered(self, code, where):
        self.calls.append(("unordered", code, where))
        return b"alone " + code.__name__.encode()


class Stranger:
    def __init__(self, parts):
        self.parts = parts


class Plain:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Other(Plain):
    pass


class Slotted:
    __slots__ = ("__hidden", "seen")

    def __init__(self, seen, hidden):
        self.seen = seen
        self.__hidden = hidden


class Stateful:
    def __init__(self, state):
        self.state = state

    def __getstate__(self):
        return self.state

    def __setstate__(self, state):
        self.state = state


class Keyworded:
    def __new__(cls, *, value):
        self = super().__new__(cls)
        self.value = value
        return self

    def __getnewargs_ex__(self):
        return (), {"value": self.value}


@dataclasses.dataclass(frozen=True)
class Point:
    x: object
    y: object = 0


@attrs.frozen
class Site:
    x: object
    y: object = 0


@attrs.frozen(cache_hash=True)
class Hashed:
    name: str


class Pair(collections.namedtuple("Pair", ("left", "right"))):
    __slots__ = ()


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Number(enum.IntEnum):
    ONE = 1


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class MyList(list):
    pass


class MyDict(dict):
    pass


class MySet(set):
    pass


class MyStr(str):
    pass


class MyInt(int):
    pass


class MyDate(datetime.date):
    pass


class Nameless:
    def __reduce__(self):
        return "NOWHERE"


class Once:
    def __reduce__(self):
        return "ONCE"


ONCE = Once()


class Named(Plain):
    """One that has a name wherever it is looked for, and more."""

    def __reduce__(self):
        module = sys.modules[__name__]
        module.NAMED = self
        return "NAMED"


def function():
    pass


@functools.lru_cache(maxsize=3)
def cached():
    pass


def digest(value, **keywords):
    return ValueDigester(FakeDigesting(), FakeCode()).digest(value, **keywords)


def refusal(value):
    with pytest.raises(UndigestibleError) as raised:
        digest(value)
    return str(raised.value)


def nested(value, levels, wrap=lambda value: [value]):
    for _ in range(levels):
        value = wrap(value)
    return value


def looking_like(value):
    """Return an object that, asked for how it is pickled, answers for another."""

    class Proxy:
        def __reduce_ex__(self, protocol):
            return value.__reduce_ex__(protocol)

    return Proxy()


DIFFERENT = [
    *(None, ..., NotImplemented, True, False, 0, 1, -1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 2**1000),
    *(0.0, -0.0, 1.0, math.inf, -math.inf, math.nan, 0j, 1j, 1 + 0j, complex(0, -0.0), complex(math.nan, 0)),
    *("", "1", "a", "\ud800", "\udc00", "\ud800\udc00", "\U00010000", "a" * 2000, "a" * 2001),
    *(b"", b"1", b"a" * 2000, b"a" * 2001, bytearray(), bytearray(b"1"), bytearray(b"a" * 2000)),
    *(memoryview(b"1"), memoryview(b"12"), memoryview(b"12").cast("b"), memoryview(b"12").cast("B", (1, 2))),
    *(array.array("b", b"1"), array.array("B", b"1"), array.array("B"), array.array("d", [1.0])),
    *(range(0), range(3), range(1, 3), range(0, 3, 2), slice(3), slice(0, 3), slice(0, 3, 1), slice(None)),
    *([], (), {}, set(), frozenset(), [[]], [()], ((),), [[], []], [[[]]], [None], (None,), {None}, frozenset({None})),
    *([1], [1.0], [True], ["1"], [b"1"], [1, 2], [2, 1], (1, 2), {1, 2}, frozenset({1, 2}), [[1], 2], [1, [2]]),
    *([1, 2.0], [1, True], [1, 2**64], ["a", "b"], ["ab", ""], ["", "ab"], ["ab"], [b"a", b"b"], [b"ab", b""]),
    *([0.0], [-0.0], [math.nan], [math.inf, -math.inf], [[1, 2], [3]], [[1], [2, 3]], [[1, 2, 3]], [1, 2, 3]),
    *({"a": 1}, {"a": 1.0}, {"a": 2}, {"b": 1}, {"a": "b"}, {"b": "a"}, {1: 2}, {2: 1}, {True: 2}, {1: 2, "a": 1}),
    *({"a": {}}, {"a": None}, {("a", 1)}, {("a",): 1}, {"a": 1, "b": 2}, {"a": 2, "b": 1}, {"ab": 1}, {"a", "b"}),
    *({"ab"}, {"a", "b", 1}, frozenset({"a", "b"}), frozenset({frozenset()}), {(): ()}, {frozenset(): frozenset()}),
    *(collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1), collections.Counter("aab")),
    *(collections.defaultdict(list, a=1), collections.defaultdict(dict, a=1), collections.defaultdict(None, a=1)),
    *(collections.deque([1]), collections.deque([1], 3), collections.deque(), collections.ChainMap({"a": 1})),
    *(Pair(1, 2), Pair(2, 1), Point(1), Point(1, 1), Site(1), Site(1, 1), Colour.RED, Colour.BLUE, Number.ONE),
    *(Access.READ, Access.READ | Access.WRITE, Access(0), Hashed("a"), Slotted(1, 2), Slotted(2, 1)),
    *(Plain(), Other(), Plain(a=1), Other(a=1), Plain(a=2), Plain(b=1), Plain(a=1, b=2), Plain(a=Plain())),
    *(Stateful({"a": 1}), Stateful(({"a": 1}, {})), Stateful(({"a": 1}, None)), Stateful((None, {"a": 1}))),
    *(Stateful([1]), Stateful((1, 2)), Stateful({1: 2}), Stateful(0), Keyworded(value=1), Keyworded(value=2)),
    *(MyList(), MyList([1]), MyDict(), MyDict(a=1), MySet(), MySet([1]), MyStr(""), MyStr("a"), MyInt(1), MyInt(2)),
    *(pathlib.PurePosixPath("a"), pathlib.PurePosixPath("b"), pathlib.PureWindowsPath("a"), pathlib.Path("a")),
    *(datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 1, fold=1)),
    datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
    datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    *(datetime.time(1), datetime.timedelta(1), datetime.timedelta(0, 1), datetime.UTC),
    *(zoneinfo.ZoneInfo("Europe/Berlin"), zoneinfo.ZoneInfo("Europe/Paris"), MyDate(2020, 1, 1)),
    *(decimal.Decimal("1.0"), decimal.Decimal("1.00"), fractions.Fraction(1, 2), fractions.Fraction(1, 3)),
    *(uuid.UUID(int=1), uuid.UUID(int=2), re.compile("a"), re.compile("b"), re.compile("a", re.I), re.compile(b"a")),
    *(functools.partial(int, "1"), functools.partial(int, "2"), functools.partial(int, base=2)),
    *(types.SimpleNamespace(), types.SimpleNamespace(a=1), types.MappingProxyType({}), types.MappingProxyType({1: 2})),
    *(function, digest, Plain, Other, math, types, len, max, [].append, [1].append, "a".join, "b".join, str.join),
    *(Plain(a=1).__init__, Plain(a=2).__init__, dict.fromkeys, MyDict.fromkeys, cached, ONCE, list[int], list[str]),
    *(random.Random(1), random.Random(2), ValueError("a"), ValueError("b"), KeyError("a")),
    *(property(function), property(digest), property(function, digest), property(None, function), property()),
    *(staticmethod(function), classmethod(function), staticmethod(digest), Named(), Named(a=1), Named(a=2)),
    *(typing.ForwardRef("A"), typing.ForwardRef("B"), typing.ForwardRef("A", module="m")),
    *(io.BytesIO(b"a"), io.BytesIO(b"b"), io.StringIO("a")),
    *(Stranger(()), Stranger((1,)), Stranger((1, 2)), Stranger(((1, 2),)), Stranger((...,)), [Stranger(()), ...]),
    *(nested(0, 50), nested(1, 50), nested(0, 51), nested((), 50), nested(0, 50, lambda value: Plain(a=value))),
    *(nested(1, 50, lambda value: Plain(a=value)), nested(0, 50, lambda value: (value, 1)), ["[]"], "[]"),
]

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(st.characters(), max_size=5)
    | st.binary(max_size=5)
    | st.just("long" * 300)
    | st.sampled_from([*Colour, datetime.date(2020, 1, 1), decimal.Decimal("1.0"), Point(1), bytearray(b"a")])
)
keys = st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=3) | st.binary(max_size=3)
keys |= st.tuples(keys, keys) | st.frozensets(keys, max_size=2)
values = st.recursive(
    leaves | st.sets(keys, max_size=4) | st.frozensets(keys, max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=3)
        | st.builds(Plain, a=inner, b=inner)
        | st.builds(Site, inner, inner)
        | st.builds(MyList, st.lists(inner, max_size=3))
        | st.lists(inner, max_size=3).map(collections.deque)
    ),
    max_leaves=12,
)


def describe_type(value):
    """Tell values apart by type as well, what has no order by what it holds; all NaNs are one."""
    kind = type(value)
    if kind in (list, tuple, MyList, collections.deque):
        return kind, tuple(describe_type(item) for item in value)
    if kind in (set, frozenset):
        return kind, frozenset(describe_type(item) for item in value)
    if kind is dict:
        return kind, tuple((describe_type(key), describe_type(item)) for key, item in value.items())
    if kind in (Plain, Site):
        names = ("x", "y") if kind is Site else tuple(vars(value))
        return kind, tuple((name, describe_type(getattr(value, name))) for name in names)
    if kind is complex:
        return kind, describe_type(value.real), describe_type(value.imag)
    if kind is float:
        return kind, "nan" if math.isnan(value) else value.hex()
    return kind, repr(value)


def reordered(value):
    """Return an equal value whose sets were put together in another order."""
    kind = type(value)
    if kind in (list, tuple, MyList, collections.deque):
        return kind(reordered(item) for item in value)
    if kind in (set, frozenset):
        return kind(sorted(map(reordered, value), key=repr, reverse=True))
    if kind is dict:
        return {reordered(key): reordered(item) for key, item in value.items()}
    if kind is Plain:
        return Plain(**{name: reordered(held) for name, held in vars(value).items()})
    return value


def test_different_values_have_different_digests():
    digests = collections.defaultdict(list)
    for value in DIFFERENT:
        digests[digest(value)].append(repr(value)[:80])
    assert [] == [group for group in digests.values() if len(group) > 1]


def test_a_digest_has_32_bytes():
    assert {32} == {len(digest(value)) for value in DIFFERENT}


def copies_of(value):
    for make in (copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))):
        try:
            yield make(value)
        except (TypeError, AttributeError, pickle.PicklingError):
            continue  # not everything that has a digest can be copied


@pytest.mark.parametrize("index", range(len(DIFFERENT)))
def test_a_copy_has_the_same_digest(index):
    value = DIFFERENT[index]
    assert {digest(value)} == {digest(value), *map(digest, copies_of(value))}


@given(values, values)
def test_digests_are_equal_where_values_are(one, other):
    assert (describe_type(one) == describe_type(other)) is (digest(one) == digest(other))


@given(values)
def test_copies_have_the_same_digest(value):
    assert {digest(value)} == {digest(copy.deepcopy(value)), digest(pickle.loads(pickle.dumps(value)))}


@given(values)
def test_the_order_in_which_sets_were_filled_does_not_count(value):
    assert digest(value) == digest(reordered(value))


@given(values)
def test_that_two_parts_are_one_object_does_not_count(value):
    assert digest([value, value, [value]]) == digest([value, copy.deepcopy(value), [copy.deepcopy(value)]])


@given(st.lists(values, max_size=4), st.lists(values, max_size=4))
def test_encodings_in_a_row_read_in_one_way(one, other):
    def encoded(items):
        encoder = value_encoder.ValueEncoder(FakeDigesting(), lambda code, *_: code.__name__.encode(), "the value")
        return b"".join(encoder.encode(item, 0) for item in items)

    same = [describe_type(item) for item in one] == [describe_type(item) for item in other]
    assert same is (encoded(one) == encoded(other))


@given(values, values)
def test_no_encoding_begins_another(one, other):
    def encoded(value):
        encoder = value_encoder.ValueEncoder(FakeDigesting(), lambda code, *_: code.__name__.encode(), "the value")
        return encoder.encode(value, 0)

    assert (describe_type(one) == describe_type(other)) is encoded(one).startswith(encoded(other))


@given(st.dictionaries(keys, values, max_size=6).flatmap(lambda d: st.tuples(st.just(d), st.permutations(list(d)))))
def test_a_permuted_dictionary_has_another_digest(case):
    original, order = case
    permuted = {key: original[key] for key in order}
    assert (describe_type(original) == describe_type(permuted)) is (digest(original) == digest(permuted))


PAIRS = [(1, "one"), (2, "two"), (3, "three")]


@pytest.mark.parametrize(
    "make",
    [
        dict,
        lambda pairs: {word: number for number, word in pairs},
        lambda pairs: dict.fromkeys(pairs),
        collections.OrderedDict,
        lambda pairs: collections.defaultdict(int, pairs),
        lambda pairs: collections.Counter({word: number for number, word in pairs}),
        MyDict,
        lambda pairs: types.MappingProxyType(dict(pairs)),
        lambda pairs: collections.ChainMap(dict(pairs)),
        lambda pairs: types.SimpleNamespace(**{word: number for number, word in pairs}),
        lambda pairs: Plain(**{word: number for number, word in pairs}),
        lambda pairs: [{"settings": dict(pairs)}],
    ],
)
def test_code_that_iterates_over_a_mapping_sees_the_order_of_its_keys_so_it_counts(make):
    assert digest(make(PAIRS)) != digest(make(PAIRS[::-1]))


def test_all_nans_are_one():
    (odd,) = struct.unpack("<d", b"\x01\x00\x00\x00\x00\x00\xf8\xff")
    pairs = [(math.nan, odd), ([math.nan], [odd]), (complex(1, math.nan), complex(1, odd)), ([1.0, odd], [1.0, -odd])]
    assert [digest(one) for one, _ in pairs] == [digest(other) for _, other in pairs]


def test_nans_as_keys_go_by_their_order():
    one, other = float("nan"), float("nan")
    assert digest({one: 1, other: 2}) == digest({other: 1, one: 2}) != digest({one: 2, other: 1})


def test_keys_that_are_made_of_the_same_go_by_their_order():
    assert digest({Plain(): 1, Plain(): 2}) == digest({Plain(): 1, Plain(): 2})
    assert digest({Plain(): 1, Plain(): 2}) != digest({Plain(): 2, Plain(): 1})
    assert digest({Plain(): 1, Plain(): 2}) != digest({Plain(): 1, Plain(): 1})


def test_paths_go_by_what_they_name():
    assert digest(pathlib.PurePosixPath("a/b")) == digest(pathlib.PurePosixPath("a", "b"))


def test_a_hash_that_was_cached_does_not_count():
    hashed = Hashed("a")
    hash(hashed)
    assert digest(Hashed("a")) == digest(hashed)


def test_what_a_class_adds_to_one_with_a_reduction_of_its_own_counts():
    one, other = MyDate(2020, 1, 1), MyDate(2020, 1, 1)
    one.note, other.note = 1, 2
    assert 3 == len({digest(one), digest(other), digest(MyDate(2020, 1, 1))})


def test_slots_added_to_a_class_with_a_reduction_of_its_own_count():
    class Dated(datetime.date):
        __slots__ = ("__note",)

        def set(self, note):
            self.__note = note
            return self

    assert 2 == len({digest(Dated(2020, 1, 1).set(note)) for note in (1, 2, 1)})


def test_attributes_of_sets_and_lists_count():
    made = []
    for kind, note in itertools.product((MySet, MyList), (1, 2)):
        value = kind([1])
        value.note = note
        made.append(digest(value))
    assert 4 == len(set(made))


def test_a_set_goes_by_its_elements_whatever_their_order():
    class Hash(MyInt):
        def __hash__(self):
            return 1

    assert digest(MySet([Hash(1), Hash(2), Hash(3)])) == digest(MySet([Hash(3), Hash(2), Hash(1)]))


def test_long_sequences_go_by_all_their_parts():
    long = [None, *range(20_000)]
    assert 4 == len({digest(value) for value in (long, long[:-1], [*long[:-1], 0], [0, *long[1:]], list(long))})


def test_mapped_memory_goes_by_its_content():
    with mmap.mmap(-1, 5000) as one, mmap.mmap(-1, 5000) as other:
        same = digest(one) == digest(other)
        other[4000] = 1
        assert (True, False) == (same, digest(one) == digest(other))


def test_memory_that_is_read_backwards_goes_by_what_is_read():
    assert digest(memoryview(b"cba")) == digest(memoryview(b"abc")[::-1])


def test_buffers_of_a_reduction_are_digested():
    class Buffered:
        def __init__(self, data):
            self.data = data

        def __reduce_ex__(self, protocol):
            return Buffered, (pickle.PickleBuffer(self.data),)

    assert 2 == len({digest(Buffered(data)) for data in (b"a" * 2000, b"b" * 2000, b"a" * 2000)})


def test_a_registered_reduction_is_used():
    class Registered:
        def __init__(self, value):
            self.value = value

        def __reduce__(self):
            raise AssertionError

    copyreg.pickle(Registered, lambda value: (Registered, (value.value,)))
    try:
        assert 2 == len({digest(Registered(value)) for value in (1, 2, 1)})
    finally:
        del copyreg.dispatch_table[Registered]


def test_a_value_that_contains_itself_has_a_digest():
    def ring(length, value):
        first = last = [value]
        for _ in range(length):
            last.append([value])
            last = last[1]
        last.append(first)
        return first

    assert digest(ring(3, 1)) == digest(copy.deepcopy(ring(3, 1)))
    assert 4 == len({digest(ring(*arguments)) for arguments in ((3, 1), (3, 2), (2, 1), (0, 1), (3, 1))})


def test_a_tree_whose_nodes_know_their_parent_has_a_digest():
    def tree(value):
        root = Plain(children=[])
        for index in range(3):
            root.children.append(Plain(parent=root, value=value + index, siblings=root.children))
        return root

    assert digest(tree(1)) == digest(tree(1)) != digest(tree(2))


def test_a_tangle_is_refused_and_does_not_hang(monkeypatch):
    monkeypatch.setattr(value_encoder, "_MAX_CYCLE_ENCODINGS", 1000)
    nodes = [[] for _ in range(30)]
    for node in nodes:
        node += nodes
    assert refusal(nodes).endswith("is part of too many cycles")


def test_parts_that_occur_in_many_places_are_encoded_once():
    shared = nested([], 150, lambda value: [value, value])
    assert digest(shared) == digest(nested([], 150, lambda value: [value, value]))


def test_a_value_is_nested_at_most_200_deep():
    assert 32 == len(digest(nested(0, 200)))
    assert 32 == len(digest(nested(0, 200, lambda value: Plain(a=value))))
    assert refusal(nested(0, 202)).endswith("[0] is nested more than 200 deep")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda value: Plain(a=value),
        lambda value: {"a": value},
        lambda value: frozenset([value]),
        lambda value: {(value,): 1}.keys() and Pair(value, 1),
        lambda value: MyList([value]),
        lambda value: Stateful([value]),
        lambda value: functools.partial(function, value),
    ],
)
def test_what_is_nested_too_deep_is_refused(wrap):
    assert "deep" in refusal(nested(0, 5000, wrap) if wrap(0) != frozenset([0]) else nested(0, 400, wrap))


def test_what_passes_for_a_function_is_none():
    class Wrapper:
        __class__ = types.FunctionType
        __name__ = __qualname__ = "wrapper"

        def __reduce_ex__(self, protocol):
            raise NotImplementedError("no reduction")

    assert refusal(Wrapper()).endswith("whose state cannot be determined: no reduction")


def test_a_stack_that_is_almost_full_is_reported():
    def digest_below(levels):
        return refusal(nested(0, 150)) if levels == 0 else digest_below(levels - 1)

    room = sys.getrecursionlimit() - len(inspect.stack(0)) - 100
    assert "the value is nested deeper than the stack has room for" == digest_below(room)


def test_values_of_code_are_nested_in_what_holds_the_code():
    class Following(FakeCode):
        def digest_ordered(self, code, where):
            return digester.digest([code], where)

    digester = ValueDigester(FakeDigesting(), Following())
    with pytest.raises(UndigestibleError, match="deep"):
        digester.digest([function])


def refused_values():
    lock = threading.Lock()
    numbers = (number for number in (1,))
    released = memoryview(b"a")
    released.release()
    closed = mmap.mmap(-1, 1)
    closed.close()
    return [
        (object(), "the value is an object(), which has no state, only an identity"),
        ([object], None),
        ({"a": [1, numbers]}, "the value['a'][1] is a generator, an iterator whose state changes with each use"),
        (Plain(lr=[1, numbers]), "the value.lr[1] is a generator, an iterator whose state changes with each use"),
        (iter([1]), "the value is a list_iterator, an iterator whose state changes with each use"),
        (itertools.count(), "the value is an itertools.count, an iterator whose state changes with each use"),
        (Pair(1, numbers), "the value.right is a generator, an iterator whose state changes with each use"),
        ({(1, numbers)}, "the value (an element)[1] is a generator, an iterator whose state changes with each use"),
        ({(1, numbers): 1}, "the value (a key)[1] is a generator, an iterator whose state changes with each use"),
        ({1: numbers}, "the value[an int] is a generator, an iterator whose state changes with each use"),
        (collections.deque([numbers]), "the value[0] is a generator, an iterator whose state changes with each use"),
        (
            collections.OrderedDict(a=numbers),
            "the value[0][1] is a generator, an iterator whose state changes with each use",
        ),
        (MyDict(a=numbers), "the value['a'] is a generator, an iterator whose state changes with each use"),
        (
            functools.partial(len, numbers),
            "the value (its state)[1][0] is a generator, an iterator whose state changes with each use",
        ),
        (Stranger([1, numbers]), "the value is a generator, an iterator whose state changes with each use"),
        (range, None),
        (lock, "whose state cannot be determined: cannot pickle '_thread.lock' object"),
        (threading.Event(), "the value._cond._lock is a _thread.lock, whose state cannot be determined"),
        (weakref.ref(lock), "whose content can disappear, since it holds only weak references"),
        (weakref.WeakSet(), "whose content can disappear, since it holds only weak references"),
        (weakref.proxy(lock), "whose content can disappear, since it holds only weak references"),
        ({}.keys(), "the value is a dict_keys, whose state cannot be determined"),
        (super(MyList, MyList([1])), "the value is a super, whose __reduce__ makes an object of another class"),
        (looking_like(Plain(a=1)), "whose __reduce__ makes an object of another class"),
        (memoryview(struct.pack("P", 1)).cast("P"), "its items have the unknown format 'P'"),
        (
            released,
            "the value is a memoryview, whose content cannot be read: operation forbidden on released memoryview",
        ),
        (closed, "the value is a mmap.mmap, whose content cannot be read: mmap closed or invalid"),
        (Nameless(), "which reports the name NOWHERE, but that name refers to another object"),
        (Stranger(None), "Stranger, whose content cannot be read: it is away"),
        (Stranger(failing()), "Stranger, whose content cannot be read: half way"),
        (reducing_to(3), "whose __reduce__ returns an invalid value"),
        (reducing_to((list, (), None, 3)), "whose items cannot be read: 'int' object is not iterable"),
        (reducing_to(ZeroDivisionError()), "whose state cannot be determined: ZeroDivisionError"),
        (random.SystemRandom(), "whose state cannot be determined"),
    ]


def failing():
    yield 1
    raise ValueError("half way")


def reducing_to(reduced):
    class Reducing:
        def __reduce_ex__(self, protocol):
            if isinstance(reduced, Exception):
                raise reduced
            return reduced

    return Reducing()


def test_unreadable_values_are_refused_with_path_type_and_reason():
    messages = [(refusal(value), expected) for value, expected in refused_values() if expected is not None]
    assert [] == [(message, expected) for message, expected in messages if expected not in message]


def test_open_files_are_refused(tmp_path):
    with open(tmp_path / "a", "w") as file:
        assert refusal([file]).startswith("the value[0] is a _io.TextIOWrapper, whose state cannot be determined")


def test_an_error_begins_with_what_the_value_is_called():
    with pytest.raises(UndigestibleError, match=r"^the argument lr\[0\] is an object"):
        digest([object()], where="the argument lr")


def test_an_error_of_code_goes_through_as_it_is():
    class Refusing(FakeCode):
        def digest_ordered(self, code, where):
            raise UndigestibleError(f"{where} is refused")

    with pytest.raises(UndigestibleError) as raised:
        ValueDigester(FakeDigesting(), Refusing()).digest({"a": [1, function]})
    assert "the value['a'][1] is refused" == str(raised.value)


def test_code_in_a_set_is_digested_without_order():
    code = FakeCode()
    ValueDigester(FakeDigesting(), code).digest([function, {Plain}, {(len,): [max]}])
    assert [
        ("ordered", function, "the value[0]"),
        ("unordered", Plain, "the value[1] (an element)"),
        ("ordered", len, "the value[2] (a key)[0]"),
        ("ordered", max, "the value[2][a tuple][0]"),
    ] == code.calls


def test_one_digest_asks_for_each_piece_of_code_once():
    code = FakeCode()
    ValueDigester(FakeDigesting(), code).digest([Plain(a=1), Plain(a=2), Plain])
    assert [("ordered", Plain, "the value[0]")] == code.calls


def test_what_calls_itself_by_another_name_has_another_digest():
    one, other = type("Same", (), {}), type("Same", (), {"__qualname__": "Other"})
    code = FakeCode()
    code.digest_ordered = lambda code, where: b"same"
    digester = ValueDigester(FakeDigesting(), code)
    assert digester.digest(one()) != digester.digest(other())


def test_fields_that_the_default_reduction_passes_over_are_refused(monkeypatch):
    class Wide(list):
        __slots__ = ("a",)

    monkeypatch.setattr(value_reduction, "_POINTER_SIZE", 0)  # as if its slot were none
    assert refusal(Wide()).endswith("Wide, which has hidden fields that cannot be read")


def test_kinds_of_pythons_own_types_have_no_hidden_fields():
    class Wide(MyList):
        __slots__ = ("a", "b")

    class Named(MyStr):
        pass

    kinds = [Wide, Named, MyDict, MySet, MyInt, collections.UserDict, Number]
    assert [32] * len(kinds) == [len(digest(kind(1) if issubclass(kind, int) else kind())) for kind in kinds]
