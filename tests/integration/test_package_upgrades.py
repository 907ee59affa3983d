"""Packages that are upgraded in a real environment between two jobs."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from support import Project

TRAIN = """
import toy
from foundations import *
def scaled(x):
    return toy.scale(x)
pipe = pipeline.stage(scaled, 7).enable_caching()
explained = pipe.explain().stages[0]
print(explained.outcome, *explained.differences)
print(pipe.run().fetch_job_results().output)
"""


def wheel(place: Path, version: str, factor: int) -> Path:
    path = place / f"toy-{version}-py3-none-any.whl"
    about = f"toy-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("toy/__init__.py", f"def scale(x):\n    return x * {factor}\n")
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: toy\nVersion: {version}\n")
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    return path


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter of a virtual environment that has what this one has."""
    place = tmp_path / "environment"
    venv.create(place, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    ours = Path(sysconfig.get_path("purelib"))
    # pip installs beside it, and upgrades what lies there alone
    (place / "lib" / version / "site-packages" / "ours.pth").write_text(
        f"import site; site.addsitedir({str(ours)!r})\n"
    )
    return place / "bin" / "python"


def test_an_upgrade_is_a_miss_that_tells_both_versions_and_a_downgrade_a_hit(
    project: Project, python: Path, tmp_path: Path
) -> None:
    project.write({"train.py": TRAIN})
    said = []
    for version, factor in (("1.0", 2), ("1.1", 3), ("1.0", 2)):
        command = ["-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
        subprocess.run([sys.executable, *command, str(wheel(tmp_path, version, factor))], check=True)
        said.append(project.run("train.py", python=str(python)).splitlines())
    assert [["miss", "14"], ["miss toy 1.0 -> 1.1", "21"], ["hit", "14"]] == said
