"""What a script defines, sent to a process that does not have it, and loaded again by the script."""

import subprocess
import sys
import textwrap
from importlib import metadata

import pytest

from foundations.adapters.cloudpickling import CloudpickleSerialiser, serialiser
from foundations.errors import NotSerialisableError, OtherPythonError

SERIALISER = CloudpickleSerialiser()
DEFINITIONS = """
import abc, dataclasses, enum, functools, typing
class Color(enum.Enum):
    RED = 1
@dataclasses.dataclass
class Report:
    color: Color
class Plain:
    __slots__ = ("n", "m")
    def __init__(self, n):
        self.n = n
    def __eq__(self, other):
        return type(other) is Plain and self.n == other.n
class Mangled(Plain):
    __slots__ = ("__secret",)
    def __init__(self, n):
        self.__secret = n
    def get(self):
        return self.__secret
    def __eq__(self, other):
        return self.get() == other.get()
class One:
    __slots__ = "n"
class Pair(typing.NamedTuple):
    x: int
class DataError(Exception):
    def __init__(self, path):
        super().__init__(path)
class Outer:
    class Inner(Exception):
        pass
UserId = typing.NewType("UserId", int)
P = typing.ParamSpec("P")
Ts = typing.TypeVarTuple("Ts")
class Lazy:
    calls = 0
    @functools.cached_property
    def v(self):
        "The value."
        type(self).calls += 1
        return 5
class Recursive:
    @functools.cached_property
    def v(self):
        return [Recursive, 7]
@functools.singledispatch
def show(x):
    "Show it."
    return f"other {x}"
show.note = "set"
@show.register
def _(x: int):
    return f"int {x}"
@show.register(list)
def _(x):
    return [show(item) for item in x]
@show.register
def _(x: Plain):
    return f"plain {x.n}"
class Printer:
    @functools.singledispatchmethod
    def show(self, x):
        return "other"
    @show.register
    def _(self, x: int):
        return "int"
"""
SENT = """
import sys
from foundations.adapters.cloudpickling import CloudpickleSerialiser
def value():
    return VALUE
if __name__ == "__main__":
    if sys.argv[1] == "send":
        data = CloudpickleSerialiser().dump_sequence([value], lambda position: [("value", value)])
    elif sys.argv[1] == "store":
        data = CloudpickleSerialiser().dump(value())
    else:
        with open(sys.argv[2], "rb") as stream:
            out = CloudpickleSerialiser().load([stream.read()])
        print(CHECK)
        sys.exit()
    with open(sys.argv[2], "wb") as stream:
        stream.writelines(data)
"""
CALL = """
import sys, types
from foundations.adapters.cloudpickling import CloudpickleSerialiser
sys.modules["__main__"] = types.ModuleType("__main__")
with open(sys.argv[1], "rb") as stream:
    (function,) = CloudpickleSerialiser().load_sequence(stream.read())
if len(sys.argv) == 2:
    print(repr(function()))
else:
    sys.modules["__main__"].__dict__.update(function.__globals__)
    with open(sys.argv[2], "wb") as stream:
        stream.writelines(CloudpickleSerialiser().dump(function()))
"""


def python(script, *arguments):
    done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr), done.stderr
    return done.stdout.strip()


@pytest.fixture
def script(tmp_path):
    def written(value, check="None", name="train.py", definitions=DEFINITIONS):
        path = tmp_path / name
        path.write_text(definitions + SENT.replace("VALUE", value).replace("CHECK", check))
        return path

    return written


@pytest.fixture
def job(tmp_path):
    path = tmp_path / "job.py"
    path.write_text(CALL)
    return path


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("UserId(1), UserId.__name__, UserId.__supertype__", "(1, 'UserId', <class 'int'>)"),
        ("P, Ts", "(~P, Ts)"),
        ("Lazy().v, Lazy.v.__doc__", "(5, 'The value.')"),
        ("[(one.v, one.v, Lazy.calls) for one in [Lazy()]]", "[(5, 5, 1)]"),
        ("Recursive().v[1]", "7"),
        ("show([1, 'a', [2]]), show(Plain(3))", "(['int 1', 'other a', ['int 2']], 'plain 3')"),
        ("show.__name__, show.__doc__, show.note, len(show.registry)", "('show', 'Show it.', 'set', 4)"),
        ("Printer().show(1), Printer().show('a')", "('int', 'other')"),
        ("Plain(4).n, hasattr(Plain(4), '__dict__'), hasattr(Plain(4), 'm')", "(4, False, False)"),
        ("Mangled(4).get(), hasattr(Mangled(4), '__dict__')", "(4, False)"),
        ("hasattr(One(), '__dict__')", "False"),
        ("Outer.Inner.__qualname__", "'Outer.Inner'"),
    ],
)
def test_definitions_of_a_script_work_in_the_job(script, job, tmp_path, value, expected):
    python(script(value), "send", tmp_path / "sent")
    assert expected == python(job, tmp_path / "sent")


ALIAS = (
    ("type Row = list[int]\n", "Row, Row.__value__", "(Row, list[int])")
    if sys.version_info >= (3, 12)
    else ("Row = list[int]\n", "Row", "list[int]")
)


def test_a_type_alias_of_a_script_works_in_the_job(script, job, tmp_path):
    definitions, value, expected = ALIAS
    python(script(value, definitions=definitions), "send", tmp_path / "sent")
    assert expected == python(job, tmp_path / "sent")


RETURNED = [
    ("Report(Color.RED)", "isinstance(out, Report), out == Report(Color.RED), out.color is Color.RED"),
    ("[Plain(1), {'a': Pair(2)}]", "type(out[0]) is Plain, out[0] == Plain(1), isinstance(out[1]['a'], Pair)"),
    ("Mangled(1)", "type(out) is Mangled, out == Mangled(1)"),
    ("DataError('x.csv')", "isinstance(out, DataError), out.args == ('x.csv',)"),
    ("Outer.Inner('x')", "isinstance(out, Outer.Inner)"),
    ("[Color, Report, UserId]", "out == [Color, Report, UserId]"),
    ("Lazy()", "type(out) is Lazy, out.v == 5"),
]


@pytest.mark.parametrize(("value", "check"), RETURNED)
def test_the_script_that_loads_what_a_job_stored_has_its_own_classes(script, job, tmp_path, value, check):
    path = script(value, f"set([{check}])")
    python(path, "send", tmp_path / "sent")
    python(job, tmp_path / "sent", tmp_path / "stored")
    assert "{True}" == python(path, "load", tmp_path / "stored")


def test_a_script_that_was_edited_since_has_its_own_classes(script, tmp_path):
    python(script("Plain(1)"), "store", tmp_path / "stored")
    edited = DEFINITIONS.replace("class Plain:", "class Plain:\n    def added(self):\n        return self.n")
    path = script("1", "type(out) is Plain, out.added()", definitions=edited)
    assert "True 1" == python(path, "load", tmp_path / "stored")


def test_a_class_of_the_same_name_in_another_script_is_another(script, tmp_path):
    python(script("Plain(1)"), "store", tmp_path / "stored")
    other = "class Plain:\n    def unlike(self):\n        return 0\n"
    path = script("1", "type(out) is Plain, out.n", name="other.py", definitions=other)
    assert "False 1" == python(path, "load", tmp_path / "stored")


@pytest.mark.parametrize("value", [lambda: 5, [{"a": lambda: 5}]])
def test_code_that_another_python_has_made_is_not_loaded(monkeypatch, value):
    here = "{}.{}".format(*sys.version_info)
    monkeypatch.setattr(serialiser, "_PYTHON", "3.9")
    buffers = SERIALISER.dump(value)
    sequence = b"".join(SERIALISER.dump_sequence(["header", value], lambda position: ()))
    monkeypatch.undo()
    with pytest.raises(OtherPythonError, match=rf"made by Python 3\.9, and this is Python {here}") as raised:
        SERIALISER.load(buffers)
    assert "3.9" == raised.value.python
    values = SERIALISER.load_sequence(sequence)
    assert "header" == next(values)
    with pytest.raises(OtherPythonError):
        next(values)


def test_the_scripts_own_classes_are_loaded_by_another_python(script, tmp_path):
    """By value they hold code, but the script that loads them has code of its own."""
    path = script("Report(Color.RED)", "out == Report(Color.RED)")
    other = "import foundations.adapters.cloudpickling.serialiser as made\nmade._PYTHON = '3.9'\n"
    text = path.read_text()
    path.write_text(
        text.replace('    if sys.argv[1] == "send":', textwrap.indent(other, "    ") + '    if sys.argv[1] == "send":')
    )
    python(path, "store", tmp_path / "stored")
    path.write_text(text)
    assert "True" == python(path, "load", tmp_path / "stored")


def test_code_without_its_version_is_loaded_as_before():
    code = (lambda: 5).__code__
    make, arguments = serialiser._Pickler.dispatch_table[type(code)](code)
    assert code == serialiser._code_of_file(code.co_filename, make, arguments)


@pytest.mark.parametrize("mode", ["r", "w", "rb", "r+"])
def test_an_open_file_is_refused_whatever_it_was_opened_for(tmp_path, mode):
    (tmp_path / "data.csv").write_text("1")
    with open(tmp_path / "data.csv", mode) as file, pytest.raises(NotSerialisableError, match=r"\['file'\]"):
        SERIALISER.dump({"file": file})


def test_the_libraries_that_a_pickle_names_are_reported_with_their_installed_versions():
    import attrs
    import yaml

    buffers = SERIALISER.dump([attrs.Factory, yaml.SafeLoader, "nothing_of_that_name.really"])
    found = SERIALISER.installed_versions(buffers)
    assert (metadata.version("attrs"), metadata.version("PyYAML")) == (found["attrs"], found["PyYAML"])
    assert found["nothing_of_that_name"] is None
    assert found == SERIALISER.installed_versions([bytes(buffers[0])[:-1]])


def test_an_open_file_is_refused_with_its_name(tmp_path):
    (tmp_path / "data.csv").write_text("1")
    with (
        open(tmp_path / "data.csv") as file,
        pytest.raises(NotSerialisableError, match=r"open file '.*data\.csv': hand over its path"),
    ):
        SERIALISER.dump(file)
