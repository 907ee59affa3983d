"""Which files a call touches, told by what Python opens and starts; each stage below is run twice."""

import os
import sys
from pathlib import Path

import pytest
from cached_runs import reasons, run

from foundations.app.caching.purity.file_watch import FileAccesses, uncacheable_because, watched_files
from foundations.app.caching.purity.project_listing import ProjectListing
from foundations.app.tracking_pause import tracking_paused

HELPER = "def helper(x):\n    return x + 1\n"
TOOL = "from pathlib import Path\ndef setting():\n    return Path('~/.mine/a').expanduser().read_text()\n"

SEEN = {
    "a source file read as data": (
        "from pathlib import Path\ndef f(x):\n    return Path('helper.py').read_text()",
        "it read helper.py",
    ),
    "a source file that is run": (
        "import runpy\ndef f(x):\n    return runpy.run_path('helper.py')['helper'](x)",
        "it read helper.py",
    ),
    "a source file among a package's data": (
        "import pack, pkgutil\ndef f(x):\n    return len(pkgutil.get_data('pack', 'helper.py'))",
        "it read pack/helper.py",
    ),
    "a module by a name put together": (
        "import importlib\ndef f(x):\n    return importlib.import_module(''.join(['hel', 'per'])).helper(x)",
        "it read helper.py",
    ),
    "a module by its file": (
        "import importlib.util as u\ndef f(x):\n    s = u.spec_from_file_location('a', ''.join(['helper', '.py']))\n"
        "    m = u.module_from_spec(s)\n    s.loader.exec_module(m)\n    return m.helper(x)",
        "it read helper.py",
    ),
    "a hidden file": ("from pathlib import Path\ndef f(x):\n    return Path('.env').read_text()", "it read .env"),
    "a file in a hidden directory": (
        "from pathlib import Path\ndef f(x):\n    return Path('.config/a').read_text()",
        "it read .config/a",
    ),
    "a hidden file that another process made": (
        "import subprocess\ndef f(x):\n    subprocess.run(['touch', '.done'], check=True)\n    return x",
        "it created or removed .done",
    ),
    "a file that another process is told of": (
        "import subprocess\ndef f(x):\n    return subprocess.check_output(['cat', ''.join(['data', '.csv'])])",
        "it has the name of the file data.csv",
    ),
    "a file in another process's directory": (
        "import subprocess\ndef f(x):\n    return subprocess.check_output(['cat', 'a'], cwd=''.join(['.con', 'fig']))",
        "it has the name of the file .config/a",
    ),
    "a file that a shell is told of": (
        "import os\ndef f(x):\n    return os.system('test -f ' + ''.join(['data', '.csv']))",
        "it has the name of the file data.csv",
    ),
    "a file in an option": (
        "import subprocess\ndef f(x):\n    return subprocess.check_output(['echo', '-i=' + ''.join(['data', '.csv'])])",
        "it has the name of the file data.csv",
    ),
    "a script that another interpreter runs": (
        "import subprocess, sys\ndef f(x):\n    return subprocess.check_output([sys.executable, 'helper.py'])",
        "it has the name of the file helper.py",
    ),
    "a user's own file among tools' settings": (
        "from pathlib import Path\ndef f(x):\n    return Path('~/.mine/a').expanduser().read_text()",
        "home/.mine/a, which its key does not cover",
    ),
}

OF_NO_MATTER = {
    "a module that the code imports": "def f(x):\n    import helper\n    return helper.helper(x)",
    "a module that it imports by a name in the code": (
        "import importlib\ndef f(x):\n    return importlib.import_module('helper').helper(x)"
    ),
    "the lines of a traceback": (
        "import sys, traceback\ndef f(x):\n    try:\n        raise ValueError\n    except ValueError:\n"
        "        return len(traceback.TracebackException(*sys.exc_info()).stack.format())"
    ),
    "its own file's name": "import os\ndef f(x):\n    return len(os.path.basename(__file__))",
    "a module of Python's that is imported late": (
        "import importlib\ndef f(x):\n    importlib.import_module(''.join(['color', 'sys']))\n    return x"
    ),
    "what a tool keeps among its settings": "import tool\ndef f(x):\n    return tool.setting()",
}


@pytest.fixture
def files(project, tmp_path, monkeypatch):
    """A project with a module, data and hidden files, and a home directory with settings."""
    home = tmp_path / "home"
    contents = {
        project / "helper.py": HELPER,
        project / "pack/__init__.py": "",
        project / "pack/helper.py": HELPER,
        project / "data.csv": "1",
        project / ".env": "A=1",
        project / ".config/a": "1",
        home / ".mine/a": "1",
        tmp_path / "site-packages/tool.py": TOOL,
    }  # fmt: skip
    for path, text in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.syspath_prepend(project)
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    yield project
    for name in ("helper", "pack", "tool"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(("source", "why"), SEEN.values(), ids=SEEN)
def test_what_a_stage_reads_is_told_and_not_cached(sdk, module, said, files, source, why):
    function = module(source).f
    assert run(sdk, function, 7)[1] is False
    assert why in reasons(said)[0]


@pytest.mark.parametrize("source", OF_NO_MATTER.values(), ids=OF_NO_MATTER)
def test_what_the_key_knows_or_no_result_depends_on_does_not_matter(sdk, module, said, files, source):
    function = module(source).f
    assert [False, True] == [run(sdk, function, 7)[1] for _ in range(2)], reasons(said)


def test_a_source_file_that_is_depended_on_may_be_read(sdk, module, files):
    code = module("from pathlib import Path\ndef f(name):\n    return Path(name).read_text()")

    def used_cache():
        stage = sdk.create_stage(code.f, depends_on=["helper.py"])("helper.py").enable_caching()
        return stage.run().fetch_job_results()["global_stage_context"]["used_cache"]

    assert [False, True] == [used_cache(), used_cache()]
    (files / "helper.py").write_text(HELPER + "# another\n")
    assert used_cache() is False


def test_byte_code_is_told_as_its_source(tmp_path):
    accesses = FileAccesses()
    frame = sys._getframe()
    accesses.note("open", (str(tmp_path / "__pycache__/a.cpython-311.pyc"), "r", os.O_RDONLY), frame)
    accesses.note("open", (str(tmp_path / "b.pyc"), "r", os.O_RDONLY), frame)
    assert [str(tmp_path / "a.py"), str(tmp_path / "b.pyc")] == list(accesses.read)


def test_compiled_modules_are_told_by_their_files(tmp_path):
    accesses = FileAccesses()
    accesses.note("import", ("a", str(tmp_path / "a.so"), None, None, None), sys._getframe())
    accesses.note("import", ("b", None, None, None, None), sys._getframe())
    accesses.note("ctypes.dlopen", (str(tmp_path / "c.so"),), sys._getframe())
    assert [str(tmp_path / name) for name in ("a.so", "c.so")] == list(accesses.read)


@pytest.mark.parametrize(
    "command", [["cat", b"a", Path("a")], "cat a", b"cat a", "cat 'a", Path("a"), ["cat", "x" * 5000, "\0", 3, "a"]]
)
def test_commands_are_told_word_by_word(command, tmp_path):
    accesses = FileAccesses()
    accesses.note("subprocess.Popen", ("cat", command, str(tmp_path), None), sys._getframe())
    found = {Path(path).name.strip("'") for path in accesses.named} & {"a"}
    assert {"a"} == found
    assert all(Path(path).parent == tmp_path for path in accesses.named)


def test_what_is_unwatched_is_left_out(tmp_path):
    (tmp_path / "a").write_text("1")
    with watched_files() as accesses:
        (tmp_path / "a").read_text()
        with tracking_paused():
            (tmp_path / "a").write_text("2")
    assert ([str(tmp_path / "a")], []) == (list(accesses.read), list(accesses.written))


class TestListing:
    def test_what_is_made_and_removed_is_told_hidden_or_not(self, tmp_path):
        listing = ProjectListing(str(tmp_path))
        for name in ("a", ".b"):
            (tmp_path / name).write_text("")
            assert str(tmp_path / name) == listing.changed()
            (tmp_path / name).unlink()
            assert str(tmp_path / name) == listing.changed()
        assert listing.changed() is None

    def test_what_lies_in_hidden_directories_and_packages_is_not_looked_at(self, tmp_path):
        places = [tmp_path / name for name in (".git", "site-packages", "__pycache__")]
        for place in places:
            place.mkdir()
        listing = ProjectListing(str(tmp_path))
        for place in places:
            (place / "a").write_text("")
        (tmp_path / ".nfs001").write_text("")
        assert listing.changed() is None


def test_settings_in_a_project_of_a_hidden_directory_are_the_projects(tmp_path, monkeypatch):
    """As a job's is, in ~/.foundations; whoever opens them."""
    monkeypatch.setenv("HOME", str(tmp_path))
    project = tmp_path / ".foundations" / "project"
    project.mkdir(parents=True)
    (project / "data.csv").write_text("1")
    accesses = FileAccesses()
    accesses.note("open", (str(project / "data.csv"), "r", os.O_RDONLY), _Frame("/x/site-packages/pandas/io.py"))
    assert "it read data.csv" in str(uncacheable_because(accesses, None, str(project), [], []))
    assert uncacheable_because(accesses, None, str(tmp_path / "another"), [], []) is None


class _Frame:
    """Stands for a frame of a library's code."""

    f_back = None

    def __init__(self, file):
        self.f_code = self
        self.co_filename = file
