import builtins
import hashlib
import itertools
import sys
import types

import pytest

from foundations.app.caching.packages import PYTHON
from foundations.domain.caching.code.closure import SUPPORTED_PYTHONS, Closures, CodeEnvironment
from foundations.domain.caching.stage_keys import StageKeys
from foundations.domain.caching.values.digests import UndigestibleError
from foundations.domain.pipeline.graph import Node
from foundations.domain.pipeline.stage import CacheHints
from foundations.ports.digesting import Digesting

# Each row: a module with a function `f`, what is replaced in it, and by what.
SAME = {
    "a docstring that names a global with an at sign": (
        "A = 1\ndef f(d):\n '@A'\n return d", "'@A'", "'@B'"
    ),
    "how a field's annotation is spelled": (
        "from dataclasses import *\n@dataclass\nclass B: a: int = 1\n@dataclass\nclass C: b: B\ndef f(): return C",
        *("b: B", "b: 'B'"),
    ),
    "a field's annotation of another class of Python's": (
        "from dataclasses import *\n@dataclass\nclass C: b: int\ndef f(): return C", "b: int", "b: float"
    ),
    "a dataclass that is a field of itself": (
        "from dataclasses import *\n@dataclass\nclass C: b: 'C | None'\ndef f(): return C", "def f", "# f\ndef f"
    ),
    "nothing": ("def f(x): return x", "f", "f"),
    "a helper's name": ("def helper(x): return x\ndef f(x): return helper(x)", "helper", "assistant"),
    "a constant's name": ("A = 1\ndef f(): return A", "A", "B"),
    "a helper's docstring": ("def g():\n 'one'\ndef f(): g()", "'one'", "'two'"),
    "a helper's annotations": ("def g(x): return x\ndef f(x): return g(x)", "g(x): ", "g(x: int) -> int: "),
    "a method's annotations": ("class C:\n def m(self, x): return x\ndef f(x): return C().m(x)", "x): r", "x: int): r"),
    "a class's docstring": ("class C:\n 'one'\ndef f(): return C()", "'one'", "'two'"),
    "the order of functions": (
        *("def g(): 1\ndef h(): 2\ndef f(): g(), h()", "def g(): 1\ndef h(): 2", "def h(): 2\ndef g(): 1"),
    ),
    "the order of methods": (
        "class C:\n def a(s): 1\n def b(s): 2\ndef f(): C",
        " def a(s): 1\n def b(s): 2",
        " def b(s): 2\n def a(s): 1",
    ),
    "what nobody refers to": ("A = 1\ndef f(): return 1", "A = 1", "A = 2"),
    "an import": ("import json\ndef f(): return 1", "import json", "import csv"),
    "a name that an import binds": (
        "import json\ndef f(): return json.dumps",
        "import json\ndef f(): return json",
        "import json as j\ndef f(): return j",
    ),
    "a comment among decorators": ("def d(g): return g\n@d\ndef f(): 1", "@d", "# d\n@d"),
    "a memory that has something in it": (
        *("import functools\n@functools.cache\ndef g(x): return x\ndef f(): return g(1)", "def f", "g(1)\ndef f"),
    ),
    "an enumeration that has been combined": (
        "import enum\nclass E(enum.Flag):\n A = 1\n B = 2\ndef f(): return E.A | E.B", "def f", "E.A | E.B\ndef f"
    ),
    "a check against an abstract class": (
        "import abc\nclass A(abc.ABC): 0\ndef f(x): return A",
        "def f",
        "isinstance(1, A)\ndef f",
    ),
    "the address of a class that pydantic notes": (
        *("{PYDANTIC}C.__pydantic_decorators__ = Infos({'v': Info('1', 'v', C.v, 'before')})", "'1'", "'2'"),
    ),
}  # fmt: skip

DIFFERENT = {
    "a global in a query that a helper makes": (
        "A = 1\ndef g(d, q): return d.query(q)\ndef f(d): return g(d, 'x > @A')", "A = 1", "A = 2"
    ),
    "a global in a query that a lambda hands on": (
        "A = 1\ndef g(d, q): return d.query(q)\nf = lambda d: g(d, 'x > @A')", "A = 1", "A = 2"
    ),
    "a dataclass that is a field's": (
        "from dataclasses import *\n@dataclass\nclass B: a: int = 1\n@dataclass\nclass C: b: B\ndef f(): return C",
        *("a: int = 1", "a: int = 2"),
    ),
    "a dataclass in a field's list": (
        "from dataclasses import *\n@dataclass\nclass B: a: int = 1\n"
        "@dataclass\nclass C: b: dict[str, list[B]]\ndef f(): return C",
        *("a: int = 1", "a: int = 2"),
    ),
    "a dataclass that a field's annotation names": (
        "from __future__ import annotations\nfrom dataclasses import *\n@dataclass\nclass B: a: int = 1\n"
        "@dataclass\nclass C: b: B | None = None\ndef f(): return C",
        *("a: int = 1", "a: int = 2"),
    ),
    "a dataclass that is named before it is there": (
        "import typing\nfrom dataclasses import *\n@dataclass\nclass C: b: typing.Optional['B'] = None\n"
        "@dataclass\nclass B: a: int = 1\ndef f(): return C",
        *("a: int = 1", "a: int = 2"),
    ),
    "a class that is the field of an attrs class": (
        "import attrs\n@attrs.define\nclass B: a: int = 1\n@attrs.define\nclass C: b: B\ndef f(): return C",
        *("a: int = 1", "a: int = 2"),
    ),
    "a class that is a named tuple's": (
        "from typing import *\nclass B(NamedTuple): a: int = 1\nclass C(NamedTuple): b: B\ndef f(): return C",
        *("a: int = 1", "a: int = 2"),
    ),
    "an attribute of a function with a memory": (
        "import functools\n@functools.cache\ndef g(x): return x\ng.k = 1\ndef f(): return g.k",
        *("g.k = 1", "g.k = 2"),
    ),
    "a helper": ("def g(): return 1\ndef f(): return g()", "return 1", "return 2"),
    "a helper's default": ("def g(x=1): return x\ndef f(): return g()", "x=1", "x=2"),
    "a default that can change": ("def g(x=[1]): return x\ndef f(): return g()", "[1]", "[2]"),
    "a helper's attribute": ("def g(): return g.a\ng.a = 1\ndef f(): return g()", "g.a = 1", "g.a = 2"),
    "a constant": ("A = 1\ndef f(): return A", "A = 1", "A = 2"),
    "which constant": ("A = 1\nB = 2\ndef f(): return A", "return A", "return B"),
    "which of two equal functions": (
        *("def a(): 0\ndef b(): 0\ndef g(): return a\ndef f(): return g() is a", "return a\n", "return b\n"),
    ),
    "which of two equal classes": (
        *("class A: n = 0\nclass B: n = 0\ndef g(): A.n = 5\ndef f():\n g()\n return A.n", "A.n = 5", "B.n = 5"),
    ),
    "a decorator": ("def d(g): return lambda: g() + 1\n@d\ndef f(): return 1", "@d\n", ""),
    "a decorator's body": ("def d(g): return lambda: g() + 1\n@d\ndef f(): return 1", "+ 1", "+ 2"),
    "a decorator of a class": (
        "def d(c):\n c.a = 1\n return c\n@d\nclass C: 0\ndef f(): return C.a",
        "c.a = 1",
        "c.a = 2",
    ),
    "the order of decorators": (
        "def d(g): return lambda: g() + 1\ndef e(g): return lambda: g() * 2\n@d\n@e\ndef f(): return 1",
        "@d\n@e",
        "@e\n@d",
    ),
    "a function made in a loop": (
        "g = [lambda i=i: i for i in range(3)]\ndef f(): return g[1]()",
        "range(3)",
        "range(1, 4)",
    ),
    "what a closure holds": ("def make(a): return lambda: a\ng = make(1)\ndef f(): return g()", "make(1)", "make(2)"),
    "a function in a table": (
        "def g(): return 1\ndef h(): return 2\nT = {1: g}\ndef f(): return T[1]()",
        "1: g",
        "1: h",
    ),
    "a class in a table": ("class C: a = 1\nT = [C]\ndef f(): return T[0].a", "a = 1", "a = 2"),
    "a method of an object": ("class C:\n def m(s): return 1\nc = C()\ndef f(): return c.m()", "return 1", "return 2"),
    "an object's attribute": ("class C: 0\nc = C()\nc.a = 1\ndef f(): return c.a", "c.a = 1", "c.a = 2"),
    "a bound method": ("class C:\n def m(s): return 1\ng = C().m\ndef f(): return g()", "return 1", "return 2"),
    "a method of a builtin": ("g = '-'.join\ndef f(x): return g(x)", "'-'", "'+'"),
    "a method without an object": ("g = str.upper\ndef f(x): return g(x)", "upper", "lower"),
    "an operator's item": ("import operator\ng = operator.itemgetter(1)\ndef f(x): return g(x)", "(1)", "(2)"),
    "an inherited operator": (
        "class A:\n def __add__(s, o): return 1\nclass B(A): 0\ndef f(): return B() + 1",
        "return 1",
        "return 2",
    ),
    "what super() finds": (
        "class A:\n def m(s): return 1\nclass B(A):\n def m(s): return super().m()\ndef f(): return B().m()",
        "return 1",
        "return 2",
    ),
    "a metaclass": (
        "class M(type):\n def __call__(c): return 1\nclass C(metaclass=M): 0\ndef f(): return C()",
        "return 1",
        "return 2",
    ),
    "a keyword of a class": (
        "class A:\n def __init_subclass__(c, k=0): c.k = k\nclass B(A, k=1): 0\ndef f(): return B.k", "k=1", "k=2"
    ),
    "a descriptor": (
        "class D:\n def __get__(s, o, t): return 1\nclass C: d = D()\ndef f(): return C.d",
        "return 1",
        "return 2",
    ),
    "the item of a class": (
        "class C:\n def __class_getitem__(c, k): return k + 1\ndef f(): return C[1]",
        "k + 1",
        "k + 2",
    ),
    "a recursive class's method": (
        "class N:\n kids = []\n def m(s): return 1\nN.kids.append(N)\ndef f(): return N.kids[0]().m()",
        "return 1",
        "return 2",
    ),
    "a cached property": (
        "import functools\nclass C:\n @functools.cached_property\n def p(s): return 1\ndef f(): return C().p",
        "return 1",
        "return 2",
    ),
    "a partial method": (
        "import functools\nclass C:\n"
        " def m(s, x): return x\n p = functools.partialmethod(m, 1)\ndef f(): return C().p()",
        "m, 1",
        "m, 2",
    ),
    "an implementation of a method dispatched": (
        "import functools\nclass C:\n @functools.singledispatchmethod\n"
        " def m(s, x): return 1\n @m.register\n def _(s, x: int): return 2\ndef f(): return C().m(1)",
        "return 2",
        "return 3",
    ),
    "what a total ordering is made of": (
        "import functools\n@functools.total_ordering\nclass C:\n"
        " def __eq__(s, o): return False\n def __lt__(s, o): return True\ndef f(): return C() > C()",
        "return True",
        "return False",
    ),
    "a context manager": (
        "import contextlib\n@contextlib.contextmanager\ndef g(): yield 1\ndef f():\n with g() as a: return a",
        "yield 1",
        "yield 2",
    ),
    "a dataclass's field": (
        "from dataclasses import *\n@dataclass\nclass C: a: int = 1\ndef f(): return C()",
        "= 1",
        "= 2",
    ),
    "a dataclass's own method": (
        "from dataclasses import *\n@dataclass(eq=False)\nclass C:\n"
        " a: int = 1\n def __eq__(s, o): return True\ndef f(): return C() == 1",
        "return True",
        "return False",
    ),
    "a field of a base class": (
        "from dataclasses import *\n@dataclass\nclass A: a: int = 1\n@dataclass\nclass B(A): 0\ndef f(): return B()",
        "= 1",
        "= 3",
    ),
    "the default of a named tuple": (
        "from typing import *\nclass N(NamedTuple): a: int = 1\ndef f(): return N()",
        "= 1",
        "= 2",
    ),
    "the field of a named tuple": (
        "import collections\nN = collections.namedtuple('N', 'a b')\ndef f(): return N(1, 2)",
        "a b",
        "b a",
    ),
    "which keys a dictionary must have": (
        "from typing import *\nclass T(TypedDict): a: int\ndef f(): return T.__required_keys__",
        "(TypedDict)",
        "(TypedDict, total=False)",
    ),
    "an enumeration's value": ("import enum\nclass E(enum.Enum): A = 1\ndef f(): return E.A", "A = 1", "A = 2"),
    "an enumeration's order": (
        "import enum\nclass E(enum.Enum):\n A = 1\n B = 2\ndef f(): return [*E]",
        " A = 1\n B = 2",
        " B = 2\n A = 1",
    ),
    "an enumeration's method": (
        "import enum\nclass E(enum.Enum):\n A = 1\n def m(s): return 1\ndef f(): return E.A.m()", "return 1", "return 2"
    ),
    "a coroutine": ("async def g(): return 1\nasync def f(): return await g()", "return 1", "return 2"),
    "what a missing key makes": (
        "import collections\nT = collections.defaultdict(lambda: 1)\ndef f(): return T[0]",
        "1)",
        "2)",
    ),
    "a function that code has made": ("exec('def g(): return 1')\ndef f(): return g()", "return 1", "return 2"),
    "a package's function put under another name": (
        "import json, csv\ng = json.dumps\ndef f(): return g(1)",
        "json.dumps",
        "json.loads",
    ),
    "a name that is asked for": ("def helper(): 0\ndef f(): return helper.__name__", "helper", "assistant"),
    "a docstring that is asked for": ("def g():\n 'one'\ndef f(): return g.__doc__", "'one'", "'two'"),
    "annotations that are asked for": ("def g(x: int): 0\ndef f(): return g.__annotations__", "int", "str"),
    "when a validator of pydantic runs": (
        *("{PYDANTIC}C.__pydantic_decorators__ = Infos({'v': Info('1', 'v', C.v, 'before')})", "'before'", "'after'"),
    ),
    "what all of a module's names are asked for": (
        "def g(): return 1\ndef f(): return globals()['g']()", "return 1", "return 2"
    ),
    "a name in a string that is evaluated": (
        "E = 'g()'\ndef g(): return 1\ndef f(): return eval(E)", "return 1", "return 2"
    ),
    "a builtin replaced": (
        "import builtins\ndef g(x): return 1\nbuiltins.bin = g\ndef f(x): return bin(x)", "return 1", "return 2"
    ),
}  # fmt: skip

UNREADABLE = {
    "a generator": "A = (i for i in [1])\ndef f(): return A",
    "an iterator": "import itertools\nA = itertools.count()\ndef f(): return next(A)",
    "an object without anything": "A = object()\ndef f(): return A",
    "a generator that has begun": "A = (i for i in 'abc')\ndef f(): return next(A)",
    "an open file": "import io\nA = io.TextIOWrapper(io.BytesIO())\ndef f(): return A",
}

numbers = itertools.count(1)

PYDANTIC = """
import collections, dataclasses
@dataclasses.dataclass
class Infos:
    validators: dict
Info = collections.namedtuple("Info", "cls_ref cls_var_name func info")
class C:
    __pydantic_fields__ = {}
    def v(self): return 1
def f(x): return C
"""
"""Stands for what pydantic leaves on a class."""


@pytest.fixture
def environment(mocker):
    """Where Python's own modules and no others are a package's."""

    def packages_of(module):
        return {} if module.partition(".")[0] in sys.stdlib_module_names - {"__main__"} else None

    environment = mocker.create_autospec(CodeEnvironment, instance=True)
    environment.project = "/the/project"
    environment.packages_of.side_effect = packages_of
    environment.import_module.side_effect = sys.modules.get
    environment.content_digest.side_effect = OSError(2, "No such file or directory")
    environment.compiled_digest.return_value = None
    environment.environment_variable.return_value = None
    return environment


@pytest.fixture
def closures(mocker, environment):
    """Makes what follows code."""
    digesting = mocker.create_autospec(Digesting, instance=True)
    digesting.buffer.side_effect = lambda data: hashlib.md5(data).digest()
    digesting.foreign.return_value = None
    return lambda python=PYTHON: Closures(environment, digesting, python)


@pytest.fixture
def load(monkeypatch):
    """Makes a module of its source, under a name that it has until the end of the test."""

    monkeypatch.setattr(builtins, "bin", bin)

    def made(source, name="project"):
        source = source.replace("{PYDANTIC}", PYDANTIC)
        module = types.ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile(source, f"<{name} {next(numbers)}>", "exec"), vars(module))
        return module

    return made


@pytest.mark.parametrize(("source", "old", "new"), SAME.values(), ids=SAME)
def test_what_changes_no_behaviour_changes_no_digest(closures, load, source, old, new):
    before = closures().closure_of(load(source).f).digest
    assert before == closures().closure_of(load(source.replace(old, new)).f).digest


@pytest.mark.parametrize(("source", "old", "new"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_changes_behaviour_changes_the_digest(closures, load, source, old, new):
    before = closures().closure_of(load(source).f).digest
    assert before != closures().closure_of(load(source.replace(old, new)).f).digest


@pytest.mark.parametrize("source", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_constants_are_named_with_their_reason(closures, load, source):
    with pytest.raises(UndigestibleError, match=r"the global project\.A .*is "):
        closures().closure_of(load(source).f)


@pytest.mark.parametrize(
    "importing",
    ["import other\n return other.g()", "import other as o\n return o.g()", "from other import g\n return g()"],
)
def test_a_function_of_a_module_imported_inside_is_followed(closures, load, importing):
    digests = set()
    for number in (1, 2):
        load(f"def g(): return {number}", "other")
        digests.add(closures().closure_of(load(f"def f():\n {importing}").f).digest)
    assert 2 == len(digests)


def test_what_nobody_asks_of_a_module_imported_inside_does_not_count(closures, load):
    digests = set()
    for number in (1, 2):
        load(f"def g(): return 1\ndef h(): return {number}", "other")
        digests.add(closures().closure_of(load("def f():\n import other\n return other.g()").f).digest)
    assert 1 == len(digests)


def test_a_module_that_is_handed_on_counts_as_a_whole(closures, load):
    digests = set()
    for number in (1, 2):
        load(f"def h(): return {number}", "other")
        digests.add(closures().closure_of(load("import other\ndef f(): return vars(other)").f).digest)
    assert 2 == len(digests)


@pytest.mark.parametrize("source", [row[0] for row in (*SAME.values(), *DIFFERENT.values())], ids=[*SAME, *DIFFERENT])
def test_a_digest_is_the_same_each_time(closures, load, source):
    function = load(source).f
    assert closures().closure_of(function).digest == closures().closure_of(function).digest


def test_what_was_followed_once_is_taken_for_unchanged(closures, load):
    once, module = closures(), load("A = [1]\ndef f(): return A")
    before = once.closure_of(module.f).digest
    module.A.append(2)
    assert (before, False) == (once.closure_of(module.f).digest, before == closures().closure_of(module.f).digest)


def test_a_chain_of_thousands_of_functions_is_followed(closures, load):
    source = "".join(f"def f{i}(): return f{i + 1}()\n" for i in range(3000)) + "def f3000(): return 1\nf = f0"
    assert 3001 == len(closures().closure_of(load(source).f).parts)


def test_parts_begin_with_the_function_and_end_with_constants(closures, load):
    found = closures().closure_of(load("A = 1\nclass C: 0\ndef g(): return A\ndef f(): return C, g()").f)
    expected = [
        *(("function", "project.f", ""), ("class", "project.C", ""), ("function", "project.g", "")),
        ("constant", "project.A", "1"),
    ]
    assert expected == [(part.kind, part.name, part.text) for part in found.parts]


def test_a_constant_that_is_named_like_a_secret_is_not_shown(closures, load):
    assert "" == closures().closure_of(load("API_TOKEN = 'abc'\ndef f(): return API_TOKEN").f).parts[-1].text


def test_only_the_part_that_changed_has_another_digest(closures, load):
    source = "def g(): return 1\ndef h(): return g()\ndef f(): return h()"
    before = closures().closure_of(load(source).f).parts
    after = closures().closure_of(load(source.replace("return 1", "return 2")).f).parts
    assert ["project.g"] == [old.name for old, new in zip(before, after, strict=True) if old != new]


def test_a_global_that_is_to_be_ignored_does_not_count(closures, load):
    digests = set()
    for number in (1, 2):
        module = load(f"A = {number}\ndef f(): return A")
        digests.add(closures().closure_of(module.f, CacheHints(ignore=("A",))).digest)
    assert 1 == len(digests)


def test_a_version_stated_by_hand_counts(closures, load):
    function = load("def f(): return 1").f
    assert (
        closures().closure_of(function, CacheHints(version=1)).digest
        != closures().closure_of(function, CacheHints(version=2)).digest
    )


def test_code_that_is_named_by_hand_is_followed(closures, load):
    digests = set()
    for number in (1, 2):
        module = load(f"def g(): return {number}\ndef f(): return 1")
        digests.add(closures().closure_of(module.f, CacheHints(depends_on=(module.g,))).digest)
    assert 2 == len(digests)


def test_a_file_in_depends_on_that_cannot_be_read_is_reported(closures, load):
    with pytest.raises(UndigestibleError, match=r"depends_on names gone\.csv, which cannot be read: No such file"):
        closures().closure_of(load("def f(): return 1").f, CacheHints(depends_on=("gone.csv",)))


def test_a_failure_is_raised_again_each_time(closures, load):
    once, function, messages = closures(), load(UNREADABLE["a generator"]).f, []
    for _ in range(2):
        with pytest.raises(UndigestibleError) as failure:
            once.closure_of(function)
        messages.append(str(failure.value))
    assert messages[0] == messages[1]


WATCHED = {
    "a constant": ("A = 1\ndef f(): return A", "module.A = 2", "the global project.A"),
    "a constant that is set": ("A = 1\ndef f():\n global A\n A = 1", "module.A = 2", "the global project.A"),
    "a table in place": ("A = {1: 2}\ndef f(): return A", "module.A[1] = 3", "the global project.A"),
    "a table": ("A = {1: 2}\ndef f(): return A", "module.A = {1: 3}", "the global project.A"),
    "a list in a tuple": ("A = ([1],)\ndef f(): return A", "module.A[0].append(2)", "the global project.A"),
    "a helper": ("def g(): return 1\ndef f(): return g()", "module.g = lambda: 2", "the global project.g"),
    "a function of a module": (
        *("import project as p\ndef g(): return 1\ndef f(): return p.g()", "module.g = len", "the global project.g"),
    ),
    "a method": ("class C:\n def m(s): 1\ndef f(): C().m()", "module.C.m = len", "attributes of project.C"),
    "an attribute of a class": ("class C: a = {}\ndef f(): C.a", "module.C.a = {1: 2}", "attributes of project.C"),
    "a new attribute of a class": ("class C: 0\ndef f(): C", "module.C.a = 1", "attributes of project.C"),
    "an attribute of a function": ("def g(): g.a\ng.a = 1\ndef f(): g()", "module.g.a = 2", "project.g.a"),
    "what a closure holds": (
        "def make(a):\n def set(b):\n  nonlocal a\n  a = b\n return set, lambda: a\ns, g = make(1)\ndef f(): g()",
        "module.s(2)",
        "a in the closure of project.make.<locals>.<lambda>",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("source", "change", "name"), WATCHED.values(), ids=WATCHED)
def test_what_a_call_could_change_is_watched(closures, load, source, change, name):
    module = load(source)
    keys = StageKeys(closures(), {})
    recipe = keys.recipe("f", node_of(module.f), {}, {}, str)
    keys.follow(node_of(module.f))
    assert keys.find_changed_state(recipe) is None
    exec(change, {"module": module, "sys": sys})
    assert name == keys.find_changed_state(recipe)


@pytest.mark.parametrize("change", ["module.A = [1, 2]", "module.B = 1000 * 1000", "module.g = module.h"])
def test_what_is_exchanged_for_an_equal_one_is_as_it_was(closures, load, change):
    source = "A = [1, 2]\nB = 1000000\ndef g(): 0\ndef h(): 0\ndef f(): return A, B, g"
    module = load(source)
    keys = StageKeys(closures(), {})
    recipe = keys.recipe("f", node_of(module.f), {}, {}, str)
    keys.follow(node_of(module.f))
    exec(change, {"module": module})
    assert keys.find_changed_state(recipe) is None


def test_an_argument_counts_by_what_its_code_is_now(closures, load):
    """Where something that it refers to is exchanged while the job runs."""
    module = load("LIMIT = 1\ndef g(): return LIMIT\ndef f(x): return x()")
    keys = StageKeys(closures(), {})

    def key():
        return keys.recipe("f", node_of(module.f, module.g), {}, {}, str).key()

    first = [key(), key()]
    module.LIMIT = 2
    assert first[0] == first[1] != key()


def test_variables_of_the_environment_count_where_some_code_asks_for_them(closures, load, environment):
    source = "import os\nNAME = 'MODE'\ndef env(name): return os.environ[name]\ndef f(): return env(NAME)"
    keys = set()
    for value in ("a", "b", None):
        environment.environment_variable.side_effect = {"MODE": value}.get
        keys.add(closures().closure_of(load(source).f).digest)
        assert 1 == len({closures().closure_of(load("def f(): return 'MODE'").f).digest})
    assert 3 == len(keys)


def test_an_environment_variable_that_changes_meanwhile_is_reported(closures, load, environment):
    module = load("import os\ndef f(): return os.getenv('MODE')")
    keys = StageKeys(closures(), {})
    recipe = keys.recipe("f", node_of(module.f), {}, {}, str)
    keys.follow(node_of(module.f))
    environment.environment_variable.side_effect = {"MODE": "set since"}.get
    assert "the environment variables (os.environ)" == keys.find_changed_state(recipe)


def test_a_compiled_module_of_the_project_counts_by_its_file(closures, load, environment, monkeypatch):
    compiled = types.ModuleType("compiled")
    compiled.f = types.MethodType(len, [])
    monkeypatch.setitem(sys.modules, "compiled", compiled)
    digests = set()
    for content in (b"one", b"two"):
        environment.compiled_digest.side_effect = lambda module, found=content: found if module == "compiled" else None
        digests.add(closures().closure_of(load("import compiled\ndef f(): return compiled.f()").f).digest)
    assert 2 == len(digests)


def test_the_text_of_source_files_counts_where_some_code_asks_for_it(closures, load, environment):
    source = "def g(): return 1\ndef f(): return inspect.getsource(g)"
    environment.content_digest.side_effect = None
    digests = []
    for text in (b"one", b"two"):
        environment.content_digest.return_value = text
        digests.append([closures().closure_of(load(text).f).digest for text in (source, "def f(): return 1")])
    assert (True, True) == (digests[0][0] != digests[1][0], digests[0][1] == digests[1][1])


MISTYPED = {
    "an argument": (
        "def f(x, verbose=1): return x",
        "verbos",
        "ignore has 'verbos', which is neither an argument of f nor a variable in its code; did you mean 'verbose'?",
    ),
    "a global": (
        "LOGGER = 1\ndef g(): return LOGGER\ndef f(x): return g()",
        "LOGER",
        "did you mean 'LOGGER'?",
    ),
    "anything": ("A = 1\ndef f(x): return A", "qqqqqq", "; valid names: A, x"),
    "where there is nothing": ("def f(): return 1", "qqqqqq", "; valid names: none"),
    "a global that is not met": ("A = B = 1\ndef f(x): return A", "B", "ignore has 'B'"),
    "an argument of a partial": (
        "import functools\ndef g(x, verbose=1): return x\nf = functools.partial(g, 1)",
        "verbos",
        "did you mean 'verbose'?",
    ),
}

NAMED = {
    "an argument": ("def f(x, verbose=1): return x", "verbose"),
    "an argument by name only": ("def f(x, *, verbose=1): return x", "verbose"),
    "an argument of whatever name": ("def f(x, **options): return x", "verbose"),
    "the rest of the arguments": ("def f(x, *others): return x", "others"),
    "a global of a helper": ("A = 1\ndef g(): return A\ndef f(x): return g()", "A"),
    "a global with its module": ("A = 1\ndef f(x): return A", "project.A"),
    "a global that is only set": ("def f(x):\n global A\n A = x", "A"),
    "an attribute of a function": ("def g(): 0\ng.calls = 1\ndef f(x): g()", "calls"),
    "an attribute of a class": ("class C: calls = 1\ndef f(x): C()", "calls"),
    "a variable of a closure": ("def make(n):\n return lambda x: n\nf = make(1)", "n"),
    "what takes what nobody can tell": ("class f:\n def __init__(self, x): 0", "verbose"),
}


@pytest.mark.parametrize(("source", "name", "expected"), MISTYPED.values(), ids=MISTYPED)
def test_a_name_to_ignore_that_there_is_not_is_refused(closures, load, source, name, expected):
    node = node_of(load(source).f, hints=CacheHints(ignore=(name,)))
    with pytest.raises(UndigestibleError) as refusal:
        StageKeys(closures(), {}).recipe("f", node, {}, {}, str)
    assert expected in str(refusal.value)


@pytest.mark.parametrize(("source", "name"), NAMED.values(), ids=NAMED)
def test_a_name_to_ignore_that_there_is_is_taken(closures, load, source, name):
    node = node_of(load(source).f, hints=CacheHints(ignore=(name,)))
    assert "f" == StageKeys(closures(), {}).recipe("f", node, {}, {}, str).stage


def node_of(function, *arguments, hints=CacheHints()):  # noqa: B008 - it never changes
    return Node(function, arguments, {}, (), "uuid", False, None, hints)


IGNORED = {
    "a global": ("A = 1\ndef f(): return A", "module.A = 2", "A"),
    "an attribute of a function": ("def g(): g.a\ng.a = 1\ndef f(): g()", "module.g.a = 2", "a"),
    "an attribute of a class": ("class C: a = 1\ndef f(): C.a", "module.C.a = 2", "a"),
    "a variable of a closure": (
        "def make(a):\n def set(b):\n  nonlocal a\n  a = b\n return set, lambda: a\ns, g = make(1)\ndef f(): g()",
        "module.s(2)",
        "a",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("source", "change", "name"), IGNORED.values(), ids=IGNORED)
def test_what_is_ignored_neither_counts_nor_is_watched(closures, load, source, change, name):
    module, hints = load(source), CacheHints(ignore=(name,))
    keys = StageKeys(closures(), {})
    recipe = keys.recipe("f", node_of(module.f, hints=hints), {}, {}, str)
    keys.follow(node_of(module.f, hints=hints))
    exec(change, {"module": module})
    again = StageKeys(closures(), {}).recipe("f", node_of(module.f, hints=hints), {}, {}, str)
    assert (None, recipe.key()) == (keys.find_changed_state(recipe), again.key())


@pytest.mark.parametrize("held", ["'a.csv'", "('a.csv',)", "['a.csv']", "{'a.csv'}", "{'x': 'a.csv'}", "{'a.csv': 1}"])
def test_texts_that_may_name_files_are_collected(closures, load, held):
    assert "a.csv" in closures().closure_of(load(f"A = {held}\ndef f(): return A").f).texts
    assert "a.csv" not in closures().closure_of(load(f"A = [{held}] * 2000\ndef f(): return A").f).texts


def test_a_python_whose_byte_code_was_not_tested_is_not_followed(closures):
    assert PYTHON in SUPPORTED_PYTHONS
    with pytest.raises(UndigestibleError, match="the byte code of cpython-399 may differ"):
        closures("cpython-399").closure_of(len)


def test_a_memory_of_another_function_than_it_says_cannot_be_followed(closures, load):
    code = load(
        "import functools\ndef named(x): return 0\ndef g(x): return x\n"
        "h = functools.wraps(named)(functools.lru_cache(g))\ndef f(): return h(1)"
    )
    with pytest.raises(UndigestibleError, match="apply lru_cache as the outermost decorator"):
        closures().closure_of(code.f)
