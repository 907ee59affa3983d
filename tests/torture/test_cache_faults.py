"""Killed or refused by the disk at any step of using the cache, a job computes; the next finds the value or a miss."""

import pytest
from torturing import SCRIPT, Torture, some_of

CACHED = """
def first(name):
    return bytes(3_000_000)

def second(data, name):
    return len(data), name

"""
PIPE = "pipeline.stage(last, pipeline.stage(first).persist())"


@pytest.fixture
def cached(torture: Torture) -> Torture:
    """The project, with stages that are cached anew for each job's name but for what follows its last dash."""
    script = SCRIPT.replace('if "sitecustomize"', CACHED + 'if "sitecustomize"').replace(
        PIPE,
        "pipeline.stage(first, sys.argv[1].rpartition('-')[0]).stage(second, sys.argv[1].rpartition('-')[0])"
        ".enable_caching()",
    )
    assert script.count("enable_caching") == 1
    torture.write({"train.py": script})
    return torture


ABOUT = ("/cache/", "/leases/")
"""What a step's path holds where it concerns the cache."""


@pytest.mark.parametrize("how", some_of("ENOSPC", "EACCES", "EIO", "EROFS", "EDQUOT", "ESTALE"))
def test_a_cache_whose_disk_fails_at_any_step_fails_no_job(cached: Torture, how: str) -> None:
    for number, step in cached.steps("worker", ABOUT):
        for turn in ("1", "2"):
            name = f"{how}-{number}-{turn}"
            fails = {"role": "worker", "at": number, "how": how} if turn == "1" else {"role": "nobody"}
            assert 0 == cached.submitted(name, **fails).returncode
            report = cached.report(name)
            assert ("Completed", [repr((3_000_000, f"{how}-{number}"))]) == (report["status"], report["outputs"]), step


def test_a_job_that_is_killed_at_any_step_of_using_the_cache_leaves_a_miss_or_the_value(cached: Torture) -> None:
    for number, step in cached.steps("worker", ABOUT):
        assert 0 == cached.submitted(f"killed-{number}-1", role="worker", at=number, how="kill").returncode
        cached.report(f"killed-{number}-1")
        assert 0 == cached.submitted(f"killed-{number}-2", role="nobody").returncode
        report = cached.report(f"killed-{number}-2")
        assert ("Completed", [repr((3_000_000, f"killed-{number}"))]) == (report["status"], report["outputs"]), step
