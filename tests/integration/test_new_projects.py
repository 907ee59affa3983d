"""A project as ``foundations init`` writes it: its pipeline runs, and its test passes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import PATIENCE, Project

SCRIPT = str(Path(sys.executable).parent / "foundations")


@pytest.fixture
def place(tmp_path: Path, warm_home: Path) -> Iterator[Project]:
    made = Project(tmp_path, warm_home)
    yield made
    made.close()


def test_what_init_writes_runs_from_the_command_line_and_from_python_and_passes_its_test(place: Project) -> None:
    place.run(SCRIPT, "init")
    followed = place.run(SCRIPT, "run", "train.py", "-p", "rate=0.5", "--job-name", "first", "--follow")
    name, printed = followed.splitlines()
    assert ("first", True) == (name, printed.startswith("y = "))
    assert "Completed" in place.run("train.py")
    assert "3 passed" in place.run("-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider")


def test_a_project_that_finds_no_room_is_not_left_in_part(place: Project) -> None:
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 0; {SCRIPT} init wine"],
        cwd=place.root,
        env=place.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (1, "") == (done.returncode, done.stdout)
    assert "wine cannot be written: File too large. Nothing was left behind." in done.stderr
    assert [] == list(place.root.iterdir())
