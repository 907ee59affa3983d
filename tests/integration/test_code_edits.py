"""Which edits of a project's source are a miss: those that change behaviour, and no others; each in a process."""

import subprocess
import sys
from pathlib import Path

import pytest
from forks import Forks

PROJECT = {
    "main.py": '''
"""The script."""
import functools
import operator
import re
from dataclasses import dataclass, field
from enum import Enum

import settings
from features import Scaler, normalise
from foundations import create_stage
from pkg import tools
from pkg.shapes import Square as Shape

RATE = 0.5
TABLE = {"a": 1, "b": [2, 3]}
PATTERN = re.compile("a+")


class Colour(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Config:
    width: int = 3
    names: list = field(default_factory=list)

    def area(self):
        return self.width * 2


class Base:
    scale = 4

    def grow(self, x):
        return x + self.scale


class Child(Base):
    @property
    def size(self):
        return 7

    @staticmethod
    def fixed(x):
        return x + 1

    @classmethod
    def made(cls):
        return cls()

    def unused(self):
        return 0


def traced(times):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs) + times * 10
        return wrapper
    return decorate


@traced(2)
def decorated(x):
    return x + 100


@functools.lru_cache(maxsize=None)
def memoised(x):
    return x - 3


@functools.singledispatch
def dispatched(x):
    return 1


@dispatched.register(int)
def _(x):
    return 2


def adder(amount):
    def add(x):
        return x + amount
    return add


add_five = adder(5)
triple = functools.partial(operator.mul, 3)
double = lambda x: x * 2
HANDLERS = {"double": double, "decorated": decorated}


def even(n):
    return True if n == 0 else odd(n - 1)


def odd(n):
    return False if n == 0 else even(n - 1)


def generated(n):
    for i in range(n):
        yield i * 2


def defaults(x, *, factor=6):
    return x * factor


def unrelated():
    return "nobody calls this"


def train(x, rate=1):
    # the stage
    total = normalise(x) + tools.shift(x) * rate
    squares = [i ** 2 for i in range(3) if i != 1]
    text = f"{total:.3f}|{x!r}"
    if x > RATE and TABLE["a"]:
        total += len(text)
    for item in generated(2):
        total += item
    try:
        total += Scaler(2).apply(x)
    except (ValueError, KeyError):
        total = 0
    finally:
        total += 1
    total += Child().grow(x) + Child.fixed(x) + Config().area() + Colour.RED.value
    total += decorated(x) + memoised(x) + dispatched(x) + add_five(x) + triple(x) + double(x)
    total += HANDLERS["double"](x) + even(2) + defaults(x) + Shape().side + settings.LEVEL
    total += bool(PATTERN.match(text)) + sum(squares)

    def inner(y):
        nonlocal total
        total += y
        return total

    from lazy import late

    return inner(x) + late(x)


create = create_stage(train)
''',
    "features.py": '''
"""Features."""
from pkg.deep import offset

LIMIT = 10


def normalise(x):
    """Normalise."""
    return clip(x) / LIMIT + offset(x)


def clip(x):
    return min(x, LIMIT)


def never_used(x):
    return x


class Scaler:
    """Scales."""

    def __init__(self, by):
        self.by = by

    def apply(self, x):
        return x * self.by
''',
    "settings.py": """
import sys

if sys.maxsize > 0:
    LEVEL = 5
else:
    LEVEL = 6
OTHER = 1
""",
    "lazy.py": """
def late(x):
    return x + 11


def later(x):
    return x + 12
""",
    "pkg/__init__.py": "",
    "pkg/tools.py": """
from pkg import deep


def shift(x):
    return deep.offset(x) + 1


def idle(x):
    return x
""",
    "pkg/deep.py": """
BASE = 3


def offset(x):
    return x + BASE
""",
    "pkg/shapes.py": """
class Square:
    side = 2
""",
}

BEHAVIOUR = {
    "a helper": ("features.py", "clip(x) / LIMIT", "clip(x) * LIMIT"),
    "a helper of a helper": ("features.py", "min(x, LIMIT)", "max(x, LIMIT)"),
    "a helper two modules away": ("pkg/deep.py", "x + BASE", "x - BASE"),
    "a constant two modules away": ("pkg/deep.py", "BASE = 3", "BASE = 4"),
    "a constant's type": ("pkg/deep.py", "BASE = 3", "BASE = 3.0"),
    "a table in another order": ("main.py", '{"a": 1, "b": [2, 3]}', '{"b": [2, 3], "a": 1}'),
    "a constant of the script": ("main.py", "RATE = 0.5", "RATE = 0.6"),
    "a value deep in a table": ("main.py", "[2, 3]", "[2, 4]"),
    "a pattern": ("main.py", 're.compile("a+")', 're.compile("a*")'),
    "a pattern's flags": ("main.py", 're.compile("a+")', 're.compile("a+", re.I)'),
    "a default": ("main.py", "def train(x, rate=1)", "def train(x, rate=2)"),
    "a helper's keyword default": ("main.py", "factor=6", "factor=7"),
    "a closure's value": ("main.py", "adder(5)", "adder(6)"),
    "a closure's code": ("main.py", "return x + amount", "return x - amount"),
    "a decorator's body": ("main.py", "+ times * 10", "- times * 10"),
    "a decorator's argument": ("main.py", "@traced(2)", "@traced(3)"),
    "a decorator taken off": ("main.py", "@traced(2)\n", ""),
    "a decorated function's body": ("main.py", "return x + 100", "return x + 101"),
    "a memoised function's body": ("main.py", "return x - 3", "return x - 4"),
    "the default of a single dispatch": ("main.py", "    return 1\n", "    return 3\n"),
    "an implementation of a single dispatch": ("main.py", "    return 2\n", "    return 3\n"),
    "the type of an implementation of a single dispatch": ("main.py", "register(int)", "register(float)"),
    "a base class's method": ("main.py", "return x + self.scale", "return x - self.scale"),
    "a class attribute": ("main.py", "    scale = 4", "    scale = 5"),
    "a class attribute shadowed in the subclass": ("main.py", "    @property", "    scale = 9\n\n    @property"),
    "a property": ("main.py", "return 7", "return 8"),
    "a static method": (
        "main.py",
        "    def fixed(x):\n        return x + 1",
        "    def fixed(x):\n        return x + 2",
    ),
    "a class method": ("main.py", "return cls()", "return cls() or None"),
    "another base class": ("main.py", "class Child(Base)", "class Child(Base, Colour.__class__ and object)"),
    "a dataclass's default": ("main.py", "width: int = 3", "width: int = 4"),
    "a dataclass's factory": ("main.py", "default_factory=list", "default_factory=dict"),
    "a dataclass's field": ("main.py", "    width: int = 3\n", "    width: int = 3\n    height: int = 3\n"),
    "a dataclass's parameters": ("main.py", "@dataclass\n", "@dataclass(order=True)\n"),
    "a dataclass's method": ("main.py", "self.width * 2", "self.width * 3"),
    "an enumeration's value": ("main.py", "RED = 1", "RED = 3"),
    "an enumeration's member": ("main.py", "    BLUE = 2", "    BLUE = 2\n    GREEN = 4"),
    "a method of an imported class": ("features.py", "return x * self.by", "return x / self.by"),
    "a constructor of an imported class": ("features.py", "self.by = by", "self.by = by + 1"),
    "an attribute of a class imported under another name": ("pkg/shapes.py", "side = 2", "side = 3"),
    "a lambda": ("main.py", "double = lambda x: x * 2", "double = lambda x: x * 4"),
    "a partial's argument": ("main.py", "partial(operator.mul, 3)", "partial(operator.mul, 4)"),
    "a partial's function": ("main.py", "partial(operator.mul, 3)", "partial(operator.add, 3)"),
    "a comprehension's element": ("main.py", "[i ** 2 for", "[i ** 3 for"),
    "a comprehension's condition": ("main.py", "if i != 1]", "if i != 2]"),
    "a format": ("main.py", "{total:.3f}", "{total:.4f}"),
    "a conversion in a format": ("main.py", "{x!r}", "{x!s}"),
    "a constant in the code": ("main.py", "total += 1\n", "total += 2\n"),
    "an operator": ("main.py", "if x > RATE and", "if x >= RATE and"),
    "and for or": ("main.py", "RATE and TABLE", "RATE or TABLE"),
    "the order of operands": ("main.py", "tools.shift(x) * rate", "rate - tools.shift(x)"),
    "the caught exceptions": ("main.py", "(ValueError, KeyError)", "(ValueError, TypeError)"),
    "what is done on an exception": ("main.py", "        total = 0\n", "        total = 9\n"),
    "a loop's bound": ("main.py", "in generated(2)", "in generated(3)"),
    "a generator": ("main.py", "yield i * 2", "yield i * 3"),
    "a function returning instead of yielding": ("main.py", "        yield i * 2", "        return [i * 2]"),
    "an inner function": ("main.py", "        total += y\n", "        total -= y\n"),
    "one of two functions that call each other": (
        "main.py",
        "True if n == 0 else odd(n - 1)",
        "None if n == 0 else odd(n - 1)",
    ),
    "the other of two functions that call each other": ("main.py", "False if n == 0", "None if n == 0"),
    "a function in a table": ("main.py", '{"double": double', '{"double": triple'),
    "a key of a table": ("main.py", '{"a": 1', '{"a": 2'),
    "a conditional definition that is taken": ("settings.py", "LEVEL = 5", "LEVEL = 7"),
    "the condition of a definition": ("settings.py", "maxsize > 0", "maxsize < 0"),
    "an import that gives another function": (
        "main.py",
        "import Scaler, normalise",
        "import Scaler, never_used as normalise",
    ),
    "a global rebound": ("main.py", "add_five = adder(5)\n", "add_five = adder(5)\nadd_five = memoised\n"),
    "a module that a name stands for": (
        "main.py",
        "from pkg import tools",
        "import features as tools\ntools.shift = len",
    ),
    "a function imported inside": ("lazy.py", "x + 11", "x + 13"),
    "another function imported inside": ("main.py", "from lazy import late\n", "from lazy import later as late\n"),
    "a statement removed": ("main.py", "    total += bool(PATTERN.match(text)) + sum(squares)\n", ""),
    "two statements swapped": (
        "main.py",
        "        total += item\n",
        "        total += item\n        total *= 2\n",
    ),
}

NO_BEHAVIOUR = {
    "nothing": ("main.py", "RATE", "RATE"),
    "a comment": ("main.py", "# the stage", "# the very stage"),
    "a comment added": ("features.py", "def clip(x):\n", "def clip(x):\n    # it clips\n"),
    "the script's docstring": ("main.py", '"""The script."""', '"""Another script."""'),
    "a module's docstring": ("features.py", '"""Features."""', ""),
    "a function's docstring": ("features.py", '"""Normalise."""', '"""Another."""'),
    "a docstring added": ("features.py", "def clip(x):\n", 'def clip(x):\n    """It clips."""\n'),
    "a docstring removed": ("features.py", '    """Normalise."""\n', ""),
    "a docstring added to the stage": ("main.py", "def train(x, rate=1):\n", 'def train(x, rate=1):\n    """T."""\n'),
    "a docstring added to an inner function": ("main.py", "def inner(y):\n", 'def inner(y):\n        """I."""\n'),
    "a class's docstring": ("features.py", '"""Scales."""', '"""It scales."""'),
    "empty lines": ("main.py", "RATE = 0.5", "\n\n\nRATE = 0.5"),
    "lines broken": ("features.py", "min(x, LIMIT)", "min(\n        x,\n        LIMIT,\n    )"),
    "an expression in parentheses": ("features.py", "clip(x) / LIMIT + offset(x)", "((clip(x) / LIMIT) + offset(x))"),
    "an expression over several lines": (
        "features.py",
        "clip(x) / LIMIT + offset(x)",
        "(\n        clip(x)\n        / LIMIT\n        + offset(x)\n    )",
    ),
    "a condition over several lines": (
        "main.py",
        'if x > RATE and TABLE["a"]:',
        "if (\n        x > RATE\n        and TABLE['a']\n    ):",
    ),
    "a list over several lines": ("main.py", "[2, 3]", "[\n    2,\n    3,\n]"),
    "single quotes": ("main.py", '"double": double', "'double': double"),
    "another spelling of a number": ("main.py", "RATE = 0.5", "RATE = 5e-1"),
    "an annotation": ("features.py", "def clip(x):", "def clip(x: float) -> float:"),
    "an annotation of the stage": ("main.py", "def train(x, rate=1):", "def train(x: 'int', rate: int = 1) -> float:"),
    "an annotation of an inner function": ("main.py", "def inner(y):", "def inner(y: int) -> int:"),
    "an annotation of a local variable": ("main.py", "squares = [", "squares: list[int] = ["),
    "a dataclass's annotation spelled otherwise": ("main.py", "width: int = 3", "width: 'int' = 3"),
    "annotations from the future": ("features.py", '"""Features."""', "from __future__ import annotations"),
    "a local variable's name": ("main.py", "squares", "second_powers"),
    "the name of a comprehension's variable": (
        "main.py",
        "[i ** 2 for i in range(3) if i != 1]",
        "[j ** 2 for j in range(3) if j != 1]",
    ),
    "an unused function": ("main.py", '"nobody calls this"', '"nor this"'),
    "an unused function of a used module": (
        "features.py",
        "def never_used(x):\n    return x",
        "def never_used(x):\n    return -x",
    ),
    "an unused function added": ("features.py", "class Scaler:", "def brand_new():\n    return 1\n\n\nclass Scaler:"),
    "an unused function of a module imported inside": ("lazy.py", "x + 12", "x + 14"),
    "an unused constant": ("settings.py", "OTHER = 1", "OTHER = 2"),
    "an unused function of a package": ("pkg/tools.py", "def idle(x):\n    return x", "def idle(x):\n    return None"),
    "the branch of a conditional definition that is not taken": ("settings.py", "LEVEL = 6", "LEVEL = 8"),
    "an unused import": ("main.py", "import functools\n", "import functools\nimport json\n"),
    "the order of imports": ("main.py", "import functools\nimport operator\n", "import operator\nimport functools\n"),
    "the order of functions": (
        "features.py",
        "def clip(x):\n    return min(x, LIMIT)\n\n\ndef never_used(x):\n    return x\n",
        "def never_used(x):\n    return x\n\n\ndef clip(x):\n    return min(x, LIMIT)\n",
    ),
    "a pass statement": ("main.py", "        total += item\n", "        total += item\n        pass\n"),
    "a function renamed everywhere": ("features.py", "clip", "clamp"),
    "a constant renamed everywhere": ("features.py", "LIMIT", "BOUND"),
    "a type comment": ("main.py", "RATE = 0.5", "RATE = 0.5  # type: float"),
    "an assertion's line": ("main.py", "    return inner(x) + late(x)", "\n\n    return inner(x) + late(x)"),
}

MOVES = {
    "a function moved to another module": {
        "features.py": [
            ("def clip(x):\n    return min(x, LIMIT)\n", ""),
            ("LIMIT = 10", "from moved import LIMIT, clip"),
        ],
        "moved.py": [("", "LIMIT = 10\n\n\ndef clip(x):\n    return min(x, LIMIT)\n")],
    },
    "a constant moved to another module": {
        "features.py": [("LIMIT = 10", "from moved import LIMIT")],
        "moved.py": [("", "LIMIT = 10\n")],
    },
    "a module renamed": {
        "features.py": [("from pkg.deep import offset", "from pkg.shallow import offset")],
        "pkg/tools.py": [("from pkg import deep", "from pkg import shallow as deep")],
        "pkg/shallow.py": [("", PROJECT["pkg/deep.py"])],
    },
}

KEY = """
import sys
sys.path.insert(0, ".")
import main
explanation = main.create(3).enable_caching().explain()
print(explanation.key or explanation)
"""


def write(place, changes):
    """Write the project, changed so."""
    files = dict(PROJECT)
    for name, replacements in changes.items():
        text = files.get(name, "")
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new) if old else new
        files[name] = text
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)


def fresh_key(place, script=KEY):
    """Return the key that the stage of the project has in a fresh interpreter."""
    done = subprocess.run([sys.executable, "-B", "-c", script], cwd=place, capture_output=True, text=True, check=False)
    assert ("", 0) == (done.stderr, done.returncode)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The project as it is."""
    made = tmp_path_factory.mktemp("unchanged")
    write(made, {})
    return made


@pytest.fixture(scope="module")
def unchanged(place):
    found = fresh_key(place)
    assert 64 == len(found), found
    return found


@pytest.fixture(scope="module")
def forks(place):
    made = Forks(KEY, place)
    yield made
    made.close()


@pytest.fixture
def key(forks, tmp_path):
    """What returns the key that the stage of the project has, changed so."""

    def key(changes):
        write(tmp_path, changes)
        done = forks.run(KEY, tmp_path)
        assert ("", 0) == (done.stderr, done.status)
        return done.stdout.strip()

    return key


@pytest.mark.parametrize("edit", BEHAVIOUR.values(), ids=BEHAVIOUR)
def test_an_edit_that_changes_behaviour_is_a_miss(key, unchanged, edit):
    file, old, new = edit
    found = key({file: [(old, new)]})
    assert 64 == len(found), found
    assert unchanged != found


@pytest.mark.parametrize("edit", NO_BEHAVIOUR.values(), ids=NO_BEHAVIOUR)
def test_an_edit_that_changes_no_behaviour_is_a_hit(key, unchanged, edit):
    file, old, new = edit
    assert unchanged == key({file: [(old, new)]})


@pytest.mark.parametrize("changes", MOVES.values(), ids=MOVES)
def test_what_is_moved_within_the_project_is_a_hit(key, unchanged, changes):
    assert unchanged == key(changes)


def test_the_project_formatted_anew_is_a_hit(key, unchanged):
    import ast

    changes = {name: [(text, ast.unparse(ast.parse(text)))] for name, text in PROJECT.items() if text}
    assert unchanged == key(changes)


def test_the_script_and_a_notebook_have_one_key(place, unchanged):
    """A notebook's cells run in __main__, one after the other, compiled under names of their own."""
    script = """
import sys
sys.path.insert(0, ".")
source = open("main.py").read()
for number, cell in enumerate(source.split("\\n\\n\\n")):
    exec(compile(cell, f"<cell {number}>", "exec"), globals())
print(create(3).enable_caching().explain().key)
"""
    assert unchanged == fresh_key(place, script)


def test_the_table_has_at_least_sixty_rows():
    assert len(BEHAVIOUR) + len(NO_BEHAVIOUR) + len(MOVES) >= 60
    assert all(old in PROJECT[file] for file, old, _ in (*BEHAVIOUR.values(), *NO_BEHAVIOUR.values()))
    assert Path(__file__).name.startswith("test_")
