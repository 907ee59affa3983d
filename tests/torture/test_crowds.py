"""Many at once, and many in a row."""

import json

import pytest
from support import THOROUGH, Project

CROWD = 50 if THOROUGH else 12
ROW = 1000 if THOROUGH else 60


@pytest.fixture(name="place")
def place_that_has_run(place: Project) -> Project:
    place.run("-c", "from foundations import *\npipeline.stage(int).run(job_name='warm-up').fetch_job_results()")
    return place


def outcomes(place: Project, script: str) -> list[str]:
    children = [place.start("-c", script, str(number)) for number in range(CROWD)]
    found = []
    for child in children:
        stdout, stderr = child.communicate(timeout=300)
        last = [line for line in stderr.splitlines() if line][-1:] or [""]
        found.append(stdout.strip() or last[0].partition(":")[0])
    return found


def test_of_many_that_want_one_name_one_gets_it(place: Project) -> None:
    script = (
        "from foundations import *\nd = pipeline.stage(int).run(job_name='wanted')\nprint(d.fetch_job_results().output)"
    )
    found = outcomes(place, script)
    assert 1 == found.count("0"), found
    assert {"0", "foundations.errors.JobExistsError", "foundations.errors.BundleExistsError"} >= set(found), found
    assert ["project"] == place.beside()


def test_of_many_with_names_of_their_own_each_gets_its_result_and_the_listing_has_all(place: Project) -> None:
    script = (
        "from foundations import *\nimport sys\n"
        "def work(number):\n    log_metric('number', number)\n    return number\n"
        "d = pipeline.stage(work, int(sys.argv[1])).run(job_name='job-' + sys.argv[1])\n"
        "print(d.fetch_job_results().output)"
    )
    assert [str(number) for number in range(CROWD)] == outcomes(place, script)
    told = place.run(
        "-c",
        "from foundations import *\nfrom foundations.app.wiring import Wiring\n"
        "from foundations.ports.job_query import JobQuery\n"
        "found = [*Wiring(settings=config_manager.settings()).listing.find(JobQuery())]\n"
        "print(sorted(record.metrics['number'] for record in found if record.metrics), {r.state.value for r in found})",
    )
    assert f"{list(range(CROWD))} {{'Completed'}}\n" == told
    assert ["project"] == place.beside()


LEAKS = """
from foundations import *
import gc, json, os, resource, threading
from pathlib import Path

def measured():
    try:
        while True:  # for the supervisors, which tidy up after they have told the end
            os.waitpid(-1, 0)
    except ChildProcessError:
        gc.collect()
    status = Path("/proc/self/status").read_text()
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "children": len(children),
        "kilobytes": int(status.partition("VmRSS:")[2].split()[0]),
    }

def once(number):
    assert number == pipeline.stage(int, number).run().fetch_job_results().output

for number in range(ROW // 4):
    once(number)
before = measured()
for number in range(ROW):
    once(number)
print(json.dumps([before, measured()]))
"""


def test_many_jobs_in_a_row_leak_nothing(place: Project) -> None:
    place.write({"row.py": LEAKS.replace("ROW", str(ROW))})
    child = place.start("row.py")
    stdout, stderr = child.communicate(timeout=1500)
    assert 0 == child.returncode, stderr
    before, after = json.loads(stdout)
    grown = after.pop("kilobytes") - before.pop("kilobytes")
    assert before == after
    assert grown < 2_000 + 2 * ROW
    assert ["project"] == place.beside()
    shell = place.home / "local_shell"
    kept = [path for path in (shell / "jobs").iterdir() if {"state"} != {entry.name for entry in path.iterdir()}]
    assert [[], []] == [kept, list((shell / "transit").iterdir())]
    assert [] == list((place.home / "bundles").iterdir())
