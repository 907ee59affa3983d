"""Keys of functions in real modules: each source of a pair is imported, and asked for, in a process of its own."""

import json
import subprocess
import sys

import pytest
from closure_pairs import PAIRS

ASKING = """
import json, os, shutil, sys, tempfile
from pathlib import Path
sys.dont_write_bytecode = True
import foundations
from foundations.adapters.digesting import XxhashDigesting
from foundations.app.caching.packages import PYTHON, InstalledPackages
from foundations.domain.caching.code.closure import Closures
digesting = XxhashDigesting()
def key(files):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.chdir(tempfile.mkdtemp())
            sys.path.insert(0, os.getcwd())
            for name, text in files.items():
                Path(name).parent.mkdir(parents=True, exist_ok=True)
                Path(name).write_text(text)
            import main
            closures = Closures(InstalledPackages(Path.cwd(), digesting.buffer), digesting, PYTHON)
            outcome = closures.closure_of(main.stage).digest.hex()
            shutil.rmtree(Path.cwd())
        except BaseException as error:
            outcome = repr(error)
        os.write(writer, outcome.encode()[:4000])
        os._exit(0)
    os.close(writer)
    outcome = os.read(reader, 5000).decode()
    os.close(reader)
    os.waitpid(child, 0)
    return outcome
print(json.dumps([[key(files) for files in pair] for pair in json.load(sys.stdin)]))
"""


@pytest.fixture(scope="module")
def keys():
    """The keys of each pair, by its name."""
    sources = [
        (pair.files, {name: text.replace(pair.old, pair.new) for name, text in pair.files.items()}) for pair in PAIRS
    ]
    done = subprocess.run(
        [sys.executable, "-c", ASKING], input=json.dumps(sources), stdout=subprocess.PIPE, text=True, check=True
    )
    return dict(zip([pair.name for pair in PAIRS], json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("pair", PAIRS, ids=[pair.name for pair in PAIRS])
def test_a_key_differs_exactly_where_behaviour_does(keys, pair):
    before, after = keys[pair.name]
    assert (64, 64) == (len(before), len(after)), (before, after)
    assert pair.differs == (before != after)


def test_the_names_of_pairs_are_their_own():
    assert len(PAIRS) == len({pair.name for pair in PAIRS})
