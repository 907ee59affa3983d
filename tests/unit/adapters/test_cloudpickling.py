import functools
import linecache
import pickle
import sys
import threading
import types

import attrs
import pytest

from foundations.adapters.cloudpickling import CloudpickleSerialiser
from foundations.domain.pipeline.stage import NO_LAUNCHER, StageFactory
from foundations.errors import NotSerialisableError

SERIALISER = CloudpickleSerialiser()


def there_and_back(value):
    return SERIALISER.load(SERIALISER.dump(value))


class Holder:
    def __init__(self, **held):
        self.__dict__.update(held)

    def method(self):
        return vars(self)


class Slotted:
    __slots__ = ("_lock", "other")

    def __init__(self, lock):
        self.other = 1
        self._lock = lock


@attrs.define
class Defined:
    held: object


class OutOfBand:
    """As NumPy's arrays are."""

    def __init__(self, data):
        self.data = data

    def __reduce_ex__(self, protocol):
        return type(self), (pickle.PickleBuffer(self.data),)


def wrapped(value):
    return [value]


original = wrapped
wrapped = StageFactory(NO_LAUNCHER, wrapped)


def failing_default(x=threading.Lock()):  # noqa: B008
    return x


@pytest.mark.parametrize(
    "value", [None, 1, "x", [1, {"a": (2, 3)}], Holder, len, functools.partial(sorted, reverse=True)]
)
def test_values_come_back(value):
    assert str(value) == str(there_and_back(value))


def test_functions_that_cannot_be_imported_travel_by_value():
    held = 3
    assert 7 == there_and_back(lambda x: x + held)(4)


def test_large_buffers_are_out_of_band_and_not_copied():
    data = bytearray(b"x" * 100_000)
    head, buffer = SERIALISER.dump(OutOfBand(data))
    assert len(head) < 1_000
    data[0:1] = b"y"
    assert b"yx" == bytes(buffer[:2])
    assert b"yx" == bytes(SERIALISER.load([head, buffer]).data[:2])


def test_a_function_that_its_stages_took_the_name_of_goes_by_that_name():
    (data,) = SERIALISER.dump(original)
    assert b"_wrapped_function" in bytes(data)
    assert SERIALISER.load([data]) is original


def test_one_that_was_re_bound_in_a_class_goes_by_its_name(monkeypatch):
    module = types.ModuleType("users_own")
    exec("class Model:\n    def fit(self): pass\noriginal = Model.fit", vars(module))
    module.Model.fit = StageFactory(NO_LAUNCHER, module.original)
    monkeypatch.setitem(sys.modules, "users_own", module)
    assert there_and_back(module.original) is module.original


def test_of_the_script_itself_functions_go_by_value():
    script = types.FunctionType((lambda: 5).__code__, {"__name__": "__main__"}, "work")
    script.__module__ = "__main__"
    (data,) = SERIALISER.dump(script)
    assert b"_wrapped_function" not in bytes(data)
    assert 5 == SERIALISER.load([data])()


def test_code_that_goes_by_value_keeps_its_file_s_name_inner_functions_too():
    outer = there_and_back(lambda: lambda: None)

    assert [__file__, __file__] == [code.co_filename for code in (outer.__code__, outer().__code__)]


def test_code_of_a_notebooks_cell_brings_its_own_lines_and_no_others(monkeypatch):
    cell = (
        "PASSWORD = 'secret'\n\ndef outer():\n    def inner():\n        return 1 / 0\n    return inner\n\nTOKEN = 1\n"
    )
    monkeypatch.setitem(linecache.cache, "<cell>", (len(cell), None, cell.splitlines(keepends=True), "<cell>"))
    names = {"__name__": "__main__"}
    exec(compile(cell, "<cell>", "exec"), names)
    (data,) = SERIALISER.dump(names["outer"])
    assert b"secret" not in bytes(data)
    del linecache.cache["<cell>"]
    assert "inner" == SERIALISER.load([data])().__name__
    expected = ["\n", "\n", "def outer():\n", "    def inner():\n", "        return 1 / 0\n", "    return inner\n"]
    assert expected == linecache.getlines("<cell>")


def test_what_values_of_a_sequence_share_stays_shared():
    shared = [1]
    data = b"".join(SERIALISER.dump_sequence([{"a": shared}, shared, 3], lambda position: ()))
    first, second, third = SERIALISER.load_sequence(data)
    assert ([1], 3) == (second, third)
    assert first["a"] is second


def test_a_sequence_is_read_one_by_one():
    data = b"".join(SERIALISER.dump_sequence(iter(["header", [1, 2]]), lambda position: ()))
    values = SERIALISER.load_sequence(memoryview(data))
    assert "header" == next(values)
    assert [[1, 2]] == list(values)


def by_value(held):
    return lambda: held


def with_global():
    function = types.FunctionType((lambda: guard).__code__, {"guard": threading.Lock()}, "f")  # noqa: F821
    function.__module__ = "__main__"
    return function


def with_default():
    function = lambda x: x  # noqa: E731
    function.__defaults__ = (threading.Lock(),)
    return function


def with_keyword_default():
    function = lambda *, x: x  # noqa: E731
    function.__kwdefaults__ = {"x": threading.Lock()}
    return function


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda lock: lock, "train(x=...)"),
        (lambda lock: [1, (2, lock)], "train(x=...)[1][1]"),
        (lambda lock: {"a": {"b": lock}}, "train(x=...)['a']['b']"),
        (lambda lock: Holder(one=1, inner=Holder(_lock=lock)), "train(x=...).inner._lock"),
        (lambda lock: Slotted(lock), "train(x=...)._lock"),
        (lambda lock: Defined([lock]), "train(x=...).held[0]"),
        (lambda lock: Holder(a=lock).method, "train(x=...).__self__.a"),
        (lambda lock: functools.partial(sorted, lock), "train(x=...).args[0]"),
        (lambda lock: functools.partial(sorted, key=lock), "train(x=...).keywords['key']"),
        (by_value, "train(x=...)'s closure: held"),
        (lambda lock: with_global(), "train(x=...)'s global: guard"),
        (lambda lock: with_default(), "train(x=...)'s default 1"),
        (lambda lock: with_keyword_default(), "train(x=...)'s default x"),
    ],
    ids=[
        *("itself", "containers", "mappings", "attributes", "slots", "attrs", "method", "partial", "partial keyword"),
        *("closure", "global", "default", "keyword default"),
    ],
)
def test_the_path_of_what_cannot_be_pickled_is_reported(make, path):
    value = make(threading.Lock())
    with pytest.raises(NotSerialisableError) as raised:
        SERIALISER.dump_sequence(["fine", value], lambda position: [("train(1)", 1), ("train(x=...)", value)])
    assert path == raised.value.path
    assert "_thread.lock" in str(raised.value)
    assert "cannot pickle '_thread.lock' object" in raised.value.reason


def test_loops_on_the_way_end():
    loop = [threading.Lock()]
    loop.insert(0, loop)
    with pytest.raises(NotSerialisableError) as raised:
        SERIALISER.dump(loop)
    assert raised.value.path.endswith("[1]")


def test_what_only_fails_as_a_whole_is_reported_as_a_whole(mocker):
    value = mocker.MagicMock()
    value.__reduce_ex__ = mocker.Mock(side_effect=[RuntimeError("only now"), RuntimeError("and now")])
    with pytest.raises(NotSerialisableError, match=r"only now|and now"):
        SERIALISER.dump_sequence([value], lambda position: [("train", 1)])


def test_a_coroutine_is_refused_with_what_to_return_instead():
    async def fetch():
        return 1

    coroutine = fetch()
    try:
        with pytest.raises(NotSerialisableError, match=r"type coroutine.*return the result of asyncio\.run\(\.\.\.\)"):
            SERIALISER.dump(coroutine, "the output of fetch")
    finally:
        coroutine.close()
