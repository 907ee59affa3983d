"""The wheel, in environments that hold nothing else, far from the repository."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import Project, once

ROOT = Path(__file__).parents[2]
SCRIPT = """from foundations import *
import json
def where():
    import cloudpickle, foundations, sys
    return [sys.version_info[:2], foundations.__file__, cloudpickle.__file__, "yaml" in sys.modules]
def double(found):
    return [found, 2]
print(json.dumps(pipeline.stage(double, pipeline.stage(where)).run(job_name="job").fetch_job_results().output))
"""

pytestmark = pytest.mark.wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as ``build.sh`` builds it, of a copy of what is committed or about to be."""
    (built,) = (once(tmp_path_factory, "wheel", build) / "dist").glob("foundations_sdk-*.whl")
    return built


def build(copy: Path) -> None:
    for name in ("pyproject.toml", "build.sh", "README.md", "LICENSE", "CHANGELOG.md", "tools", "locks", "foundations"):
        if (ROOT / name).exists():
            subprocess.run(["cp", "-a", str(ROOT / name), str(copy)], check=True)
    done = subprocess.run(["./build.sh"], cwd=copy, capture_output=True, text=True, timeout=300)
    assert 0 == done.returncode, done.stderr
    (built,) = (copy / "dist").glob("foundations_sdk-*.whl")
    assert f"dist/{built.name}" == done.stdout.strip()


def interpreter(version: str) -> str | None:
    variables = {name: value for name, value in os.environ.items() if name != "PYTHON"}  # make's choice is another
    done = subprocess.run([ROOT / "tools" / "find-python", version], capture_output=True, text=True, env=variables)
    return done.stdout.strip() or None


@pytest.mark.parametrize("version", ["3.11", "3.13"])
def test_a_job_needs_nothing_but_the_wheel(wheel: Path, tmp_path: Path, version: str) -> None:
    found = interpreter(version)
    if found is None:
        pytest.skip(f"no Python {version} here")
    subprocess.run([found, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True, timeout=120)
    python = str(tmp_path / "venv" / "bin" / "python")
    ours = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]  # to have one takes seconds
    subprocess.run([*ours, "install", "--quiet", "--no-compile", str(wheel)], check=True, timeout=300)
    project = Project(tmp_path / "far")
    try:
        project.write({"train.py": SCRIPT})
        ((running, *files, yaml), twice) = json.loads(project.run("train.py", python=python, variables=bare(tmp_path)))
        new = project.run("-m", "foundations", "init", "wine", python=python, variables=bare(tmp_path)).splitlines()
        assert new == [f"wine/{path.name}" for path in map(Path, new) if (project.root / path).stat().st_size]
    finally:
        project.close()
    assert [version, 2, False] == [f"{running[0]}.{running[1]}", twice, yaml]
    store = str(project.home / "local_shell" / "runtimes") + os.sep
    assert [True] * 2 == [file.startswith(store) for file in files]
    assert ["project"] == project.beside()


def bare(place: Path) -> dict[str, str]:
    """Return variables that leave nothing of the tests' own environment to an interpreter."""
    return {"PATH": "/usr/bin:/bin", "HOME": str(place), "COVERAGE_PROCESS_START": "", "COVERAGE_PROCESS_CONFIG": ""}


def test_the_wheel_is_for_any_interpreter_of_these_versions(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    assert sys.version_info >= (3, 11)
