import sys
import types
from pathlib import Path

import pytest

from foundations.app.project.main_module import describe_main, fill_main, make_main, warn_of_outside_script
from foundations.app.project.relocation import Relocation

NO_NAME = {"name": None, "package": None, "spawned": False}


@pytest.fixture
def main(monkeypatch):
    """Another ``__main__`` for the time of a test."""
    module = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    return module


@pytest.fixture
def relocation(tmp_path):
    """A project and its copy, both with ``data/in.csv``; the original alone has ``left_out``."""
    for place in ("original/data", "original/left_out", "copy/data"):
        (tmp_path / place).mkdir(parents=True)
    for place in ("original", "copy"):
        (tmp_path / place / "data" / "in.csv").write_text(place)
    return Relocation(tmp_path / "copy", (str(tmp_path / "original"),))


def script_function(source, **names):
    names |= {"__name__": "__main__"}
    exec(source, names)
    return names["work"]


def test_a_script_is_described_relative_to_the_project_also_by_a_link(main, tmp_path, monkeypatch):
    monkeypatch.delenv("PWD", raising=False)
    (tmp_path / "real" / "scripts").mkdir(parents=True)
    (tmp_path / "real" / "scripts" / "train.py").touch()
    (tmp_path / "link").symlink_to("real")
    main.__file__ = str(tmp_path / "link" / "scripts" / "train.py")
    described = describe_main(tmp_path / "real")
    assert {
        **NO_NAME,
        "package": None,
        "file": "scripts/train.py",
        "origins": (str(tmp_path / "real"), str(tmp_path / "link")),
    } == described


def test_a_script_outside_the_project_is_named_in_a_warning(main, tmp_path, said):
    main.__file__ = str(tmp_path / "train.py")
    described = describe_main(tmp_path / "sub")
    assert str(tmp_path / "train.py") == described["file"]
    warn_of_outside_script(described, [len], tmp_path / "sub")
    assert [] == said
    warn_of_outside_script(described, [script_function("def work(): pass")], tmp_path / "sub")
    assert [("warning", "script_outside_project")] == [(level, event) for level, event, _ in said]


def test_a_notebook_has_no_file(main, tmp_path):
    assert describe_main(tmp_path)["file"] is None
    make_main(describe_main(tmp_path), Relocation(tmp_path, ()))
    assert not hasattr(sys.modules["__main__"], "__file__")


def test_main_has_the_name_that_python_was_given(main, relocation):
    make_main({**NO_NAME, "file": "pkg/train.py", "name": "pkg.train", "package": "pkg"}, relocation)
    made = sys.modules["__main__"]
    file = str(relocation.copy / "pkg" / "train.py")
    assert ["pkg.train", file, "pkg", file] == [
        made.__spec__.name,
        made.__spec__.origin,
        made.__package__,
        made.__file__,
    ]


def test_functions_of_the_script_and_of_arguments_are_in_main(main, relocation):
    work = script_function("def helper(): pass\ndef work(): pass")
    fill_main([1, work], {**NO_NAME, "file": None}, relocation)
    assert [work, work.__globals__["helper"]] == [sys.modules["__main__"].work, sys.modules["__main__"].helper]


def test_paths_among_the_globals_of_a_script_are_those_of_the_copy(main, relocation):
    (origin,), copy = relocation.origins, relocation.copy
    source = (
        "import argparse\n"
        "class Settings:\n    root = HERE\n"
        "arguments = argparse.Namespace(path=str(HERE))\n"
        "def work(path=HERE / 'data' / 'in.csv', *, other=HERE): pass\n"
    )
    here = Path(origin)
    work = script_function(
        source,
        HERE=here,
        TEXT=f"{origin}/data",
        PLACES={"in": [here / "data"], "pair": (here, 1)},
        LEFT_OUT=here / "left_out",
        OUTPUT=here / "new.csv",
        OTHER=f"{origin}_of_another",
    )
    make_main({**NO_NAME, "file": "train.py"}, relocation)
    fill_main([work], {**NO_NAME, "file": "train.py"}, relocation)
    names = work.__globals__
    assert [
        copy,
        f"{copy}/data",
        {"in": [copy / "data"], "pair": (copy, 1)},
        here / "left_out",
        copy / "new.csv",
        f"{origin}_of_another",
        str(copy),
        copy,
        (copy / "data" / "in.csv",),
        {"other": copy},
        f"{copy}/train.py",
    ] == [
        *(names[name] for name in ("HERE", "TEXT", "PLACES", "LEFT_OUT", "OUTPUT", "OTHER")),
        names["arguments"].path,
        names["Settings"].root,
        work.__defaults__,
        work.__kwdefaults__,
        names["__file__"],
    ]
