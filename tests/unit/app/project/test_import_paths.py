import functools
import importlib
import os
import sys
import types

import pytest

from foundations.app.project.import_paths import check_modules, import_paths, use_import_paths
from foundations.app.project.relocation import Relocation
from foundations.domain.pipeline.graph import Pipeline
from foundations.errors import PipelineError


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write and import a module somewhere below the temporary directory."""
    made = []

    def imported(place, source="def work(): pass\nclass Model:\n    def fit(self): pass\n"):
        name = f"somewhere_{place.replace('/', '_')}"
        directory = tmp_path / place
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{name}.py").write_text(source)
        monkeypatch.syspath_prepend(directory)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        made.append(name)
        return importlib.import_module(name)

    yield imported
    for name in made:
        sys.modules.pop(name, None)


def check(sdk, function, tmp_path, *extra, locate=lambda names: {}):
    pipeline = Pipeline.of(sdk.pipeline.stage(int).stage(function).stage(function))
    check_modules(pipeline, tmp_path / "mine", tuple(tmp_path / place for place in extra), locate)


@pytest.mark.parametrize("place", ["mine", "mine/src", "extra", "venv/lib/site-packages"])
def test_modules_that_come_along_or_are_installed_pass(sdk, module, tmp_path, place):
    check(sdk, module(place).work, tmp_path, "extra")


@pytest.mark.parametrize("function", [len, sys.exit, importlib.import_module, functools.partial(len), Pipeline.of])
def test_functions_of_python_and_the_sdk_pass(sdk, tmp_path, function):
    check(sdk, function, tmp_path)


@pytest.mark.parametrize(
    "pick",
    [
        lambda module: module.work,
        lambda module: functools.partial(functools.partial(module.work)),
        lambda module: module.Model,
        lambda module: module.Model().fit,
    ],
    ids=["function", "partial", "class", "bound method"],
)
def test_a_module_that_would_be_missing_is_refused_with_the_remedy(sdk, module, tmp_path, pick):
    with pytest.raises(PipelineError) as raised:
        check(sdk, pick(module("elsewhere")), tmp_path)
    for part in ("somewhere_elsewhere", str(tmp_path / "elsewhere"), str(tmp_path / "mine"), "extra_source_paths"):
        assert part in str(raised.value)


def test_a_module_that_the_job_finds_outside_the_project_passes(sdk, module, tmp_path):
    check(sdk, module("elsewhere").work, tmp_path, locate=lambda names: {names[0]: (str(tmp_path / "elsewhere"),)})


def test_a_module_that_is_found_in_a_directory_of_links_passes(sdk, module, tmp_path, monkeypatch):
    work = module("elsewhere").work
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / f"{work.__module__}.py"
    link.symlink_to(sys.modules[work.__module__].__file__)
    monkeypatch.setattr(sys.modules[work.__module__], "__file__", str(link))
    check(sdk, work, tmp_path, locate=lambda names: {names[0]: (str(tmp_path / "links"),)})


def test_a_module_that_the_job_would_take_from_another_place_is_refused(sdk, module, tmp_path):
    with pytest.raises(PipelineError, match="it would find /other/place there"):
        check(sdk, module("elsewhere").work, tmp_path, locate=lambda names: {names[0]: ("/other/place",)})


def test_a_module_that_was_made_in_memory_is_refused(sdk, tmp_path, monkeypatch):
    made = types.ModuleType("made_in_memory")
    exec("def work(): pass", vars(made))
    monkeypatch.setitem(sys.modules, "made_in_memory", made)
    with pytest.raises(PipelineError, match="made_in_memory, which was made in memory"):
        check(sdk, made.work, tmp_path)


@pytest.mark.parametrize(
    "use", [lambda used: used, lambda used: used.work, lambda used: used.Model], ids=["module", "function", "class"]
)
def test_what_a_function_of_the_script_uses_is_looked_at(sdk, module, tmp_path, use):
    held = use(module("elsewhere"))
    script = types.FunctionType((lambda: held_by_script).__code__, {"held_by_script": held}, "script")  # noqa: F821
    script.__module__ = "__main__"
    with pytest.raises(PipelineError, match="somewhere_elsewhere"):
        check(sdk, script, tmp_path)


def test_objects_and_modules_that_are_not_known_pass(sdk, tmp_path):
    class Callable:
        def __call__(self, value):
            return value

    unknown = Callable()
    unknown.__module__ = "not.imported"
    main = Callable()
    main.__module__ = "__main__"
    check(sdk, unknown, tmp_path)
    check(sdk, main, tmp_path)


def test_import_paths_are_relative_to_the_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys,
        "path",
        ["", str(tmp_path), str(tmp_path / "src"), "/usr/lib", str(tmp_path / "v" / "lib" / "site-packages")],
    )
    assert (".", "src") == import_paths(tmp_path, ())
    assert (".", "src", ".foundations_extra/0", ".foundations_extra/1") == import_paths(tmp_path, (tmp_path, tmp_path))


def test_a_job_imports_from_where_the_submitter_did_and_from_its_runtime_last(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", ["/runtime", "/usr/lib"])
    use_import_paths(Relocation(tmp_path, ("/gone",)), (".", "src"))
    assert [str(tmp_path), str(tmp_path / "src"), "/usr/lib", "/runtime"] == sys.path


def test_a_job_imports_the_copy_whatever_its_interpreter_was_set_up_with(tmp_path, monkeypatch):
    original, copy, venv = tmp_path / "original", tmp_path / "copy", tmp_path / "original/.venv/lib/site-packages"
    for place in (original / "src", copy / "src", venv):
        place.mkdir(parents=True)
    monkeypatch.setattr(sys, "path", ["/runtime", str(original / "src"), "/usr/lib", str(venv), str(original)])
    monkeypatch.setenv("PYTHONPATH", f"/else:{original / 'src'}")
    use_import_paths(Relocation(copy, (str(original),)), (".",))
    assert [
        [str(copy), str(copy / "src"), "/usr/lib", str(venv), "/runtime"],
        f"/else:{copy / 'src'}:{copy}",
    ] == [sys.path, os.environ["PYTHONPATH"]]


def test_packages_in_editable_mode_by_hooks_are_imported_from_the_copy(tmp_path, monkeypatch):
    hook = types.ModuleType("__editable___shapes_finder")
    hook.MAPPING = {"shapes": str(tmp_path / "original/src/shapes"), "a.b": str(tmp_path / "original/lib/a/b.py")}
    hook.Finder = type("Finder", (), {"__module__": hook.__name__, "find_spec": lambda *arguments: None})
    monkeypatch.setitem(sys.modules, hook.__name__, hook)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, hook.Finder])
    monkeypatch.setattr(sys, "path", ["/runtime"])
    monkeypatch.setenv("PYTHONPATH", "")
    original, copy = tmp_path / "original", tmp_path / "copy"
    assert ("src", "lib") == import_paths(original, ())
    use_import_paths(Relocation(copy, (str(original),)), ("src", "lib"))
    assert f"{copy / 'src'}:{copy / 'lib'}" == os.environ["PYTHONPATH"]
