"""Stages that do their worst: the right end, the last words, bounded logs, and no process left."""

import os

import pytest
from support import THOROUGH, Project, processes_of, wait_until_gone

SCRIPT = """from foundations import *
import os, resource, signal, sys, threading, time

class Stubborn(Exception):
    def __reduce__(self):
        raise RuntimeError("no pickle of this")

class Unbuildable(Exception):
    def __init__(self, one, other):
        super().__init__("text")

def first():
    return "kept"

def last(value):
    {body}
    return "done"

print(pipeline.stage(last, pipeline.stage(first).persist()).run(job_name="job").job_name())
"""


def ended(place: Project, body: str) -> dict:
    place.write({"train.py": SCRIPT.format(body=body.replace("\n", "\n    "))})
    assert "job\n" == place.run("train.py")
    report = place.report("job")
    assert wait_until_gone(processes_of(place.job_directory("job")))
    assert "'kept'" in report["outputs"]
    return report


@pytest.mark.parametrize(
    ("body", "cause", "told"),
    [
        ("raise Stubborn('it')", "user_code", "stage last raised Stubborn: it"),
        ("raise Unbuildable(1, 2)", "user_code", "stage last raised Unbuildable: text"),
        ("raise ValueError('x' * 100_000_000)", "user_code", "characters left out]"),
        ("raise ExceptionGroup('two', [ValueError('one'), KeyError('other')])", "user_code", "  +-- 2"),
        ("sys.exit(3)", "user_code", "SystemExit: 3"),
        ("os._exit(3)", "exited", "exited with code 3"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed", "killed by SIGKILL"),
        ("os.abort()", "killed", "killed by SIGABRT"),
        ("def deeper(): return deeper()\ndeeper()", "user_code", "RecursionError"),
        (
            "resource.setrlimit(resource.RLIMIT_AS, (2**29,) * 2)\nheld=[]\nwhile True: held.append(bytearray(2**24))",
            "user_code",
            "MemoryError",
        ),
        ("return threading.Lock()", "not_serialisable", "the output of last cannot be serialised"),
        ("return [1, {'a': (number for number in ())}]", "not_serialisable", "the output of last[1]['a']"),
        (
            "sys.stdout.close()\nsys.stderr.close()\nos.closerange(0, 100)\nraise ValueError('at the end')",
            "user_code",
            "at the end",
        ),
    ],
)
def test_a_stage_that_fails_has_the_right_cause_and_its_frames(
    place: Project, body: str, cause: str, told: str
) -> None:
    report = ended(place, body)
    assert ["Error", cause] == [report["status"], report["cause"]]
    assert told in report["message"]
    assert len(report["message"]) < 100_000
    if cause == "user_code":
        assert 'File "train.py", line' in report["message"]


@pytest.mark.parametrize(
    "body",
    [
        "sys.stdout.close()",
        "os.close(1)\nos.close(2)",
        "os.closerange(0, 1000)",
        "if os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)",
        "for _ in range(20):\n    if os.fork() == 0:\n        os.setsid()\n        os.fork()\n        time.sleep(1000)",
        "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()",
        "os.chdir('/')",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "sys.stdout = None",
        "os.environ.clear()",
        "sys.modules.clear()",
    ],
)
def test_a_stage_that_spoils_its_process_completes_all_the_same(place: Project, body: str) -> None:
    report = ended(place, body)
    assert ["Completed", ["'done'", "'kept'"]] == [report["status"], report["outputs"]]


def test_what_a_stage_says_is_kept_and_bounded_whatever_it_is(place: Project) -> None:
    size = 2**30 if THOROUGH else 2**27
    report = ended(
        place,
        "sys.stdout.write('the beginning\\n')\nsys.stdout.flush()\n"
        f"for _ in range({size // 2**20}): os.write(1, os.urandom(2**20))\n"
        "os.write(1, b'\\xff\\x00the end')",
    )
    assert "Completed" == report["status"]
    assert report["stdout"].startswith("the beginning\n")
    assert report["stdout"].endswith("the end")
    assert f"{size + 14 + 9 - 17 * 2**20} bytes left out here" in report["stdout"]
    kept = sum(path.stat().st_size for path in place.home.rglob("stdout"))
    assert kept < 40 * 2**20
    assert os.path.getsize(place.home / "archive" / "jobs" / "job" / "stage_log" / "stdout") < 18 * 2**20
