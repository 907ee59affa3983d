"""What importing loads: looked at in fresh interpreters, since this one has loaded everything."""

import json
import os
import subprocess
import sys

JOB = """
from foundations import *

def loaded():
    import sys
    return sorted(sys.modules)

if __name__ == "__main__":
    import json
    print(json.dumps(create_stage(loaded)().run().fetch_job_results().output))
"""


def environment(tmp_path):
    """The variables of this process but for those by which coverage measures others, which loads modules there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "COV_"))}
    return {**kept, "FOUNDATIONS_HOME": str(tmp_path / "home")}


def output_of(tmp_path, *arguments):
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    return json.loads(done.stdout)


def modules_after(tmp_path, statement):
    """Return the top-level modules that a statement loads, with what a bare interpreter loads already left out."""
    look = "import sys, json; before = set(sys.modules); {}; print(json.dumps(sorted(set(sys.modules) - before)))"
    return {name.partition(".")[0] for name in output_of(tmp_path, "-c", look.format(statement))}


def test_importing_the_package_loads_nothing_of_third_parties(tmp_path):
    assert {"foundations"} == {
        name for name in modules_after(tmp_path, "import foundations") if name not in sys.stdlib_module_names
    }


def test_importing_the_package_does_no_io(tmp_path):
    modules_after(tmp_path, "import foundations")
    assert [] == list(tmp_path.iterdir())


def test_importing_what_users_need_loads_no_heavy_package(tmp_path):
    loaded = modules_after(tmp_path, "from foundations import *")
    assert "foundations" in loaded
    assert set() == {"attr", "yaml", "structlog", "cloudpickle", "asyncio", "ssl"} & loaded


def test_the_plugin_that_every_pytest_run_loads_is_light(tmp_path):
    look = "import sys, json, foundations.testing.plugin; print(json.dumps(sorted(sys.modules)))"
    loaded = [name for name in output_of(tmp_path, "-c", look) if name.startswith("foundations")]
    assert ["foundations", "foundations.testing", "foundations.testing.plugin"] == loaded


def test_what_a_supervisor_and_its_listing_load_is_light(tmp_path):
    modules = "foundations.app.use_cases.finish_job, foundations.adapters.filesystem.listing.pipeline_listing"
    loaded = modules_after(tmp_path, f"import {modules}")
    assert "foundations" in loaded
    assert set() == {"attr", "yaml", "structlog", "asyncio", "ssl", "email", "subprocess", "tempfile"} & loaded


def test_a_job_loads_no_heavy_package(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "train.py").write_text(JOB)
    loaded = {name.partition(".")[0] for name in output_of(project, "train.py")}
    assert {"foundations", "cloudpickle"} <= loaded
    assert set() == {"attr", "yaml", "structlog", "asyncio", "ssl", "pathspec", "packaging", "pytest"} & loaded
    assert set() == {"email", "socket", "csv", "zipfile", "tempfile", "tarfile", "sqlite3", "subprocess"} & loaded
