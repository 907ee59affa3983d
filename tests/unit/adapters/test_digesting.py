import array
import copy
import datetime
import itertools
import pickle
import struct
import sys

import hypothesis.extra.numpy as arrays
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from foundations.adapters.digesting import Blake3Digesting, array_content, hashing
from foundations.domain.caching.values.digests import UndigestibleError, ValueDigester


class FakeCode:
    """Digests code by its name."""

    def digest_ordered(self, code, where):
        return f"{getattr(code, '__module__', '')}.{getattr(code, '__qualname__', code.__name__)}".encode()

    digest_unordered = digest_ordered


DIGESTER = ValueDigester(Blake3Digesting(), FakeCode())


def digest(value):
    return DIGESTER.digest(value)


def refusal(value):
    with pytest.raises(UndigestibleError) as raised:
        digest(value)
    return str(raised.value)


def alike(*values):
    """Return the number of digests that values have."""
    return len({digest(value) for value in values})


class Annotated(np.ndarray):
    """An array with an attribute."""

    def __new__(cls, data, note):
        array = np.asarray(data).view(cls)
        array.note = note
        return array


class Slotted(np.ndarray):
    __slots__ = ("note",)


def slotted(note):
    array = np.array([1]).view(Slotted)
    array.note = note
    return array


class MyFloat(np.float64):
    pass


class MyFrame(pd.DataFrame):
    _metadata = ["note"]  # noqa: RUF012


def annotated_frame(note):
    frame = MyFrame({"a": [1]})
    frame.note = note
    return frame


PADDED = np.dtype({"names": ["a", "b"], "formats": ["i1", "f8"], "offsets": [0, 8], "itemsize": 24})
NESTED = np.dtype([("a", "i4", (2,)), ("b", [("c", "O"), ("d", "S2")])])
LONG = np.arange(1000.0)
STRINGS = np.dtypes.StringDType

DIFFERENT_ARRAYS = [
    *(
        np.zeros((2, 3)),
        np.zeros((3, 2)),
        np.zeros(6),
        np.zeros((6, 1)),
        np.zeros((2, 0)),
        np.zeros((0, 2)),
        np.zeros(0),
    ),
    *(np.zeros(()), np.array(1.0), np.array([1.0]), np.array([1]), np.array([1], "i4"), np.array([1], "u8")),
    *(np.array([1.0], ">f8"), np.array([1.0], "f4"), np.array([1.0], "f2"), np.array([1.0], "c16"), np.array([True])),
    *(np.array([0.0]), np.array([-0.0]), np.array([np.nan]), np.array(["a"]), np.array(["a"], "U2"), np.array([b"a"])),
    *(np.array(["a"], "O"), np.array([b"a"], "O"), np.array([1], "O"), np.array([[1]], "O"), np.array([[1], [2]], "O")),
    *(np.array([1], "M8[s]"), np.array([1], "M8[ns]"), np.array([1], "M8[2s]"), np.array(["NaT"], "M8[s]")),
    *(np.array([1], "m8[s]"), np.array([b"a"], "V8"), np.array([1], np.longdouble), np.array([1], np.clongdouble)),
    *(np.array(["a"], STRINGS()), np.array(["b"], STRINGS()), np.array(["a"], STRINGS(na_object=None))),
    *(np.zeros(1, [("a", "i4")]), np.zeros(1, [("b", "i4")]), np.zeros(1, [("a", "i4"), ("b", "i4")])),
    *(np.zeros(1, PADDED), np.zeros(1, NESTED), np.zeros(2, NESTED), np.rec.array(np.zeros(1, [("a", "i4")]))),
    *(LONG, LONG + 1, LONG[::-1], LONG.reshape(10, 100), LONG.reshape(100, 10), LONG.reshape(100, 10).T),
    *(np.ma.array([1, 2]), np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0])),
    *(np.ma.array([1, 2], fill_value=3), np.ma.masked),
    *(np.ma.array(["a", "b"], mask=[0, 1]), np.ma.array([[1], "b"], "O", mask=[0, 1]), np.ma.zeros(2, PADDED)),
]

DIFFERENT_OF_NUMPY = [
    *(
        np.float64(1),
        np.float32(1),
        np.int64(1),
        np.int32(1),
        np.bool_(True),
        np.str_("a"),
        np.bytes_(b"a"),
        1.0,
        1,
        "a",
    ),
    *(
        np.datetime64(1, "s"),
        np.datetime64(1, "ns"),
        np.timedelta64(1, "s"),
        np.datetime64("NaT", "s"),
        np.longdouble(1),
    ),
    *(np.void(b"a"), np.zeros(1, PADDED)[0], np.float64(2), np.complex128(1)),
    *(np.dtype("f8"), np.dtype(">f8"), np.dtype("f4"), np.dtype("M8[s]"), np.dtype("M8[ns]"), np.dtype("U1"), NESTED),
    *(np.dtype([("a", "f8")]), np.dtype([("b", "f8")]), np.dtype((np.record, [("a", "f8")])), np.dtype(("f8", (2,)))),
    *(PADDED, np.dtype([("a", "i1"), ("b", "f8")]), np.dtype([("a", "i1"), ("b", "f8")], align=True), STRINGS()),
    *(np.add, np.subtract, np.random.default_rng(0), np.random.default_rng(1), np.random.RandomState(0)),
    *(np.random.RandomState(1), np.random.PCG64(0), np.random.MT19937(0), np.random.SeedSequence(1), np.poly1d([1, 2])),
    *(np.float64, np.sum, np, np.linalg.norm),
]

stamps = pd.date_range("2020-01-01", periods=3)
COLUMNS = [
    *([1, 2, 3], [1.0, 2.0, 3.0], [1.0, 2.0, np.nan], [True, False, True], ["a", "b", "c"], [1, "b", None]),
    *(
        ["a", "b", None],
        np.array([1, 2, 3], "i4"),
        pd.Series(["a", "b", "c"], dtype="O"),
        pd.Series(["a", "b", None], dtype="O"),
    ),
    *(pd.array([1, 2, None], "Int64"), pd.array([1, 2, 0], "Int64"), pd.array([1, 2, None], "Int32")),
    *(
        pd.array([1, 2, None], "Float64"),
        pd.array([True, False, None], "boolean"),
        pd.array([True, False, True], "boolean"),
    ),
    *(pd.array(["a", "b", None], "string[python]"), pd.array(["a", "b", None], "string[pyarrow]")),
    *(pd.array(["a", "b", ""], "string[python]"), pd.array(["a", "b", ""], "string[pyarrow]")),
    *(
        pd.array(["a", "b", None], pd.StringDtype("python", np.nan)),
        pd.array(["a", "b", None], pd.ArrowDtype(pa.string())),
    ),
    *(pd.array([1, 2, None], pd.ArrowDtype(pa.int64())), pd.array([1, 2, None], pd.ArrowDtype(pa.int32()))),
    *(
        pd.Categorical(["a", "b", "a"]),
        pd.Categorical(["a", "b", "a"], ["b", "a"]),
        pd.Categorical(["a", "b", "a"], ["a", "b", "c"]),
    ),
    *(pd.Categorical(["a", "b", "a"], ordered=True), pd.Categorical(["a", "b", None]), pd.Categorical([1, 2, 1])),
    *(stamps, stamps.tz_localize("UTC"), stamps.tz_localize("Europe/Berlin"), stamps.as_unit("s"), stamps - stamps[0]),
    *(stamps.to_period("D"), stamps.to_period("M"), pd.interval_range(0, 3), pd.interval_range(0, 3, closed="left")),
    *(
        pd.arrays.SparseArray([0, 0, 1]),
        pd.arrays.SparseArray([0, 1, 0]),
        pd.arrays.SparseArray([0, 0, 1], fill_value=1),
    ),
]

INDICES = [
    *(pd.RangeIndex(3), pd.RangeIndex(1, 4), pd.RangeIndex(3, name="a"), pd.Index([0, 1, 2]), pd.Index([0.0, 1, 2])),
    *(pd.Index(["a", "b"]), pd.Index(["a", "b"], name="n"), pd.Index(["a", "b"], dtype="O"), pd.Index(["a", "c"])),
    *(stamps, pd.DatetimeIndex(list(stamps)), stamps.tz_localize("UTC"), stamps.rename("n"), stamps - stamps[0]),
    pd.date_range("2020-01-01", periods=3, freq=pd.offsets.CustomBusinessDay(holidays=["2020-01-20"])),
    pd.date_range("2020-01-01", periods=3, freq=pd.offsets.CustomBusinessDay()),
    *(
        pd.MultiIndex.from_product([[1, 2], ["a", "b"]]),
        pd.MultiIndex.from_product([[1, 2], ["a", "b"]], names=["x", "y"]),
    ),
    *(pd.MultiIndex.from_product([[1, 2], ["a", "c"]]), pd.CategoricalIndex(["a"]), pd.interval_range(0, 2)),
    *(stamps.to_period("D"), pd.Index([]), pd.RangeIndex(0)),
]

FRAMES = [
    *(
        pd.DataFrame(),
        pd.DataFrame(index=[1]),
        pd.DataFrame(columns=["a"]),
        pd.DataFrame({"a": [1]}),
        pd.DataFrame({"b": [1]}),
    ),
    *(pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"b": [2], "a": [1]}), pd.DataFrame({"a": [1], "b": [2.0]})),
    *(
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame([[2, 1]], columns=["a", "a"]),
        pd.DataFrame({"a": [1]}, index=[1]),
    ),
    pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
]
FRAMES[-1].attrs["a"] = 1

SCALARS = [
    *(pd.NaT, pd.NA, pd.Timestamp("2020"), pd.Timestamp("2020").as_unit("s"), pd.Timestamp("2020", tz="UTC")),
    *(pd.Timestamp("2020", tz="Europe/Berlin"), pd.Timestamp("2020").as_unit("ns"), pd.Timedelta(1), pd.Timedelta(2)),
    *(pd.Timedelta("1s").as_unit("s"), pd.Period("2020"), pd.Period("2020", "M"), pd.Interval(0, 1), pd.Interval(0, 2)),
    *(pd.Interval(0, 1, "both"), pd.offsets.Day(1), pd.offsets.Day(2), pd.offsets.MonthEnd(), pd.StringDtype("python")),
    *(
        pd.StringDtype("pyarrow"),
        pd.CategoricalDtype(["a"]),
        pd.CategoricalDtype(["b"]),
        pd.Int64Dtype(),
        pd.Int32Dtype(),
    ),
]

ARROW = {
    "null": (pa.null(), [None, None, None]),
    "bool": (pa.bool_(), [True, None, False]),
    "int8": (pa.int8(), [1, None, 2]),
    "float16": (pa.float16(), [np.float16(1), None, np.float16(2)]),
    "double": (pa.float64(), [1.0, None, float("nan")]),
    "decimal": (pa.decimal128(5, 2), [1, None, 2]),
    "decimal256": (pa.decimal256(50, 2), [1, None, 2]),
    "date": (pa.date32(), [1, None, 2]),
    "time": (pa.time64("ns"), [1, None, 2]),
    "timestamp": (pa.timestamp("ns", "UTC"), [1, None, 2]),
    "duration": (pa.duration("s"), [1, None, 2]),
    "interval": (pa.month_day_nano_interval(), [(1, 2, 3), None, (1, 2, 4)]),
    "binary": (pa.binary(), [b"a", None, b"bc"]),
    "large binary": (pa.large_binary(), [b"a", None, b"bc"]),
    "binary view": (pa.binary_view(), [b"a", None, b"bc" * 10]),
    "fixed": (pa.binary(2), [b"ab", None, b"bc"]),
    "empty fixed": (pa.binary(0), [b"", None, b""]),
    "string": (pa.string(), ["a", None, "bc"]),
    "large string": (pa.large_string(), ["a", None, "bc"]),
    "string view": (pa.string_view(), ["a", None, "bc" * 10]),
    "list": (pa.list_(pa.int8()), [[1, None], None, [2]]),
    "large list": (pa.large_list(pa.string()), [["a", None], None, ["b"]]),
    "list view": (pa.list_view(pa.int8()), [[1, None], None, [2]]),
    "fixed list": (pa.list_(pa.int8(), 2), [[1, None], None, [2, 3]]),
    "struct": (pa.struct({"a": pa.int8(), "b": pa.string()}), [{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}]),
    "map": (pa.map_(pa.string(), pa.int8()), [[("a", 1)], None, [("b", None)]]),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), ["a", None, "b"]),
    "nested": (pa.list_(pa.struct({"a": pa.list_(pa.string())})), [[{"a": ["x"]}, None], None, [{"a": [None]}]]),
    "uuid": (pa.uuid(), [b"a" * 16, None, b"b" * 16]),
}

POLARS = [
    *(
        pl.Series([1, 2]),
        pl.Series([1, None]),
        pl.Series("a", [1, 2]),
        pl.Series([1, 2], dtype=pl.Int8),
        pl.Series([1.0, 2]),
    ),
    *(
        pl.Series(["a", "b"]),
        pl.Series(["a", "b"], dtype=pl.Categorical),
        pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])),
    ),
    *(
        pl.Series(["a", "b"], dtype=pl.Enum(["b", "a"])),
        pl.Series([b"a", b"b"]),
        pl.Series([True, False]),
        pl.Series([]),
    ),
    *(
        pl.Series([[1], None]),
        pl.Series([["a"]], dtype=pl.List(pl.Categorical)),
        pl.Series([["a"]], dtype=pl.List(pl.String)),
    ),
    *(
        pl.Series([[1, 2]], dtype=pl.Array(pl.Int8, 2)),
        pl.Series([{"a": 1}]),
        pl.Series([{"b": 1}]),
        pl.Series([{"a": "x"}]),
    ),
    *(
        pl.Series([datetime.date(2020, 1, 1)]),
        pl.Series([datetime.datetime(2020, 1, 1)]),
        pl.Series([datetime.timedelta(1)]),
    ),
    pl.Series([None, None]),
    *(pl.DataFrame(), pl.DataFrame({"a": [1]}), pl.DataFrame({"b": [1]}), pl.DataFrame({"a": [1], "b": [2]})),
    *(
        pl.DataFrame({"b": [2], "a": [1]}),
        pl.DataFrame({"a": ["x"]}),
        pl.DataFrame({"a": []}),
        pl.Int8,
        pl.List(pl.Int8),
    ),
]

LOSE_SOMETHING_WHEN_COPIED = [
    *(Annotated([1], "a"), Annotated([1], "b"), Annotated([2], "a"), np.array([1]).view(Slotted), slotted("a")),
    *(MyFloat(1), MyFloat(2), annotated_frame("a"), annotated_frame("b"), np.ma.array([1, 2], hard_mask=True)),
    *(pl.Series([1, "a"], dtype=pl.Object), pl.Series([2, "a"], dtype=pl.Object)),
]

ALL = [*DIFFERENT_ARRAYS, *DIFFERENT_OF_NUMPY, *map(pd.Series, COLUMNS), *INDICES, *FRAMES, *SCALARS, *POLARS]


# -- buffers ----------------------------------------------------------------------------------------------------------


# From the official test vectors of BLAKE3, whose inputs repeat the bytes 0 to 250.
@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
        (1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"),
        (102_400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"),
    ],
)
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: np.frombuffer(data, np.uint8)])
def test_a_buffer_is_digested_by_blake3(kind, size, expected):
    data = bytes(number % 251 for number in range(size))
    assert expected == Blake3Digesting().buffer(kind(data)).hex()


def test_a_buffer_of_any_items_is_digested_by_its_bytes():
    numbers = np.arange(1000.0).reshape(10, 100)
    expected = Blake3Digesting().buffer(numbers.tobytes())
    buffers = [numbers, memoryview(numbers), array.array("d", numbers.ravel()), memoryview(numbers.ravel()[::1])]
    assert [expected] * 4 == [Blake3Digesting().buffer(buffer) for buffer in buffers]
    in_memory = numbers.T.tobytes()  # a Fortran array's memory, in order
    assert Blake3Digesting().buffer(in_memory) == Blake3Digesting().buffer(memoryview(np.asfortranarray(numbers)))


def colliding_bytes(first, second):
    """Return 4,096 bytes; all sums of `first` and `second` of one value have one XXH3 digest, in closed form."""
    secret = 0xBE4BA423396CFEB8, 0x1CAD21F72C81017C  # the first words of the default secret of XXH3
    data = bytearray(4096)
    data[0:8] = struct.pack("<II", first, secret[0] >> 32)
    data[64:72] = struct.pack("<II", second, secret[1] >> 32)
    return bytes(data)


@pytest.mark.parametrize(
    "value_of",
    [
        bytes,
        bytearray,
        lambda data: np.frombuffer(data, "u8"),
        lambda data: np.repeat(np.frombuffer(data, "u8"), 2)[::2],
        lambda data: pd.Series(np.frombuffer(data, "u8")),
        lambda data: pd.DataFrame(np.repeat(np.frombuffer(data, "u8"), 2).reshape(-1, 2)),
        lambda data: data.decode("latin-1"),
    ],
    ids=["bytes", "bytearray", "array", "strided array", "series", "rows", "text"],
)
def test_values_that_are_made_to_collide_under_a_fast_hash_have_different_digests(value_of):
    one, other = colliding_bytes(0x11111111, 0x22222222), colliding_bytes(0x11111112, 0x22222221)
    assert xxhash.xxh3_128_digest(one) == xxhash.xxh3_128_digest(other)
    assert digest(value_of(one)) != digest(value_of(other))


def test_a_python_without_the_hash_function_names_what_to_install(monkeypatch):
    hashing._blake3.cache_clear()
    monkeypatch.setitem(sys.modules, "blake3", None)
    with pytest.raises(ModuleNotFoundError, match="pip install blake3"):
        digest(bytes(2000))
    assert digest(bytes(1000))  # a small value needs no library


def test_plain_values_are_not_foreign():
    assert [None] * 3 == [Blake3Digesting().foreign(value) for value in (1, "a", FakeCode())]


def test_a_library_that_is_not_loaded_has_no_values(monkeypatch):
    monkeypatch.delitem(sys.modules, "polars")
    assert Blake3Digesting().foreign(POLARS[0]) is None


# -- all libraries ----------------------------------------------------------------------------------------------------


def test_different_values_have_different_digests():
    digests = [(digest(value), repr(value)[:300]) for value in [*ALL, *LOSE_SOMETHING_WHEN_COPIED]]
    seen = {}
    assert [] == [(seen[key], text) for key, text in digests if seen.setdefault(key, text) is not text]


@pytest.mark.parametrize("index", range(len(ALL)))
def test_copies_have_the_same_digest(index):
    value = ALL[index]
    if isinstance(value, type(np)):
        return  # modules cannot be copied
    assert 1 == alike(value, copy.deepcopy(value), copy.copy(value), pickle.loads(pickle.dumps(value, 5)))


def test_a_value_counts_with_the_library_that_it_is_of():
    """What a stage does with it is the library's code, whose version the module implies."""

    class Code(FakeCode):
        def digest_unordered(self, code, where):
            asked.append(code)
            return b""

        digest_ordered = digest_unordered

    asked = []
    for value in (LONG, np.float64(1), FRAMES[3], stamps, POLARS[0], pa.table({"a": [1]}), [LONG, LONG]):
        ValueDigester(Blake3Digesting(), Code()).digest(value)
    assert {np, pd, pl, pa} == {code for code in asked if isinstance(code, type(np))}


# -- numpy ------------------------------------------------------------------------------------------------------------

dtypes = (
    arrays.scalar_dtypes()
    | arrays.unicode_string_dtypes(max_len=3)
    | arrays.byte_string_dtypes(max_len=3)
    | arrays.array_dtypes()
    | arrays.nested_dtypes(max_itemsize=64)
)
any_array = dtypes.flatmap(lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, min_side=0, max_dims=3)))
numbers = arrays.arrays(
    st.sampled_from(["f8", "i4", "u1", "c8"]), arrays.array_shapes(min_dims=2, max_dims=3), elements=st.integers(0, 3)
)


@given(any_array)
def test_the_layout_of_an_array_does_not_count(array):
    spread = np.empty((*array.shape, 2), array.dtype)[..., 0]
    spread[...] = array
    frozen = array.copy()
    frozen.flags.writeable = False
    backwards = array[::-1].copy()[::-1] if array.ndim else array
    assert 1 == alike(
        array,
        array.copy("C"),
        array.copy("F"),
        spread,
        frozen,
        backwards,
        pickle.loads(pickle.dumps(array, 5)) if array.dtype.isnative else array,  # numpy pickles no order of bytes
    )


@given(numbers, numbers)
def test_digests_of_arrays_are_equal_where_they_are(one, other):
    same = one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    assert same is (digest(one) == digest(other))


@given(numbers, st.data())
def test_one_item_more_or_less_makes_a_difference(array, data):
    changed = array.copy()
    changed[tuple(data.draw(st.integers(0, side - 1)) for side in array.shape)] += 1
    assert digest(array) != digest(changed)


LARGE = np.arange(400_000.0).reshape(40, 100, 100)


@pytest.mark.parametrize(
    "array",
    [
        *(LARGE[::2], LARGE[:, ::-1], LARGE[..., 1:], LARGE.T, LARGE.transpose(1, 0, 2), LARGE.reshape(-1)[::3]),
        *(
            LARGE.reshape(2, -1)[:, ::2],
            np.broadcast_to(LARGE[0, 0, :1], (3, 200_000)),
            np.broadcast_to(1.5, (600, 600)),
        ),
        LARGE.astype(np.longdouble)[::2],
    ],
)
def test_a_large_array_of_any_layout_is_as_its_copy(array):
    assert 1 == alike(array, array.copy())


def test_a_large_array_is_copied_by_the_slab():
    assert 2**20 >= max(slab.nbytes for slab in array_content.slabs(LARGE.T)) >= 2**19


def test_padding_does_not_count():
    zeros, ones = np.zeros(200, PADDED), np.frombuffer(b"\xff" * PADDED.itemsize * 200, PADDED).copy()
    ones["a"], ones["b"] = 0, 0
    assert 1 == alike(zeros, ones) == alike(zeros[0], ones[0])


def test_padding_of_extended_numbers_does_not_count():
    clean = np.ones(100, np.longdouble)
    dirty = clean.copy()
    dirty.view("u1").reshape(100, -1)[:, 10:] = 7
    assert 1 == alike(clean, dirty) == alike(clean[:2], dirty[:2]) == alike(clean[0], dirty[0])


def test_mapped_arrays_are_as_others(tmp_path):
    mapped = np.memmap(tmp_path / "a", "f8", "w+", shape=(1000,))
    mapped[:] = LONG
    assert 1 == alike(LONG, mapped, np.asarray(mapped))


def test_a_matrix_is_no_array():
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix([[1, 2]])
    assert 2 == alike(matrix, matrix.copy(), np.array([[1, 2]]))


def test_what_lies_under_a_mask_does_not_count():
    made = []
    for data in ([1, 2, 3], [1, 9, 3]):
        made.append(np.ma.array(data, mask=[0, 1, 0]))
        made.append(np.ma.array([0, *data, 0], mask=[0, 0, 1, 0, 0])[1:-1])
    made[0].fill_value = made[0].fill_value  # which is the default
    assert 1 == alike(*made[1:])


def test_what_lies_under_a_mask_of_fields_does_not_count():
    one, other = np.ma.zeros(3, [("a", "i4"), ("b", "O")]), np.ma.zeros(3, [("a", "i4"), ("b", "O")])
    one["b"], other["b"] = [1, 2, 3], [1, 4, 3]
    one["b"][1] = other["b"][1] = np.ma.masked
    assert 1 == alike(one, other)


def test_elements_of_object_arrays_are_digested():
    one, other = np.array([[1, None], ["a", [2]]], "O"), np.array([[1, None], ["a", [3]]], "O")
    assert (1, 2) == (alike(one, one.copy("F"), copy.deepcopy(one)), alike(one, other))


def test_an_element_without_a_digest_is_named():
    assert refusal({"a": np.array([1, object()], "O")}).startswith("the value['a'][1] is an object()")


def test_generators_go_by_their_state():
    one, other, third = (np.random.default_rng(0) for _ in range(3))
    third.random()
    assert (1, 2) == (alike(one, other), alike(one, third))


def test_a_function_of_unknown_code_is_refused():
    assert refusal(np.frompyfunc(abs, 1, 1)).endswith("the function that it calls cannot be determined")


def test_scipys_sparse_matrices_go_by_their_parts():
    assert 2 == alike(sparse.eye_array(3).tocsr(), sparse.eye_array(3).tocsr(), sparse.eye_array(4).tocsr())


# -- pandas -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: str(getattr(column, "dtype", "list")))
def test_a_slice_of_a_frame_is_as_its_copy(column):
    frame = pd.DataFrame({"n": [1, 2, 3], "c": column})
    part = frame[1:3]
    assert 1 == alike(part, part.copy(), copy.deepcopy(part), pickle.loads(pickle.dumps(part, 5)))
    assert 1 == alike(part["c"], part["c"].copy(), frame["c"][1:3])


def test_the_layout_of_a_frames_blocks_does_not_count():
    data = np.random.default_rng(0).random((9000, 4))
    rows, columns = pd.DataFrame(data, copy=False), pd.DataFrame(np.asfortranarray(data), copy=False)
    apart = pd.DataFrame({number: data[:, number].copy() for number in range(4)})
    apart.columns = pd.RangeIndex(4)
    assert 1 == alike(rows, columns, apart, rows.copy())


def test_one_strided_column_is_as_its_copy():
    data = np.random.default_rng(0).random((9000, 4))
    frame = pd.DataFrame(data, copy=False)
    assert 1 == alike(frame[[1]], frame[[1]].copy(), pd.DataFrame({1: data[:, 1]}).set_axis(frame[[1]].columns, axis=1))


def test_what_lies_under_missing_values_does_not_count():
    mask = np.array([False, True])
    one, other = (pd.arrays.IntegerArray(np.array([1, hidden]), mask) for hidden in (2, 3))
    assert 1 == alike(one, other) == alike(pd.Series(one), pd.Series(other))


def test_levels_without_use_do_not_count():
    index = pd.MultiIndex.from_product([[1, 2], ["a", "b"]])
    assert 1 == alike(index[2:], pd.MultiIndex.from_tuples([(2, "a"), (2, "b")]), index[2:].remove_unused_levels())


def test_columns_of_objects_are_digested():
    frames = [pd.DataFrame({"a": [1, [value]]}) for value in (1, 1, 2)]
    assert 2 == alike(*frames)
    assert "[1] is an object()" in refusal(pd.DataFrame({"a": [1, object()]}))


def test_arrays_of_pandas_have_digests():
    values = [pd.Series(column).array for column in COLUMNS]
    assert len(values) == alike(*values)


# -- pyarrow ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ARROW)
def test_slices_and_chunks_of_arrow_do_not_count(name):
    kind, values = ARROW[name]
    array = pa.array([values[2], *values, values[1]], kind)[1:4]
    whole = pa.array(values, kind)
    chunks = pa.chunked_array([array[:1], array[1:2], array[2:2], array[2:]])
    one_chunk = pa.chunked_array([whole])
    if name != "dictionary":  # one with the same values in another order is another
        assert 1 == alike(
            array, whole, pa.array(array.to_pylist(), kind) if name not in ("interval", "time") else whole
        )
        assert 1 == alike(chunks, one_chunk, pa.concat_arrays([array]) and pa.chunked_array([array]))
        assert 1 == alike(pa.table({"a": chunks}), pa.table({"a": one_chunk}))
    assert 1 == alike(array, pa.concat_arrays([array]), pickle.loads(pickle.dumps(array, 5)))
    assert 2 == alike(array, chunks)


def test_different_arrow_arrays_have_different_digests():
    made = []
    for kind, values in ARROW.values():
        made += [pa.array(values, kind), pa.array(values[:2], kind), pa.array([], kind), pa.array(values[::-1], kind)]
        made += [pa.array(values, kind)[2], kind, pa.field("a", kind), pa.field("b", kind), pa.schema({"a": kind})]
    made += [pa.schema({"a": pa.int8()}, {"note": "x"}), pa.py_buffer(b"a"), pa.py_buffer(b"b")]
    made += [pa.record_batch({"a": [1]}), pa.table({"a": [1]}), pa.table({"b": [1]}), pa.table({"a": [1.0]})]
    same = 2  # nulls, and what has no width, are the same from back to front
    assert len(made) - same == alike(*made)


def test_what_lies_under_nulls_of_arrow_does_not_count():
    hidden = [
        pa.Array.from_buffers(pa.int64(), 2, [pa.py_buffer(b"\x01"), pa.py_buffer(np.array([1, number]))])
        for number in (2, 3)
    ]
    texts = [
        pa.Array.from_buffers(
            pa.string(), 2, [pa.py_buffer(b"\x01"), pa.py_buffer(np.array([0, 1, end], "i4")), pa.py_buffer(b"abc")]
        )
        for end in (1, 2, 3)
    ]
    inner = pa.array([1, 2, 3])
    lists = [
        pa.ListArray.from_arrays(pa.array([0, end, 3]), inner, mask=pa.array([True, False])).slice(0, 1)
        for end in (1, 2)
    ]
    assert (1, 1, 1) == (alike(*hidden), alike(*texts), alike(*lists))


def test_long_columns_of_arrow_are_as_their_chunks():
    table = pa.table({"a": np.arange(200_000), "b": [str(number) for number in range(200_000)]})
    parts = pa.concat_tables([table[:70_001], table[70_001:70_002], table[70_002:]])
    changed = pa.table({"a": table["a"], "b": [*table["b"].to_pylist()[:-1], "x"]})
    assert (1, 2) == (alike(table, parts), alike(table, changed))


def test_chunks_with_dictionaries_of_their_own_are_as_one():
    chunks = pa.chunked_array([pa.array(["a"]).dictionary_encode(), pa.array(["b", "a"]).dictionary_encode()])
    assert 1 == alike(chunks, pa.chunked_array([pa.array(["a", "b", "a"]).dictionary_encode()]))


def test_runs_go_by_their_content():
    runs = [
        pa.RunEndEncodedArray.from_arrays(ends, values) for ends, values in (([2, 3], [1, 2]), ([1, 2, 3], [1, 1, 2]))
    ]
    assert 1 == alike(*runs)


def test_unions_are_refused():
    union = pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])])
    assert refusal([union]).endswith("whose content cannot be read: it has items of a union")


# -- polars -----------------------------------------------------------------------------------------------------------


def test_slices_and_chunks_of_polars_do_not_count():
    frame = pl.DataFrame({"a": [1, None, 3], "b": ["x", None, "z"], "c": [[1], None, []]})
    with_categories = frame.with_columns(pl.Series("d", ["u", "v", None], dtype=pl.Categorical))
    for whole in (frame, with_categories):
        apart = pl.concat([whole[:1], whole[1:]], rechunk=False)
        assert 1 == alike(whole, apart, whole.clone(), pl.concat([whole, whole])[3:])


def test_the_numbers_of_categories_do_not_count():
    later = pl.Series(["z", "a"], dtype=pl.Categorical)[1:]
    assert 1 == alike(later, pl.Series(["a"], dtype=pl.Categorical))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (pl.LazyFrame(), "it is a lazy frame, which is not computed yet and may read files; call collect() first"),
        (pl.col("a"), "it may hold functions, which cannot be inspected; make it inside the stage"),
        (pl.Series([object()], dtype=pl.Object), "is an object(), which has no state, only an identity"),
        (pl.Series([1], dtype=pl.Int128), "it has items of type Int128: "),
    ],
)
def test_unreadable_values_of_polars_are_refused(value, reason):
    assert reason in refusal(value)


def test_values_of_all_libraries_may_contain_others():
    made = [[value, {"a": value}] for value in itertools.chain(DIFFERENT_ARRAYS, FRAMES)]
    assert len(made) == alike(*made)
