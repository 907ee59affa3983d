"""What a job runs is what was submitted: the script's ``__main__``, its copy, the modules it had imported."""

import pytest
from support import Project

pytestmark = pytest.mark.measured

RUN = "print({stage}.run(job_name='job').fetch_job_results().output)\n"


def run_script(project: Project, script: str, *arguments: str, name: str = "train.py", **options: object) -> str:
    project.write({name: "from foundations import *\n" + script})
    return project.run(*(arguments or (name,)), **options)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_pool_in_a_stage_finds_the_functions_of_a_script_that_was_run_as_a_module(
    project: Project, method: str
) -> None:
    project.write({"pkg/__init__.py": "", "pkg/ops.py": "def square(x): return x * x\n"})
    script = (
        "import concurrent.futures, multiprocessing\n"
        "from .ops import square\n"
        "def own(x):\n    return square(x)\n"
        "def squares():\n"
        "    from .ops import square as late\n"
        f"    context = multiprocessing.get_context({method!r})\n"
        "    with context.Pool(1) as pool:\n        first = pool.map(late, range(3))\n"
        "    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:\n"
        "        return first, list(pool.map(own, range(3))), __spec__.name, __package__\n"
        "if __name__ == '__main__':\n    "
    ) + RUN.format(stage="pipeline.stage(squares)")
    assert "([0, 1, 4], [0, 1, 4], 'pkg.train', 'pkg')\n" == run_script(
        project, script, "-m", "pkg.train", name="pkg/train.py"
    )


@pytest.mark.parametrize("arguments", [("pkg/train.py",), ("-m", "pkg.train")], ids=["script", "module"])
def test_a_job_that_a_spawned_child_submits_has_the_classes_of_its_script(
    project: Project, arguments: tuple[str, ...]
) -> None:
    project.write({"pkg/__init__.py": ""})
    script = (
        "import multiprocessing\n"
        "class Point:\n    def __init__(self, x):\n        self.x = x\n"
        "def double(x):\n    return Point(2 * x)\n"
        "def submit():\n"
        "    point = pipeline.stage(double, 21).run().fetch_job_results().output\n"
        "    print(point.x, isinstance(point, Point), flush=True)\n"
        "if __name__ == '__main__':\n"
        "    child = multiprocessing.get_context('spawn').Process(target=submit)\n"
        "    child.start()\n    child.join()\n"
    )
    assert "42 True\n" == run_script(project, script, *arguments, name="pkg/train.py")


EDITED = """
import os, pathlib, subprocess, sys
HERE = pathlib.Path(__file__).resolve().parent
fifos = sys.argv[1:]
for fifo in fifos:
    os.mkfifo(fifo)
def wait(fifo):
    open(fifo).read()
def late():
    import extra
    return extra.VALUE, extra.__file__
def data():
    return (HERE / "data.txt").read_text(), __file__
def child():
    code = "import extra; print(extra.VALUE, extra.__file__)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/", check=True)
    return tuple(found.stdout.split())
def fails():
    1 / 0  # as_submitted
def collect(*found):
    return found
waiting = pipeline.stage(wait, fifos[0])
stages = [pipeline.stage(function).require(waiting) for function in (late, data, child)]
job = pipeline.stage(collect, *stages).run(job_name="job")
failing = pipeline.stage(fails).require(pipeline.stage(wait, fifos[1])).run(job_name="failing")
for path, text in ((HERE.parent / "src/extra.py", "VALUE = 'later'"), (HERE / "data.txt", "later")):
    path.write_text(text)
source = pathlib.Path(__file__).read_text()
pathlib.Path(__file__).write_text(source.replace("as_" + "submitted", "edited later"))
for fifo in fifos:
    open(fifo, "w").close()
for found in job.fetch_job_results().output:
    print(*found)
try:
    failing.fetch_job_results(timeout=60)
except RemoteException as error:
    print(str(error).count("1 / 0  # as_" + "submitted"))
"""


def test_whoever_edits_the_project_while_a_job_waits_gets_what_was_submitted(project: Project) -> None:
    project.write({"src/extra.py": "VALUE = 'submitted'\n", "scripts/data.txt": "submitted"})
    link = project.place / "link"
    link.symlink_to(project.root)
    project.write({"scripts/train.py": "from foundations import *\n" + EDITED})
    fifos = [str(project.place / name) for name in ("first", "second")]
    script, variables = str(link / "scripts" / "train.py"), {"PYTHONPATH": str(link / "src")}
    printed = project.run(script, *fifos, variables=variables)
    copy = project.job_directory("job") / "project"
    extra = f"submitted {copy}/src/extra.py"
    assert [extra, f"submitted {copy}/scripts/train.py", extra, "1"] == printed.splitlines()


def test_a_package_on_the_python_path_beside_the_project_is_found_by_the_job(project: Project) -> None:
    (project.place / "libs" / "shapes").mkdir(parents=True)
    (project.place / "libs" / "shapes" / "__init__.py").write_text("def double(x): return 2 * x\n")
    script = (
        "from shapes import double\ndef fit(x):\n    return double(x)\n"
        "job = pipeline.stage(fit, 21).run()\n"
        "print(job.fetch_job_results().output)\n"
        "for module in job.provenance()['outside_modules']:\n"
        "    print(module['module'], module['path'], module['version'], len(module['sha256']))\n"
    )
    printed = run_script(project, script, variables={"PYTHONPATH": "../../libs"})
    assert f"42\nshapes {project.place}/libs/shapes None 64\n" == printed


def test_an_empty_python_path_names_no_directory(project: Project) -> None:
    script = "import os\n" + RUN.format(stage="pipeline.stage(os.environ.get, 'PYTHONPATH')")
    assert "\n" == run_script(project, script, variables={"PYTHONPATH": ""})


def test_modules_that_the_script_has_imported_are_imported_in_that_order(project: Project) -> None:
    project.write(
        {
            "core.py": "from functools import singledispatch\n"
            "@singledispatch\ndef show(x): return 'any'\ndef work(x): return show(x), ORDER\nORDER = []\n",
            "plugin.py": "import core\ncore.ORDER.append('plugin')\n@core.show.register\ndef _(x: int): return 'int'\n",
            "another.py": "import core\ncore.ORDER.append('another')\n",
        }
    )
    script = "import core, plugin, another\n" + RUN.format(stage="pipeline.stage(core.work, 3)")
    assert "('int', ['plugin', 'another'])\n" == run_script(project, script)


def test_a_module_that_cannot_be_imported_in_the_job_is_logged_and_the_job_goes_on(project: Project) -> None:
    project.write({"only_here.py": "import sys\nsys.modules['__main__'].outer\n"})
    script = "outer = 1\nimport only_here\n" + RUN.format(stage="pipeline.stage(len, 'abc')")
    assert "3\n" == run_script(project, script)
    assert "module_not_imported" in project.report("job")["stderr"]


def test_modules_that_are_not_found_by_their_names_are_loaded_from_their_files(project: Project) -> None:
    project.write({"plugins/a.py": "def f(x): return -x\n", "lib/helper_x.py": "def f(x): return 2 * x\n"})
    script = (
        "import importlib.util, sys\n"
        "spec = importlib.util.spec_from_file_location('plugin_a', 'plugins/a.py')\n"
        "module = sys.modules['plugin_a'] = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "sys.path.insert(0, 'lib')\nimport helper_x\nsys.path.pop(0)\n"
    ) + RUN.format(stage="pipeline.stage(helper_x.f, pipeline.stage(module.f, 2))")
    assert "-4\n" == run_script(project, script)


def test_a_stage_of_a_test_that_pytest_imports_by_its_file_runs_as_a_job(project: Project) -> None:
    project.write(
        {
            "tests/test_stage.py": "from foundations import *\ndef triple(x): return 3 * x\n"
            "def test_it():\n    assert pipeline.stage(triple, 2).run().fetch_job_results().output == 6\n",
            "tests/test_other.py": "print('imported as well')\n",
        }
    )
    printed = project.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", "tests")
    assert "1 passed" in printed
    (name,) = project.job_names()
    assert "" == project.report(name)["stdout"]


def test_a_module_beside_a_script_outside_the_project_is_refused(project: Project) -> None:
    project.write({"beside.py": "def f(): pass\n", "sub/data.txt": "", "train.py": ""})
    project.write({"train.py": "from foundations import *\nimport beside\npipeline.stage(beside.f).run()\n"})
    done = project.attempt("../train.py", cwd=project.root / "sub")
    assert "needs the module beside" in done.stderr.splitlines()[-1]


def test_an_attribute_that_was_changed_before_run_is_reported_there_in_the_log_and_in_the_provenance(
    project: Project,
) -> None:
    project.write({"steps.py": "LR = 0.1\nCONFIG = {'depth': 3}\ndef fit(x): return LR * x, CONFIG['depth']\n"})
    script = (
        "import steps\nsteps.LR = 0.5\nsteps.CONFIG['depth'] = 4\n"
        "job = pipeline.stage(steps.fit, 10).run(job_name='job')\n"
        "print(job.fetch_job_results().output)\n"
        "for each in job.provenance()['differing_attributes']:\n    print(*each.values())\n"
    )
    project.write({"train.py": "from foundations import *\n" + script})
    done = project.attempt("train.py")
    lines = ["(1.0, 3)", "steps.py steps.LR 0.5 0.1", "steps.py steps.CONFIG {'depth': 4} {'depth': 3}"]
    assert [0, lines] == [done.returncode, done.stdout.splitlines()]
    assert ["module_attribute_changed", "steps.LR"] == [
        word for word in ("module_attribute_changed", "steps.LR", "steps.CONFIG") if word in done.stderr
    ]
    assert 2 == project.report("job")["stderr"].count("module_attribute_differs")
    printed = project.run("-c", "from foundations import *\nprint(load_job('job').fetch_job_results())")
    assert [
        "  steps.LR was 0.1 in the job, 0.5 there",
        "  steps.CONFIG was {'depth': 3} in the job, {'depth': 4} there",
    ] == [line for line in printed.splitlines() if " in the job, " in line]


def test_settings_of_libraries_that_the_script_alone_makes_are_reported_in_log_provenance_and_result(
    project: Project,
) -> None:
    project.write({"steps.py": "import numpy\nnumpy.set_printoptions(precision=3)\ndef fit(): return 1\n"})
    script = (
        "import numpy, pandas, steps\n"
        "def used(): return pandas.DataFrame, steps.fit()\n"
        "if __name__ == '__main__':\n"
        "    numpy.seterr(divide='raise')\n    pandas.set_option('display.precision', 2)\n"
        "    job = pipeline.stage(used).run(job_name='job')\n"
        "    result = job.fetch_job_results()\n"
        "    for each in result['provenance']['differing_settings']:\n        print(*each.values())\n"
        "    print(*(line for line in str(result).splitlines() if ' in the job, ' in line), sep='\\n')\n"
    )
    assert [
        "numpy.geterr()['divide'] 'raise' 'warn'",
        "pandas.options.display.precision 2 6",
        "  numpy.geterr()['divide'] was 'warn' in the job, 'raise' there",
        "  pandas.options.display.precision was 6 in the job, 2 there",
    ] == run_script(project, script).splitlines()
    assert 2 == project.report("job")["stderr"].count("library_setting_differs")


def test_settings_of_a_library_that_only_a_stage_imports_are_reported_when_the_job_has_ended(project: Project) -> None:
    script = (
        "import numpy\nnumpy.seterr(divide='raise')\n"
        "def fit(fails):\n    import numpy as there\n    return 1 / (1 - fails)\n"
        "del numpy\n"
        "for fails in (0, 1):\n"
        "    try:\n        result = pipeline.stage(fit, fails).run(job_name=f'job-{fails}').fetch_job_results()\n"
        "    except RemoteException as error:\n        result = error.result\n"
        "    print(*(line for line in str(result).splitlines() if ' in the job, ' in line), sep='\\n')\n"
    )
    told = "  numpy.geterr()['divide'] was 'warn' in the job, 'raise' there"
    assert [told, told] == run_script(project, script).splitlines()
    assert 1 == project.report("job-0")["stderr"].count("library_setting_differs")


def test_a_pool_whose_processes_die_as_they_start_ends_the_call_that_waits_for_it(project: Project) -> None:
    script = (
        "import multiprocessing\n"
        "def fit(method, how):\n"
        "    arguments = (1, os._exit, (3,)) if method == 'fork' else (1,)\n"
        "    with multiprocessing.get_context(method).Pool(*arguments) as pool:\n"
        "        try:\n"
        "            return list(how(pool, len, ['a', 'b', 'c']))\n"
        "        except RuntimeError as error:\n            return str(error)\n"
        "pool = multiprocessing.pool.Pool\n"
        "kinds = [('fork', pool.imap), ('fork', pool.imap_unordered), ('spawn', pool.map)]\n"
        "for method, how in kinds:\n"
        "    print(pipeline.stage(fit, method, how).run().fetch_job_results(timeout=60).output)\n"
    )
    printed = run_script(project, "import os, multiprocessing.pool\n" + script)
    assert [3, 3, 1] == [int(line.partition("exit code ")[2][0]) for line in printed.splitlines()]
    assert 3 == printed.count("processes of a multiprocessing pool died one after the other")


def test_a_pool_that_replaces_its_processes_goes_on(project: Project) -> None:
    script = (
        "import multiprocessing\n"
        "def work(number):\n    return number\n"
        "def fit():\n"
        "    with multiprocessing.get_context('fork').Pool(1, maxtasksperchild=1) as pool:\n"
        "        return pool.map(work, range(12), chunksize=1)\n"
    ) + RUN.format(stage="pipeline.stage(fit)")
    assert f"{list(range(12))}\n" == run_script(project, script)


LOKY = """
import joblib, os
from joblib.externals.loky import get_reusable_executor
import ops
BASE = 10
class Point:
    def __init__(self, x):
        self.x = x
def double(x):
    return 2 * x + BASE
def fit():
    with get_reusable_executor(max_workers=2) as executor:
        points = [type(point) is Point for point in executor.map(Point, range(2))]
        boxes = [type(box) is ops.Box for box in executor.map(ops.make_box, range(2))]
        places = {os.path.dirname(place) for place in executor.map(ops.place, range(2))}
        return list(executor.map(double, range(2))), points, boxes, places == {os.path.dirname(ops.__file__)}
def parallel():
    return joblib.Parallel(2)(joblib.delayed(double)(x) for x in range(2))
def dies():
    try:
        return joblib.Parallel(2)(joblib.delayed(os._exit)(3) for _ in range(2))
    except Exception as error:
        return type(error).__name__
if __name__ == "__main__":
    for function in (fit, parallel, dies):
        print(pipeline.stage(function).run().fetch_job_results(timeout=60).output == function())
"""


def test_loky_and_joblib_return_in_a_stage_what_they_return_without_a_job(project: Project) -> None:
    project.write({"ops.py": "class Box: pass\ndef make_box(x): return Box()\ndef place(x): return __file__\n"})
    assert "True\nTrue\nTrue\n" == run_script(project, LOKY)
