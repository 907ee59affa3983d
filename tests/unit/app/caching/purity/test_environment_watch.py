"""Environment variables that a stage reads: its key covers them, or it is not cached and the log says which."""

import os
import subprocess
import sys

import pytest
from cached_runs import reasons, run

from foundations.app.caching.purity.environment_watch import watched_environment
from foundations.app.caching.purity.process_state import process_state, what_changed

# Each row: a module whose `f(x)` returns what MODE is set to, by a name that the code holds.
COVERED = {
    "a subscript": "import os\ndef f(x): return os.environ['MODE']",
    "get": "import os\ndef f(x): return os.environ.get('MODE', 'x')",
    "getenv": "import os\ndef f(x): return os.getenv('MODE')",
    "another name of getenv": "from os import getenv as ge\ndef f(x): return ge('MODE')",
    "a variable that is getenv": "import os\ng = os.getenv\ndef f(x): return g('MODE')",
    "bytes": "import os\ndef f(x): return os.getenvb(b'MODE').decode() + 'MODE'[:0] if os.getenv('MODE') else ''",
    "a test": "import os\ndef f(x): return 'MODE' in os.environ and os.environ['MODE']",
    "a helper": "import os\ndef g(): return os.environ['MODE']\ndef f(x): return g()",
    "a constant": "import os\nNAME = 'MODE'\ndef f(x): return os.environ[NAME]",
}

# Each row: likewise, by a name that only a run tells.
UNCOVERED = {
    "an argument": "import os\ndef f(x): return os.environ[x]",
    "a default": "import os\ndef f(x, name='MODE'): return os.getenv(name)",
    "an attribute of a class": "import os\nclass C: name = 'MODE'\ndef f(x): return os.getenv(C.name)",
    "a name put together": "import os\ndef f(x): return os.environ[x[:2] + 'DE']",
    "a test": "import os\ndef f(x): return x in os.environ and os.environ.get(x)",
    "a dictionary of names": "import os\nN = {'a': {'b': 'MODE'}}\ndef f(x): return os.environ[N['a']['b']]",
    "bytes": "import os\ndef f(x): return os.getenvb(x.encode()).decode()",
    "a partial": "import functools, os\ng = functools.partial(os.getenv, 'MODE')\ndef f(x): return g()",
}

# Each row: a module whose `f(x)` asks for no variable of its own.
HARMLESS = {
    "a copy for another process": "import os\ndef f(x): return len({**os.environ, 'X': x}) > 0",
    "all of them": "import os\ndef f(x): return len(dict(os.environ)) > 0",
    "the home directory": "import os\ndef f(x): return bool(os.path.expanduser('~'))",
    "a program": (
        "import os, subprocess, sys\n"
        "def f(x): return subprocess.run([sys.executable, '-c', ''], env={**os.environ, 'X': x}).returncode"
    ),
    "a secret": "import os\ndef f(x): return bool(os.environ.get(x + '_API_KEY'))",
    "what a library asks for": "import tempfile\ndef f(x): return bool(tempfile._candidate_tempdir_list())",
}


@pytest.fixture(autouse=True)
def mode(monkeypatch):
    monkeypatch.setenv("MODE", "a")


@pytest.mark.parametrize("source", COVERED.values(), ids=COVERED)
def test_a_variable_that_the_code_names_counts(sdk, module, said, monkeypatch, source):
    found = [run(sdk, module(source).f, "MODE")]
    for mode in ("a", "b", "a"):
        monkeypatch.setenv("MODE", mode)
        found.append(run(sdk, module(source).f, "MODE"))
    assert [("a", False), ("a", True), ("b", False), ("a", True)] == found
    assert [] == reasons(said)


@pytest.mark.parametrize("source", UNCOVERED.values(), ids=UNCOVERED)
def test_a_stage_that_reads_another_is_not_cached(sdk, module, said, monkeypatch, source):
    found = [run(sdk, module(source).f, "MODE")]
    monkeypatch.setenv("MODE", "b")
    found.append(run(sdk, module(source).f, "MODE"))
    assert [("a", False), ("b", False)] == found
    expected = (
        "it read the environment variable MODE, which its key does not cover; write the variable's name as a string"
        " in the code that reads it, or pass its value as an argument"
    )
    assert [expected] * 2 == reasons(said)


@pytest.mark.parametrize("source", HARMLESS.values(), ids=HARMLESS)
def test_what_asks_for_none_is_cached(sdk, module, said, source):
    found = [run(sdk, module(source).f, "MODE") for _ in range(2)]
    assert ([False, True], []) == ([was_hit for _, was_hit in found], reasons(said))


def test_a_variable_that_is_not_set_is_covered_too(sdk, module, said, monkeypatch):
    source = "import os\ndef f(x): return os.environ.get('MODE_THAT_IS_NOT', 'none')"
    found = [run(sdk, module(source).f, 1) for _ in range(2)]
    monkeypatch.setenv("MODE_THAT_IS_NOT", "one")
    found.append(run(sdk, module(source).f, 1))
    assert ([("none", False), ("none", True), ("one", False)], []) == (found, reasons(said))


def test_a_variable_that_a_function_in_an_argument_names_counts(sdk, module, said, monkeypatch):
    source = "import os\ndef g(): return os.environ['MODE']\ndef f(x): return x()"
    found = []
    for mode in ("a", "a", "b"):
        monkeypatch.setenv("MODE", mode)
        code = module(source)
        found.append(run(sdk, code.f, code.g))
    assert ([("a", False), ("a", True), ("b", False)], []) == (found, reasons(said))


def test_what_a_stage_sets_reaches_the_system(sdk, module):
    source = "import os\ndef f(x): os.environ['MODE'] = x; os.environb[b'OF_MODE'] = b'y'"
    run(sdk, module(source).f, "new")
    code = "import os; print(os.environ['MODE'], os.environ['OF_MODE'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ("new y", "y") == (done.stdout.strip(), os.environ.pop("OF_MODE"))


def test_looking_at_the_process_asks_for_none(monkeypatch):
    with watched_environment() as found:
        assert what_changed(process_state()) is None
        assert os.environ["MODE"]
    assert ["MODE"] == list(found)
