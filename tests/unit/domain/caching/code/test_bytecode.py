import ast
import importlib
import sys
from pathlib import Path
from types import CodeType

import pytest

from foundations.domain.caching.code.bytecode import NameReference, normal_form

# Each row: what is written, and what else is written; `f` is compiled, and looked at.
SAME = {
    "a docstring": ("def f(x):\n 'one'\n return x", "def f(x):\n 'two'\n return x"),
    "a docstring taken off": ("def f(x):\n 'one'\n return x", "def f(x):\n return x"),
    "the docstring of a class inside": ("def f():\n class C:\n  'one'\n  a = 1", "def f():\n class C:\n  a = 1"),
    "a comment": ("def f(x):\n return x", "def f(x):\n # it returns\n return x"),
    "a statement that does nothing": ("def f(x):\n return x", "def f(x):\n pass\n return x"),
    "where lines break": (
        "def f(x):\n return g(x, 1) if x and x > 1 else [x, 2]",
        "def f(x):\n return (\n  g(\n   x,\n   1,\n  )\n  if x\n  and x > 1\n  else [\n   x, 2]\n )",
    ),
    "where a loop's lines break": (
        "def f(x):\n for i in x:\n  if i: continue\n  g(i)",
        "def f(x):\n for i in x:\n\n  if i:\n\n   continue\n  g(\n   i)",
    ),
    "where the lines of an exception's handler break": (
        "def f(x):\n try: g(x)\n except (A, B) as e: h(e)\n finally: k()",
        "def f(x):\n try:\n  g(x)\n except (\n  A,\n  B,\n ) as e:\n  h(e)\n finally:\n  k()",
    ),
    "two assignments on a line": ("def f(x):\n a = x; b = a; return a + b", "def f(x):\n a = x\n b = a\n return a + b"),
    "parentheses": ("def f(x):\n return x * 2 + 1", "def f(x):\n return ((x * 2) + 1)"),
    "quotes": ("def f():\n return 'a'", 'def f():\n return """a"""'),
    "how a number is spelled": ("def f():\n return 1000.0", "def f():\n return 1_000e0"),
    "a computation that the compiler does": ("def f():\n return 60 * 60", "def f():\n return 3600"),
    "a string in two pieces": ("def f(x):\n return f'a{x}b'", "def f(x):\n return f'a{x}' 'b'"),
    "a local variable's name": ("def f(x):\n y = x\n return y", "def f(x):\n result = x\n return result"),
    "the name of a variable of two functions": (
        "def f(x):\n y = x\n return lambda: y",
        "def f(x):\n held = x\n return lambda: held",
    ),
    "the order of the names of variables of two functions": (
        "def f(x):\n a = x\n b = 2\n return lambda: a - b",
        "def f(x):\n b = x\n a = 2\n return lambda: b - a",
    ),
    "the name of an exception": (
        "def f():\n try: g()\n except E as e: h(e)",
        "def f():\n try: g()\n except E as error: h(error)",
    ),
    "the name of a comprehension's variable": (
        "def f(x):\n return [i for i in x if i]",
        "def f(x):\n return [item for item in x if item]",
    ),
    "the name of the rest": ("def f(*args, **kwargs):\n return args, kwargs", "def f(*a, **k):\n return a, k"),
    "the name of a function inside": (
        "def f():\n def g(x): return x\n return g",
        "def f():\n def h(x): return x\n return h",
    ),
    "a function inside instead of a lambda": (
        "def f():\n g = lambda x: x\n return g",
        "def f():\n def g(x): return x\n return g",
    ),
    "an annotation": ("def f(x):\n return x", "def f(x: int) -> int:\n return x"),
    "an annotation of a variable": ("def f(x):\n y = x\n return y", "def f(x):\n y: List[int] = x\n return y"),
    "an else after a return": ("def f(x):\n if x: return 1\n return 2", "def f(x):\n if x: return 1\n else: return 2"),
    "what never runs": ("def f(x):\n if 0: g(x)\n return x", "def f(x):\n return x"),
}  # fmt: skip

DIFFERENT = {
    "an operator": ("def f(x):\n return x + 1", "def f(x):\n return x - 1"),
    "an operator in its place": ("def f(x):\n x += 1\n return x", "def f(x):\n x = x + 1\n return x"),
    "a comparison": ("def f(x):\n return x < 1", "def f(x):\n return x <= 1"),
    "the end of a chain of comparisons": ("def f(x):\n return 0 < x < 5", "def f(x):\n return 0 < x <= 5"),
    "and for or": ("def f(x, y):\n return x and y", "def f(x, y):\n return x or y"),
    "a not": ("def f(x):\n if x: g()", "def f(x):\n if not x: g()"),
    "is none": ("def f(x):\n if x is None: g()", "def f(x):\n if x is not None: g()"),
    "a constant": ("def f():\n return 1", "def f():\n return 2"),
    "a constant's type": ("def f():\n return 1", "def f():\n return True"),
    "a constant's sign": ("def f():\n return 0.0", "def f():\n return -0.0"),
    "a type deep in a constant": ("def f():\n return 1, (2, 3)", "def f():\n return 1, (2, 3.0)"),
    "the order of arguments": ("def f(x, y):\n return g(x, y)", "def f(x, y):\n return g(y, x)"),
    "an argument that is spread": ("def f(x):\n return g(x)", "def f(x):\n return g(*x)"),
    "an attribute": ("def f(x):\n return x.a", "def f(x):\n return x.b"),
    "a method": ("def f(x):\n return x.a()", "def f(x):\n return x.b()"),
    "a call": ("def f(x):\n return x.a", "def f(x):\n return x.a()"),
    "a global variable": ("def f():\n return a", "def f():\n return b"),
    "which of two global variables": ("def f():\n return a, b, a", "def f():\n return a, b, b"),
    "which of two local variables": (
        "def f(x):\n a = x; b = 2\n return a, b, a",
        "def f(x):\n a = x; b = 2\n return a, b, b",
    ),
    "which of two variables is captured": (
        "def f(x):\n a = x; b = 2\n return lambda: a",
        "def f(x):\n a = x; b = 2\n return lambda: b",
    ),
    "the order of captured variables": (
        "def f(x):\n a = x; b = 2\n return lambda: a - b",
        "def f(x):\n a = x; b = 2\n return lambda: b - a",
    ),
    "a variable of the function around": (
        "def f(x):\n def g():\n  x = 1\n return g, x",
        "def f(x):\n def g():\n  nonlocal x\n  x = 1\n return g, x",
    ),
    "a global declaration": ("def f():\n a = 1", "def f():\n global a\n a = 1"),
    "a parameter's name": ("def f(x):\n return x", "def f(y):\n return y"),
    "a parameter by keyword alone": ("def f(x, y):\n return x", "def f(x, *, y):\n return x"),
    "a parameter by position alone": ("def f(x, y):\n return x", "def f(x, /, y):\n return x"),
    "the rest of the arguments": ("def f(*args):\n return args", "def f(**args):\n return args"),
    "the default of a function inside": (
        "def f():\n def g(x=1): return x\n return g",
        "def f():\n def g(x=2): return x\n return g",
    ),
    "which parameter inside has the default": (
        "def f(a, b):\n return lambda x=a, y=b: 0",
        "def f(a, b):\n return lambda x=b, y=a: 0",
    ),
    "a default for a keyword": ("def f(a):\n def g(x=a): 0\n return g", "def f(a):\n def g(*, x=a): 0\n return g"),
    "a decorator of a function inside": ("def f():\n @d\n def g(): 0\n return g", "def f():\n def g(): 0\n return g"),
    "a generator": ("def f():\n yield 1", "def f():\n return 1"),
    "a coroutine": ("async def f():\n return 1", "def f():\n return 1"),
    "what is awaited": ("async def f(x):\n return await x", "async def f(x):\n return x"),
    "another generator": ("def f(x):\n yield x", "def f(x):\n yield from x"),
    "a list for a set": ("def f(x):\n return [i for i in x]", "def f(x):\n return {i for i in x}"),
    "a list for a generator": ("def f(x):\n return [i for i in x]", "def f(x):\n return (i for i in x)"),
    "a comprehension's condition": (
        "def f(x):\n return [i for i in x if i]",
        "def f(x):\n return [i for i in x if not i]",
    ),
    "the order of the loops of a comprehension": (
        "def f(x, y):\n return [0 for i in x for j in y]",
        "def f(x, y):\n return [0 for i in y for j in x]",
    ),
    "a break for a continue": (
        "def f(x):\n for i in x:\n  if i: break\n  g(i)",
        "def f(x):\n for i in x:\n  if i: continue\n  g(i)",
    ),
    "the else of a loop": (
        "def f(x):\n for i in x:\n  if i: break\n else: g()",
        "def f(x):\n for i in x:\n  if i: break\n g()",
    ),
    "what is guarded": (
        "def f(x):\n try: g(x)\n except E: pass\n h(x)",
        "def f(x):\n try:\n  g(x)\n  h(x)\n except E: pass",
    ),
    "which half is guarded": (
        "def f(x):\n try: g()\n except E: return 1\n h()",
        "def f(x):\n g()\n try: h()\n except E: return 1",
    ),
    "the order of handlers": (
        "def f():\n try: g()\n except A: return 1\n except B: return 2",
        "def f():\n try: g()\n except B: return 2\n except A: return 1",
    ),
    "a handler of groups": ("def f():\n try: g()\n except A: x = 1", "def f():\n try: g()\n except* A: x = 1"),
    "what is done at last": ("def f():\n try: g()\n finally: h()", "def f():\n g()\n h()"),
    "a cause": ("def f(x):\n raise E from x", "def f(x):\n raise E"),
    "a context manager": ("def f(x):\n with x: g()", "def f(x):\n x\n g()"),
    "the order of context managers": ("def f(x, y):\n with x, y: g()", "def f(x, y):\n with y, x: g()"),
    "an assertion": ("def f(x):\n assert x", "def f(x):\n pass"),
    "a format": ("def f(x):\n return f'{x:2}'", "def f(x):\n return f'{x:3}'"),
    "a conversion": ("def f(x):\n return f'{x!r}'", "def f(x):\n return f'{x!s}'"),
    "a slice": ("def f(x):\n return x[1:]", "def f(x):\n return x[:1]"),
    "an unpacking": ("def f(x):\n a, *b = x\n return a, b", "def f(x):\n *a, b = x\n return a, b"),
    "a deletion": ("def f(x):\n del x[0]", "def f(x):\n del x[1]"),
    "a pattern": ("def f(x):\n match x:\n  case [1, y]: return y", "def f(x):\n match x:\n  case [2, y]: return y"),
    "a pattern's class": ("def f(x):\n match x:\n  case A(): return 1", "def f(x):\n match x:\n  case B(): return 1"),
    "the guard of a pattern": (
        "def f(x):\n match x:\n  case y if y: return 1",
        "def f(x):\n match x:\n  case y if not y: return 1",
    ),
    "the keys of a pattern": (
        "def f(x):\n match x:\n  case {'a': y}: return y",
        "def f(x):\n match x:\n  case {'b': y}: return y",
    ),
    "what an assignment inside an expression names": (
        "def f(x):\n (a := x); b = 2\n return a",
        "def f(x):\n a = x; (b := 2)\n return b",
    ),
    "an import": ("def f():\n import a\n return a", "def f():\n import b\n return b"),
    "what is imported from it": ("def f():\n from a import b\n return b", "def f():\n from a import c as b\n return b"),
    "how far up an import begins": ("def f():\n from .a import b", "def f():\n from ..a import b"),
    "a class attribute inside": ("def f():\n class C:\n  a = 1\n return C", "def f():\n class C:\n  a = 2\n return C"),
    "a base class inside": ("def f():\n class C(A): pass\n return C", "def f():\n class C(B): pass\n return C"),
    "the order of keys": ("def f(x):\n return {'a': x, 'b': x}", "def f(x):\n return {'b': x, 'a': x}"),
    "the names that locals() has": ("def f(x):\n y = x\n return locals()", "def f(x):\n z = x\n return locals()"),
}  # fmt: skip

ANNOTATIONS = (
    *("int", "'int'", "None", "A.b.c", "A | None", "not A", "-1", "(A, B)", "[A, B]", "{'a': A}", "A < B", "f'{A}'"),
    *("list[int]", "Callable[[int], str]", "Callable[..., A]", "Literal['a', 1]", "Annotated[int, g(1, z=3)]"),
    *("np.ndarray[tuple[int, ...], np.dtype[np.float64]]", "g(A, B)", "m.g(A)(B)", "lambda: 3"),
)
INNER = """
def f(x, w):
    a = x * 2
    b = [a, x - 3]
    @d(x)
    def inner(p: {0}, q: {0} = x + 7, *r: {0}, s: {0} = 8, **t: {0}) -> {0}:
        return a + w
    return inner
"""
CHANGES = (
    *(("x * 2", "x * 3"), ("x - 3", "x - 4"), ("d(x)", "d(w)"), ("x + 7", "x + 9"), ("= 8", "= 9")),
    ("a + w", "a - w"),
)

MODULES = ("ast", "bisect", "contextlib", "csv", "dataclasses", "functools", "heapq", "shlex", "statistics", "textwrap")
"""Modules whose every form is met: coroutines, generators, classes, patterns of exceptions, decorators."""


def plain(part):
    """Return a part of a normal_form as it can be compared: 1, True and 1.0 differ, and a set has no order."""
    if isinstance(part, frozenset):
        return "frozenset", sorted(map(repr, part))
    if isinstance(part, tuple):
        return [plain(item) for item in part]
    return type(part).__name__, repr(part)


def form(code):
    found = normal_form(code)
    return [plain(part) for part in found.parts], found.references, len(found.free)


def first_inside(code):
    return next(constant for constant in code.co_consts if isinstance(constant, CodeType))


def function(source):
    """Return the code of the function `f` in `source`."""
    return first_inside(compile(source, "<source>", "exec"))


def all_codes(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from all_codes(constant)


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_how_it_is_written_down_is_no_part_of_a_shape(one, other):
    assert form(function(one)) == form(function(other))


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_it_does_is_part_of_a_shape(one, other):
    assert form(function(one)) != form(function(other))


@pytest.mark.parametrize("annotation", ANNOTATIONS)
def test_annotations_of_a_function_inside_are_no_part_of_a_shape(annotation):
    annotated = INNER.format(annotation)
    bare = INNER.replace(": {0}", "").replace(" -> {0}", "")
    assert form(function(bare)) == form(function(annotated))


@pytest.mark.parametrize("annotation", ANNOTATIONS)
def test_code_around_annotations_is_part_of_a_normal_form(annotation):
    source = INNER.format(annotation)
    sources = [source, *(source.replace(old, new) for old, new in CHANGES)]
    forms = [form(function(changed)) for changed in sources]
    assert [True] * len(CHANGES) == [forms[0] != changed for changed in forms[1:]]


def test_the_shape_of_a_code_object_is_the_same_each_time():
    code = function(INNER.format("int"))
    assert normal_form(code) == normal_form(code)


def test_references_are_in_the_order_of_first_use():
    source = "def f(x):\n import a.b\n from .c import d\n return tools.deep.shift(g(x)), a.b.h, g, (lambda: LIMIT)"
    expected = (
        *(
            NameReference("a.b", ("",), 0),
            NameReference("c", ("d",), 1),
            NameReference("tools", ("deep", "shift")),
            NameReference("g"),
        ),
        *(NameReference("a", ("b", "h"), 0), NameReference("LIMIT")),
    )
    assert expected == normal_form(function(source)).references


def test_a_reference_names_the_module_that_an_import_binds_under_another_name():
    assert (NameReference("a.b", ("h",), 0),) == normal_form(
        function("def f():\n import a.b as c\n return c.h")
    ).references


def test_free_variables_are_named_in_the_order_of_first_use():
    outer = function("def f(a, b, c):\n def g():\n  b\n  return lambda: (c, a)\n return g")
    inner = first_inside(outer)
    assert ("b", "c", "a") == normal_form(inner).free


def test_names_include_those_of_code_inside():
    source = "def f(x):\n class C:\n  def m(self): return self.__name__\n return x.a"
    assert {"__name__", "a"} <= normal_form(function(source)).names


@pytest.mark.parametrize("module", MODULES)
def test_formatting_is_no_part_of_a_shape(module):
    """But for at most one in a hundred: Python 3.11 threads some jumps only where two of them share a line."""
    source = Path(importlib.import_module(module).__file__).read_text(encoding="utf-8")
    written = list(all_codes(compile(source, "<written>", "exec")))
    formatted = list(all_codes(compile(ast.unparse(ast.parse(source)), "<formatted>", "exec")))
    pairs = zip(written, formatted, strict=True)
    unlike = [one.co_qualname for one, other in pairs if form(one) != form(other)]
    assert len(unlike) <= (len(written) // 100 if sys.version_info < (3, 12) else 0), unlike
