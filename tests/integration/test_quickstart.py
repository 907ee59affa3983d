"""`make quickstart`: an example from nothing to a result, and the command that finds it again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_quickstart_stores_in_the_home_directory_and_ends_with_a_command_that_finds_its_job(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    environ = {**os.environ, "HOME": str(home)}
    environ.pop("FOUNDATIONS_HOME", None)

    def output_of(*command: str, cwd: Path) -> str:
        done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stderr
        return done.stdout

    printed = output_of("make", "--no-print-directory", "quickstart", f"VENV={sys.prefix}", cwd=REPOSITORY)
    result, again = printed.split(f"The job is stored in {home}/.foundations.")
    result = result[result.index("Job evaluate-") :]  # what make installed first is before that
    assert "accuracy" in result
    assert result.strip() == output_of("sh", "-c", again.splitlines()[-1], cwd=tmp_path).strip()
    assert ".foundations" in os.listdir(home)
