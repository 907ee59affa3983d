import importlib
import sys
import types

import pytest

from foundations.app.project.module_state import describe_state, report_differences, warn_of_changed_literals
from foundations.app.project.modules import ProjectModule

SOURCE = """
import time
LR = 0.1
NAMES = ("a", -1)
SIZE = 5
API_KEY = "public"
CONFIG = {"lr": 0.1}
started = time.time()
_calls = 0
client = None
LIMIT = None
FLAG = True
FLAG = not FLAG

def count():
    global _calls, client
    _calls += 1
    client = object()
"""


@pytest.fixture
def steps(tmp_path, monkeypatch):
    (tmp_path / "changed_steps.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield importlib.import_module("changed_steps")
    del sys.modules["changed_steps"]


MODULES = (ProjectModule("changed_steps", "changed_steps.py", False),)


def changed(said):
    return {keys["attribute"].partition(".")[2]: (keys["value"], keys["job_has"]) for _, _, keys in said}


def test_a_module_that_is_as_its_source_has_it_is_not_reported(steps, said):
    steps.count()
    warn_of_changed_literals(MODULES)
    assert [] == said


def test_attributes_that_are_not_what_the_source_shows_are_named_at_run(steps, said):
    steps.LR, steps.NAMES, steps.SIZE, steps.LIMIT, steps.FLAG = 0.5, ("b",), 5.0, 3, "other"
    steps.API_KEY = "s3cret"
    warn_of_changed_literals(MODULES)
    hidden = changed(said).pop("API_KEY")
    assert "s3cret" not in str(hidden)
    assert {
        "LR": ("0.5", "0.1"),
        "NAMES": ("('b',)", "('a', -1)"),
        "SIZE": ("5.0", "5"),
        "LIMIT": ("3", "None"),
    } == {name: texts for name, texts in changed(said).items() if name != "API_KEY"}
    assert {("warning", "module_attribute_changed", "changed_steps.py")} == {
        (level, event, keys["file"]) for level, event, keys in said
    }


def test_a_job_reports_which_attributes_differ_from_the_submitters(steps, said, tmp_path):
    steps.CONFIG["lr"] = 0.5
    steps.extra = [1]
    steps.place = "/submitted/data"
    submitted = describe_state(MODULES, "/submitted")
    steps.CONFIG["lr"] = 0.1
    del steps.extra
    steps.place = f"{tmp_path}/data"
    differences = report_differences(MODULES, submitted, tmp_path)
    assert [
        ("changed_steps.py", "changed_steps.CONFIG", "{'lr': 0.5}", "{'lr': 0.1}"),
        ("changed_steps.py", "changed_steps.extra", "[1]", "<absent>"),
    ] == [tuple(each) for each in differences]
    assert ["module_attribute_differs"] * 2 == [event for _, event, _ in said]


def test_replaced_functions_changed_classes_and_filled_registries_differ(steps, tmp_path):
    class Options:
        lr = 0.1
        tag = "a"

        def run(self): ...

    Options.__module__, Options.__qualname__, Options.run.__module__ = "changed_steps", "Options", "changed_steps"
    Options.run.__qualname__ = "Options.run"
    steps.Options, steps.REGISTRY, steps.place = Options, {}, types.SimpleNamespace(size=1, names=["a"])
    original, unchanged = steps.count, describe_state(MODULES, "")
    steps.count, steps.REGISTRY["mine"], Options.lr, steps.place.size = (lambda: 1), len_of, 0.5, 2
    submitted = describe_state(MODULES, "")
    steps.count, Options.lr, steps.place.size = original, 0.1, 1
    steps.REGISTRY.clear()
    found = {each.attribute: (each.submitted, each.job) for each in report_differences(MODULES, submitted, tmp_path)}
    assert f"{__name__}.test_replaced" in found["changed_steps.count"][0]
    assert ("changed_steps.count", ("0.5", "0.1")) == (
        found["changed_steps.count"][1],
        found["changed_steps.Options.lr"],
    )
    assert {"count", "REGISTRY", "place", "Options.lr"} == {name.partition(".")[2] for name in found}
    assert [] == report_differences(MODULES, unchanged, tmp_path)


def len_of(value):
    return len(value)


def test_only_plain_public_attributes_are_described_and_no_secrets(steps):
    steps.TOKENS = {"token": 1}
    described = describe_state(MODULES, "/submitted")["changed_steps"]
    assert {"LR", "NAMES", "SIZE", "CONFIG", "started", "client", "LIMIT", "FLAG"} == set(described)


def test_a_module_without_a_readable_source_is_not_compared(steps, said, tmp_path):
    (tmp_path / "changed_steps.py").write_text("this is no Python")
    steps.LR = 0.5
    warn_of_changed_literals(MODULES)
    assert [] == said
    assert [] == report_differences([ProjectModule("not_there", "not_there.py", False)], {}, tmp_path)
