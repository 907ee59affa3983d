"""Keys of functions in real modules: each source of a pair is imported, and asked for, in a process of its own."""

import pytest
from closure_pairs import PAIRS
from forks import Forks

ASKING = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path.cwd()))
from foundations.adapters.digesting import Blake3Digesting
from foundations.app.caching.packages import PYTHON, InstalledPackages
from foundations.domain.caching.code.closure import Closures
import main
digesting = Blake3Digesting()
closures = Closures(InstalledPackages(Path.cwd(), digesting.buffer), digesting, PYTHON)
print(closures.closure_of(main.stage).digest.hex())
"""


def write(place, files):
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    return place


@pytest.fixture(scope="module")
def forks(tmp_path_factory):
    made = Forks(ASKING, write(tmp_path_factory.mktemp("typical"), PAIRS[0].files))
    yield made
    made.close()


@pytest.fixture
def key(forks, tmp_path_factory):
    """What returns the key of ``main.stage`` in a project of these files."""

    def key(files):
        done = forks.run(ASKING, write(tmp_path_factory.mktemp("pair"), files))
        assert (0, "") == (done.status, done.stderr)
        return done.stdout.strip()

    return key


@pytest.mark.parametrize("pair", PAIRS, ids=[pair.name for pair in PAIRS])
def test_a_key_differs_exactly_where_behaviour_does(key, pair):
    before = key(pair.files)
    after = key({name: text.replace(pair.old, pair.new) for name, text in pair.files.items()})
    assert (64, 64) == (len(before), len(after)), (before, after)
    assert pair.differs == (before != after)


def test_the_names_of_pairs_are_their_own():
    assert len(PAIRS) == len({pair.name for pair in PAIRS})
