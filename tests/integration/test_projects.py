"""Projects of every shape find in the job what they find where they were written."""

import shutil
import sys
import tarfile

import pytest
from support import Project

pytestmark = pytest.mark.measured

RUN = "print({stage}.run(job_name='job').fetch_job_results().output)\n"


def outcome(project: Project, script: str, *, name: str = "train.py", **options: object) -> str:
    project.write({name: "from foundations import *\n" + script})
    return project.run(name, **options)


def test_a_project_may_have_files_of_the_names_that_a_bundle_uses(project: Project) -> None:
    project.write(
        {
            "main.py": "WHOSE = 'the main.py of the project'\n",
            "run.sh": "exit 9\n",
            "manifest.json": "[]",
            "job.bin": b"\0",
            "job.config.yaml": "another: tool\n",
            "runtime.tgz": b"\1",
            "job_source.tgz": b"\2",
        }
    )
    script = (
        "def names():\n"
        "    import os\n"
        "    from main import WHOSE\n"
        "    return WHOSE, sorted(name for name in os.listdir() if name != '__pycache__')\n"
    ) + RUN.format(stage="pipeline.stage(names)")
    assert (
        "('the main.py of the project', ['job.bin', 'job.config.yaml', 'job_source.tgz', 'main.py', 'manifest.json',"
        " 'run.sh', 'runtime.tgz', 'train.py'])\n"
    ) == outcome(project, script)


def test_a_project_may_have_modules_named_like_the_sdk(project: Project) -> None:
    project.write(
        {
            "foundations_helpers.py": "def helped(): return 'foundations_helpers'\n",
            "foundation.py": "def laid(): return 'foundation'\n",
        }
    )
    script = (
        "import foundation, foundations_helpers\n"
        "def both():\n"
        "    return foundation.laid(), foundations_helpers.helped()\n"
    ) + RUN.format(stage="pipeline.stage(both)")
    assert "('foundation', 'foundations_helpers')\n" == outcome(project, script)


def test_each_step_of_run_is_in_the_log_for_whoever_asks_for_it(project: Project) -> None:
    project.write(
        {
            "data.csv": "12345",
            "__pycache__/x.pyc": "1234",
            "use.config.yaml": "user_settings: {}\n",
            "steps.py": "",
            "raw/a": "12",
            "raw/inner/b": "345",
            "x.log": "1",
            ".foundationsignore": "# mine\n/raw/\n*.log\n",
        }
    )
    project.write(
        {"train.py": "from foundations import *\nimport steps\npipeline.stage(len, 'abc').run(job_name='job')\n"}
    )
    lines = project.attempt(
        "train.py", variables={"FOUNDATIONS_LOG_LEVEL": "debug", "PYTHONDONTWRITEBYTECODE": "1"}
    ).stderr.splitlines()
    events = {
        "configuration_read": "use.config.yaml keys=user_settings",
        "job_prepared": "stages=1",
        "job_checked": "modules_to_import=steps",
        "not_bundled": "__pycache__ reason='it is ignored by its name'",
        "project_listed": "entries=5",
        "bundle_made": "packed_before=False",
        "job_started": "directory=",
    }
    for event, text in events.items():
        assert [line for line in lines if event in line and text in line], (event, lines)
    ignored = [line.split("by=")[1].split() for line in lines if "] ignored " in line]
    assert {
        "'line 2 of .foundationsignore (/raw/)' files=2 size='5 bytes'",
        "'line 3 of .foundationsignore (*.log)' files=1 size='1 bytes'",
        "'the built-in list of names (__pycache__)' files=1 size='4 bytes'",
    } == {" ".join(words) for words in ignored}
    steps = ["job_prepared", "job_checked", "job_serialised", "files_listed", "runtime_packed", "bundle_made"]
    steps += ["job_bundled", "bundle_extracted", "job_started", "job_submitted"]
    timed = [line.split("]")[1].split()[0] for line in lines if "took=" in line]
    assert steps == timed
    assert [True] == ["in_all='" in line for line in lines if "job_submitted" in line]


def test_a_src_layout_by_sys_path_works(project: Project) -> None:
    project.write({"src/shapes/__init__.py": "", "src/shapes/round.py": "def area(r): return 3 * r * r\n"})
    script = (
        "import sys\nsys.path.insert(0, 'src')\nfrom shapes.round import area\n"
        "def twice(x):\n    import shapes.round\n"
        "    return 2 * x, shapes.round.__file__.endswith('project/src/shapes/round.py')\n"
    ) + RUN.format(stage="pipeline.stage(twice, pipeline.stage(area, 2))")
    assert "(24, True)\n" == outcome(project, script)


def test_a_src_layout_by_an_editable_install_works(project: Project) -> None:
    project.write({"src/shapes/__init__.py": "def area(r): return 3 * r * r\n"})
    site = project.place / "site"
    site.mkdir()
    (site / "_editable.pth").write_text(f"{project.root / 'src'}\n")
    script = (
        f"import site\nsite.addsitedir({str(site)!r})\nimport shapes\n"
        "def where(x):\n    import shapes\n    return x, shapes.__file__.partition('/local_shell/')[2]\n"
    ) + RUN.format(stage="pipeline.stage(where, pipeline.stage(shapes.area, 2))")
    assert "(12, 'jobs/job/project/src/shapes/__init__.py')\n" == outcome(project, script)


def test_a_script_in_a_subdirectory_has_its_neighbours_and_the_working_directory(project: Project) -> None:
    project.write({"data.txt": "seven", "scripts/neighbour.py": "def read(): return open('data.txt').read()\n"})
    script = "import neighbour\ndef both():\n    return neighbour.read(), __file__\n" + RUN.format(
        stage="pipeline.stage(both)"
    )
    directory = project.job_directory("job") / "project"
    assert f"('seven', '{directory}/scripts/train.py')\n" == outcome(project, script, name="scripts/train.py")


def test_the_file_of_the_main_script_is_the_extracted_one(project: Project) -> None:
    script = (
        "def there():\n    from pathlib import Path\n    return __file__, Path(__file__).exists(), Path.cwd().name\n"
    ) + RUN.format(stage="pipeline.stage(there)")
    assert f"('{project.job_directory('job')}/project/train.py', True, 'project')\n" == outcome(project, script)


MODULES = {
    "helpers/__init__.py": "from helpers import numbers\n",
    "helpers/numbers.py": "from late import LATE\ndef early(): return 'early'\n",
    "late.py": "LATE = 'late'\n",
    "data/values.csv": "1,2,3\n",
}
DELETED = """from foundations import *
{meeting}
import helpers
def use():
    meet()
    import helpers.numbers
    return helpers.numbers.LATE, helpers.numbers.early(), open("data/values.csv").read(), os.getcwd()
pipeline.stage(use).run(job_name="job")
"""


def test_the_original_directory_may_be_gone_once_the_job_is_deployed(project: Project) -> None:
    project.write({**MODULES, "train.py": DELETED.format(meeting=project.meeting)})
    project.run("train.py")
    shutil.rmtree(project.root)
    project.met()
    project.go_on()
    report = project.report("job", cwd=project.place)
    directory = str(project.job_directory("job") / "project")
    assert ["Completed", [repr(("late", "early", "1,2,3\n", directory))]] == [report["status"], report["outputs"]]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_in_a_stage_finds_the_functions_of_the_script(project: Project, method: str) -> None:
    script = (
        "import multiprocessing\n"
        "def square(x):\n    return x * x\n"
        "def squares():\n"
        f"    with multiprocessing.get_context({method!r}).Pool(2) as pool:\n"
        "        return pool.map(square, range(4))\n"
        "if __name__ == '__main__':\n    "
    ) + RUN.format(stage="pipeline.stage(squares)")
    assert "[0, 1, 4, 9]\n" == outcome(project, script)


def test_a_script_that_multiprocessing_imports_again_does_not_run_jobs_without_end(project: Project) -> None:
    script = (
        "import concurrent.futures, multiprocessing\n"
        "def square(x):\n    return x * x\n"
        "def squares():\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:\n"
        "        return list(pool.map(square, range(4)))\n"
        "deployment = pipeline.stage(squares).run()\n"
        "try:\n    deployment.fetch_job_results()\n"
        "except RemoteException as error:\n    print(error)\n"
    )
    printed = outcome(project, script)
    assert "InsideJobError" in printed
    assert "if __name__ ==" in printed
    assert 1 == len(project.job_names())


def test_a_module_outside_the_project_is_refused_with_the_remedy(project: Project) -> None:
    outside = project.place / "shared_code"
    outside.mkdir()
    (outside / "borrowed.py").write_text("def lend(): return __file__.partition('/project/')[2]\n")
    script = f"import sys\nsys.path.append({str(outside)!r})\nimport borrowed\n" + RUN.format(
        stage="pipeline.stage(borrowed.lend)"
    )
    project.write({"train.py": "from foundations import *\n" + script})
    refusal = project.refusal("train.py")
    assert f"needs the module borrowed ({outside}/borrowed.py)" in refusal
    assert "`extra_source_paths`" in refusal
    assert [] == project.job_names()


def test_a_module_of_an_extra_source_path_comes_along(project: Project) -> None:
    outside = project.place / "shared_code"
    outside.mkdir()
    (outside / "borrowed.py").write_text("def lend(): return __file__.partition('/project/')[2]\n")
    project.write({"local.config.yaml": "job_source_bundle:\n  extra_source_paths: [../../shared_code]\n"})
    script = f"import sys\nsys.path.append({str(outside)!r})\nimport borrowed\n" + RUN.format(
        stage="pipeline.stage(borrowed.lend)"
    )
    assert ".foundations_extra/0/borrowed.py\n" == outcome(project, script)


LISTED = """from foundations import *
import os
def listed():
    return [os.path.join(place, name)[2:] for place, _, names in sorted(os.walk(".")) for name in sorted(names)]
print(pipeline.stage(listed).run().fetch_job_results().output)
"""


def test_stores_that_lie_in_the_project_are_not_bundled(project: Project) -> None:
    results = project.root / "results"
    kinds = ("stage_log", "persisted_data", "provenance", "job_source", "artifact", "miscellaneous")
    entries = [
        f"{kind}_archive_implementation:\n  archive_type: foundations.LocalFileSystemPipelineArchive\n"
        f"  constructor_arguments: [{results}]\n"
        for kind in kinds
    ]
    cache = (
        "cache_implementation:\n  cache_type: foundations.LocalFileSystemCacheBackend\n"
        f"  constructor_arguments: [{project.root / 'inner' / 'cache'}]\n"
    )
    project.write({"local.config.yaml": "".join(entries) + cache, "inner/mine": "mine", "inner/cache/x": "x"})
    project.write({"train.py": LISTED})
    (project.root / "inner" / "cache").chmod(0o700)
    expected = "['local.config.yaml', 'train.py', 'inner/mine']\n"
    assert [expected] * 2 == [project.run("train.py") for _ in range(2)]
    assert results.is_dir()


def test_a_store_that_is_the_project_is_refused_with_key_file_and_line(project: Project) -> None:
    cache = "# mine\ncache_implementation:\n  cache_type: foundations.LocalFileSystemCacheBackend\n"
    project.write({"local.config.yaml": f"{cache}  constructor_arguments: [{project.root}]\n", "train.py": LISTED})
    refusal = project.refusal("train.py")
    assert "local.config.yaml:3: cache_implementation: the directory" in refusal
    assert f"{project.root} of foundations.LocalFileSystemCacheBackend is {project.root}," in refusal
    assert f"Choose a directory that nothing else is in, as in {project.root}/foundations-data." in refusal
    assert [["local.config.yaml", "train.py"], []] == [
        sorted(path.name for path in project.root.iterdir()),
        project.job_names(),
    ]


def test_a_home_that_is_the_project_is_not_bundled(project: Project) -> None:
    project.root.chmod(0o700)
    variables = {"FOUNDATIONS_HOME": str(project.root)}
    project.write({"train.py": LISTED})
    assert ["['train.py']\n"] * 2 == [project.run("train.py", variables=variables) for _ in range(2)]


def test_the_configuration_raises_the_limit_of_what_a_project_may_hold(project: Project) -> None:
    limited = (
        "job_bundler_implementation:\n  job_bundler_type: foundations.TarballJobBundler\n"
        "  constructor_keyword_arguments: {max_project_gib: 0.001, max_project_files: 100}\n"
    )
    project.write({"local.config.yaml": limited, "data/table": b"x" * 2_000_000, "train.py": LISTED})
    assert "data/table (2 MiB)" in project.refusal("train.py")
    project.write({"local.config.yaml": limited.replace("0.001", "0.01")})
    assert "['local.config.yaml', 'train.py', 'data/table']\n" == project.run("train.py")


def test_requirements_that_the_interpreter_lacks_are_listed(project: Project) -> None:
    project.write(
        {
            "requirements.txt": "# comment\nattrs>=1  # fine\nno-such-distribution==1.0\ncloudpickle<1\n"
            "-r other.txt\n./local\nnever; python_version < '3'\nlink @ https://example.org/x.whl\n",
            "train.py": "from foundations import *\nimport cloudpickle\n"
            "def train():\n    import no_such_distribution\npipeline.stage(train).run()\n",
        }
    )
    refusal = project.refusal("train.py")
    assert "does not have: no-such-distribution==1.0 (not installed), cloudpickle<1 (installed: " in refusal
    assert [] == project.job_names()


@pytest.mark.parametrize(
    ("content", "event"),
    [
        (b"attrs ===== 1\n", "requirement_not_checked"),
        (b"\xff\xfe\n", "requirement_not_checked"),
        (b"no-such-distribution\n", "requirements_missing"),
    ],
)
def test_requirements_that_cannot_be_judged_or_that_no_stage_needs_are_a_warning(
    project: Project, content: bytes, event: str
) -> None:
    script = "from foundations import *\nprint(pipeline.stage(int).run().fetch_job_results().output)\n"
    project.write({"requirements.txt": content, "train.py": script})
    done = project.attempt("train.py")
    assert (0, "0\n") == (done.returncode, done.stdout)
    assert event in done.stderr


def test_the_configuration_switches_the_check_of_requirements_off(project: Project) -> None:
    script = """from foundations import *
def train():
    try:
        import no_such_distribution
    except Exception as error:
        return type(error).__name__
    import no_such_distribution
print(pipeline.stage(train).run().fetch_job_results().output)
"""
    project.write({"requirements.txt": "no-such-distribution\n", "train.py": script})
    assert "MissingRequirementsError" in project.refusal("train.py")
    configuration = """deployment_implementation:
  deployment_type: foundations.LocalShellJobDeployment
  constructor_keyword_arguments: {check_requirements: false}
"""
    project.write({"local.config.yaml": configuration})
    assert "ModuleNotFoundError\n" == project.run("train.py")


def test_the_modules_of_the_python_path_do_not_take_the_place_of_the_sdk(project: Project) -> None:
    other = project.place / "other"
    (other / "foundations").mkdir(parents=True)
    (other / "foundations" / "__init__.py").write_text("raise ImportError('the wrong one')\n")
    project.write({"marker.py": "FOUND = 'marker'\n"})
    script = (
        "import os\nos.environ.update(PYTHONPATH=os.environ['OTHER'], PYTHONSAFEPATH='1')\n"
        "def where():\n    import foundations, marker, sys\n"
        "    return 'runtimes' in foundations.__file__, marker.FOUND, os.environ['OTHER'] in sys.path\n"
    ) + RUN.format(stage="pipeline.stage(where)")
    assert "(True, 'marker', True)\n" == outcome(project, script, variables={"OTHER": str(other)})


def test_a_job_runs_under_the_interpreter_that_submits_it(project: Project) -> None:
    script = "import sys\ndef which():\n    return sys.executable\n" + RUN.format(stage="pipeline.stage(which)")
    assert f"{sys.executable}\n" == outcome(project, script)


def test_a_file_of_the_bundles_name_is_never_overwritten(project: Project) -> None:
    taken = project.root.parent / "job.tgz"
    taken.write_text("precious")
    project.write({"train.py": "from foundations import *\npipeline.stage(int).run(job_name='job')\n"})
    assert f"BundleExistsError: {taken}: a file of the bundle's name already exists" in project.refusal("train.py")
    assert ["precious", ["job.tgz", "project"], []] == [taken.read_text(), project.beside(), project.job_names()]


def test_what_foundations_keeps_inside_a_project_is_no_part_of_it(project: Project) -> None:
    home = project.root / "kept" / "home"
    project.write({"train.py": "from foundations import *\nprint(pipeline.stage(len, 'a').run(job_name='job'))\n"})
    done = project.attempt("train.py", variables={"FOUNDATIONS_HOME": str(home)})
    assert 0 == done.returncode
    assert "foundations stores its data there" not in done.stderr  # it was not there yet
    done = project.attempt(
        "-c",
        "from foundations import *\n"
        "job = load_job('job')\njob.fetch_job_results()\n"
        "second = pipeline.stage(len, 'a').run()\nsecond.fetch_job_results()\n"
        "second.fetch_job_source('../source.tgz')",
        variables={"FOUNDATIONS_HOME": str(home)},
    )
    assert 0 == done.returncode, done.stderr
    assert "foundations stores its data there" in done.stderr
    with tarfile.open(project.root.parent / "source.tgz") as archive:
        assert ["kept", "train.py"] == archive.getnames()


LARGE = """from foundations import *

def add(number):
    return number + 1

def count(*numbers):
    return len(numbers)

chain = pipeline.stage(int)
for _ in range(99_999):
    chain = pipeline.stage(add, chain)
wide = pipeline.stage(count, *[pipeline.stage(add, number) for number in range(10_000)])
large = pipeline.stage(len, bytes(range(256)) * 40_000)
for pipe in (chain, wide, large):
    print(pipe.run().fetch_job_results().output)
"""


def test_chains_fans_and_arguments_of_any_size_come_back_from_jobs(project: Project) -> None:
    project.write({"train.py": LARGE})
    assert "99999\n10000\n10240000\n" == project.run("train.py")
