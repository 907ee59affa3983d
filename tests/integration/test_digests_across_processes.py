"""Whether values have the same digests elsewhere: in processes whose hashes of strings, and addresses, differ."""

import json
import os
import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from support import THOROUGH

PROCESSES = 20 if THOROUGH else 6
UNIT_TESTS = pathlib.Path(__file__).parents[1] / "unit"

DIGESTS = """
import json, sys
import test_digesting, test_digests
from foundations.adapters.digesting import Blake3Digesting
from foundations.domain.caching.values.digests import ValueDigester

names = {f"name {number}" for number in range(100)}
ordered = sorted(names)
values = [
    *test_digests.DIFFERENT,
    *test_digesting.ALL,
    *test_digesting.LOSE_SOMETHING_WHEN_COPIED,
    *(test_digesting.pa.array(held, kind) for kind, held in test_digesting.ARROW.values()),
    *(test_digests.MySet(names), {name: {name} for name in ordered}, frozenset((name, 1) for name in names)),
    *(test_digests.Plain(**dict.fromkeys(ordered)), test_digesting.np.array([names, frozenset(names)], "O")),
    *(test_digesting.pd.DataFrame({"a": [names]}), {test_digests.Site(name): name for name in ordered}),
]
digester = ValueDigester(Blake3Digesting(), test_digests.FakeCode())
print(json.dumps([(repr(type(value)), digester.digest(value).hex()) for value in values]))
"""


def digests_elsewhere(seed):
    paths = [
        str(UNIT_TESTS / "domain" / "caching" / "values"),
        str(UNIT_TESTS / "adapters"),
        str(UNIT_TESTS.parents[1]),
    ]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "COV_"))}
    done = subprocess.run(
        [sys.executable, "-c", DIGESTS],
        env={**kept, "PYTHONHASHSEED": str(seed), "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
        check=True,
    )
    return json.loads(done.stdout)


def test_processes_with_hashes_of_their_own_give_one_digest():
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        first, *others = pool.map(digests_elsewhere, range(1, PROCESSES + 1))
    differing = [pair for other in others for pair in zip(first, other, strict=True) if pair[0] != pair[1]]
    assert (True, []) == (len(first) > 500, differing)
