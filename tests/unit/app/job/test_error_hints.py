import subprocess
import sys
from pathlib import Path

import pytest

from foundations.app.job.error_hints import JobPlace, find_hints
from foundations.app.job.error_report import describe_failure


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A job's working directory, the project directory that it is a copy of, and the files around them."""
    project, original = tmp_path / "jobs" / "job" / "project", tmp_path / "home" / "mine"
    for path in (project / "train.csv", project / "sub" / "inner.csv", project / "helpers.py", original / "big.npy"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (original / "secret.py").touch()
    (tmp_path / "home" / "data.csv").touch()
    monkeypatch.chdir(project)
    rules = {"big.npy": "line 3 of .foundationsignore (*.npy)"}
    return JobPlace(str(project), str(original), rules.get)


def hint(place, function, *arguments):
    """Return the hint for what a call raises."""
    with pytest.raises(BaseException) as raised:  # noqa: PT011 - every kind is tried
        function(*arguments)
    return " ".join(find_hints(raised.value, place))


class TestMissingFile:
    def test_one_outside_the_project_is_named_with_its_absolute_path(self, place, tmp_path):
        there = tmp_path / "home" / "data.csv"
        expected = (
            "The job runs in a copy of the project directory, and '../data.csv' leads out of it. From the project"
        )
        assert hint(place, open, "../data.csv").startswith(expected)
        assert f"leads to {there}. Pass the file's absolute path" in hint(place, open, "../data.csv")
        absolute = str(tmp_path / "jobs" / "job" / "data.csv")  # made from the path of a module
        assert f"leads to {there}. Pass the file's absolute path" in hint(place, open, absolute)

    def test_one_that_is_nowhere_is_not_said_to_be_there(self, place, tmp_path):
        assert f"{tmp_path}/home/gone.csv, which does not exist either" in hint(place, open, "../gone.csv")

    def test_one_that_was_left_out_is_named_with_the_rule(self, place):
        expected = "exists, but line 3 of .foundationsignore (*.npy) leaves it out of the job's copy"
        assert expected in hint(place, open, "big.npy")

    def test_one_that_came_later_is_told(self, place):
        assert "it was created after run() was called, or left out" in hint(place, open, "secret.py")

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("trian.csv", "There is no 'trian.csv' in the job's working directory. Did you mean 'train.csv'?"),
            ("TRAIN.CSV", "There is no 'TRAIN.CSV' in the job's working directory. Did you mean 'train.csv'?"),
            ("inner.csv", "There is no 'inner.csv' in the job's working directory. The project has 'sub/inner.csv'."),
            ("sup/x.csv", "There is no 'sup' in the job's working directory. Did you mean 'sub'?"),
            ("nothing-like-it", ""),
        ],
    )
    def test_the_nearest_name_is_suggested(self, place, name, expected):
        assert expected == hint(place, open, name)

    @pytest.mark.parametrize(
        "message",
        [
            "trian.csv not found.",
            "trian.csv",
            "No such file or directory (os error 2): trian.csv",
            "[Errno 2] Unable to synchronously open file (unable to open file: name = 'trian.csv', errno = 2)",
        ],
    )
    def test_one_that_only_the_message_names_has_the_nearest_name(self, place, message):
        assert ["There is no 'trian.csv' in the job's working directory. Did you mean 'train.csv'?"] == find_hints(
            FileNotFoundError(message), place
        )

    def test_a_message_that_names_none_has_no_hint(self, place):
        assert [] == find_hints(FileNotFoundError("there is nothing to train with"), place)

    def test_one_at_an_absolute_path_elsewhere_has_the_nearest_name_there(self, place, tmp_path):
        directory = tmp_path / "home"
        assert f"There is no 'date.csv' in {directory}. Did you mean 'data.csv'?" == hint(
            place, open, str(directory / "date.csv")
        )

    def test_a_program_is_no_file_of_the_project(self, place):
        assert "No directory of the job's PATH has the program 'no-such'" in hint(place, subprocess.run, ["no-such"])

    def test_where_the_job_runs_in_the_project_itself_only_a_name_is_suggested(self, place):
        here = place._replace(project=None)
        assert "Did you mean 'train.csv'?" in hint(here, open, "trian.csv")


class TestMissingModule:
    def test_the_interpreter_and_the_remedies_are_named(self, place):
        text = hint(place, __import__, "no_such_module")
        assert f"The job runs under {sys.executable}, which does not find the module 'no_such_module'." in text
        assert f"`{sys.executable} -m pip install`" in text
        assert "`extra_source_paths`" in text

    def test_the_nearest_module_of_the_project_is_suggested(self, place):
        assert "Did you mean 'helpers'?" in hint(place, __import__, "helprs")

    def test_one_that_was_left_out_is_told(self, place):
        assert "secret.py exists, but the job's copy" in hint(place, __import__, "secret")

    @pytest.mark.parametrize(
        ("statement", "module", "distribution"),
        [
            ("import skimage.no_such", "skimage.no_such", "scikit-image"),
            ("from cv2 import dnn", "cv2.dnn", "opencv-python"),
            ("import bs4", "bs4", "beautifulsoup4"),
            ("import os, \\\n  MySQLdb.cursors", "MySQLdb.cursors", "mysqlclient"),
            ("from google.cloud import storage", "google.cloud.storage", "google-cloud-storage"),
            (
                "from google.cloud import secretmanager_v1",
                "google.cloud.secretmanager_v1",
                "google-cloud-secret-manager",
            ),
            ("import google.protobuf.any_pb2 as any", "google.protobuf.any_pb2", "protobuf"),
        ],
    )
    def test_the_distribution_of_a_module_with_another_name_is_named(
        self, place, tmp_path, statement, module, distribution, monkeypatch
    ):
        for name in ("skimage", "cv2", "bs4", "MySQLdb", "google"):
            monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
        path = tmp_path / "importing.py"
        path.write_text(statement)
        text = hint(place, exec, compile(statement, str(path), "exec"))
        assert (
            f"{module!r} belongs to {distribution}: install it with `{sys.executable} -m pip install {distribution}`"
            in text
        )

    def test_a_namespace_that_lacks_a_distribution_names_it(self, place, tmp_path, monkeypatch):
        for name in ("google", "google.cloud"):
            namespace = type(sys)(name)
            namespace.__path__ = []
            monkeypatch.setitem(sys.modules, name, namespace)
        path = tmp_path / "importing.py"
        path.write_text("from google.cloud import bigquery")
        assert "'google.cloud.bigquery' belongs to google-cloud-bigquery:" in hint(
            place, exec, compile(path.read_text(), str(path), "exec")
        )

    @pytest.mark.parametrize(
        ("file", "package", "remedies"),
        [
            (
                "src/unmet_steps.py",
                None,
                ["PYTHONPATH=src: the job then has it", "install the project in editable mode"],
            ),
            ("src/unmet_steps/__init__.py", None, ["PYTHONPATH=src: the job then has it"]),
            ("lib/unmet_steps.py", "lib/__init__.py", ["import it as lib.unmet_steps;", "PYTHONPATH=lib"]),
        ],
    )
    def test_a_module_of_the_project_off_the_import_path_is_named_with_what_to_do(self, place, file, package, remedies):
        for path in filter(None, (file, package)):
            (Path(place.project) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(place.project) / path).touch()
        text = hint(place, __import__, "unmet_steps")
        found = file.removesuffix("/__init__.py")
        assert f"The project has {found}, but modules are not imported from {file.split('/')[0]}." in text
        assert [] == [remedy for remedy in remedies if remedy not in text]


class TestTerminal:
    def test_a_breakpoint_names_the_run_that_can_be_debugged(self, place):
        import bdb

        assert "A job has no terminal, so a debugger cannot stop" in " ".join(find_hints(bdb.BdbQuit(), place))
        assert "run_same_process()" in " ".join(find_hints(bdb.BdbQuit(), place))

    def test_so_does_one_that_ends_the_process(self, place):
        code = compile("raise SystemExit(0)", "/usr/lib/python3.14/pdb.py", "exec")
        assert "run_same_process()" in hint(place, exec, code)
        assert "" == hint(place, sys.exit, 3)

    def test_input_names_what_takes_its_place(self, place):
        assert "so there is no input" in " ".join(find_hints(EOFError("EOF when reading a line"), place))


def test_hints_follow_the_message_and_a_hint_that_fails_is_left_out():
    def fail(error):
        raise OSError("the directory is gone")

    texts = [
        describe_failure(ValueError("bad"), [], "a", "u", "a()", hints) for hints in (lambda error: ["do so"], fail)
    ]
    assert ["ValueError: bad\ndo so", "ValueError: bad"] == [text["traceback"] for text in texts]


def test_other_exceptions_have_no_hint(place):
    assert "" == hint(place, int, "x")
