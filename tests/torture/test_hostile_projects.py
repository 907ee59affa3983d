"""Projects that nobody should have: a job sees them as they are, or an error says what to leave out."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from support import THOROUGH, Project

SCRIPT = """
import json
from foundations import *

def seen():
    import os
    count, depth, waiting = 0, 0, [(".", 0)]
    while waiting:
        place, level = waiting.pop()
        descriptor = os.open(place, os.O_RDONLY)
        for entry in os.scandir(descriptor):
            count += 1
            depth = max(depth, level)
            if entry.is_dir(follow_symlinks=False):
                waiting.append((f"{place}/{entry.name}", level + 1))
        os.close(descriptor)
    return [count, depth]

result = pipeline.stage(seen).run().fetch_job_results()
(peak,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(json.dumps([result.output, int(peak.split()[1]) // 1024]))
"""


@pytest.fixture
def project(tmp_path: Path):  # type: ignore[no-untyped-def]
    made = Project(tmp_path)
    made.write({"train.py": SCRIPT})
    yield made
    made.close()


def test_a_project_of_very_many_files_arrives_in_bounded_memory(project: Project) -> None:
    directories, files = (200, 1000) if THOROUGH else (50, 100)
    for number in range(directories):
        place = project.root / f"d{number}"
        place.mkdir()
        for name in range(files):
            (place / f"f{name}").touch()
    (count, _), megabytes = json.loads(project.run("train.py"))
    assert directories * files + directories + 1 == count
    assert megabytes < 60 + 2 * directories * files / 1000


def test_a_project_as_deep_as_paths_can_be_arrives_and_is_removed_afterwards(project: Project) -> None:
    descriptor = os.open(project.root, os.O_RDONLY)
    deepest = 4096 // 2 - 500  # the job's own directory has the longer path
    for _ in range(deepest):
        os.mkdir("d", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(os.open("f", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor))
    os.close(descriptor)
    try:
        (count, depth), _ = json.loads(project.run("train.py"))
        assert (deepest + 2, deepest) == (count, depth)
        project.settle()
        (name,) = project.job_names()
        assert ["state"] == os.listdir(project.job_directory(name))
    finally:
        subprocess.run(["rm", "-rf", "d"], cwd=project.root, check=True)


def test_a_project_deeper_than_paths_can_be_is_refused_by_name(project: Project) -> None:
    descriptor = os.open(project.root, os.O_RDONLY)
    for _ in range(40):
        os.mkdir("e" * 200, dir_fd=descriptor)
        inner = os.open("e" * 200, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    assert f"{project.root}/{'e' * 200}/" in project.refusal("train.py")


def test_a_sparse_file_of_100_gigabytes_is_refused_at_once_with_the_line_that_leaves_it_out(project: Project) -> None:
    with (project.root / "sparse").open("wb") as stream:
        stream.truncate(100 * 2**30)
    refusal = project.refusal("train.py")
    assert "holds more than 4 GiB" in refusal
    assert "\n    /sparse" in refusal
    project.write({".foundationsignore": "/sparse\n"})
    (count, _), _ = json.loads(project.run("train.py"))
    assert 2 == count


def test_a_sparse_file_that_is_small_enough_arrives_in_bounded_memory(project: Project) -> None:
    with (project.root / "sparse").open("wb") as stream:
        stream.truncate(2**30 if THOROUGH else 2**27)
    (count, _), megabytes = json.loads(project.run("train.py"))
    assert 2 == count
    assert megabytes < 120
