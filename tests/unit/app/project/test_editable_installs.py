import importlib
import sys
import types
from importlib.util import spec_from_file_location

import pytest

from foundations.app.project.editable_installs import (
    CopyFinder,
    find_built_places,
    find_editable_places,
    has_editable_hooks,
)


class Hook:
    """Finds modules of the original project before Python's own finders, as hooks of build backends do."""

    def __init__(self, files, **attributes):
        self.files = files
        vars(self).update(attributes)

    def find_spec(self, name, path=None, target=None):
        return spec_from_file_location(name, self.files[name]) if name in self.files else None


@pytest.fixture
def install(monkeypatch):
    """Return what puts a hook into this process."""
    module = types.ModuleType("_editable_of_a_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(Hook, "__module__", module.__name__)

    def put(files, **attributes):
        monkeypatch.setattr(sys, "meta_path", [Hook(files, **attributes), *sys.meta_path])

    return put


@pytest.fixture
def original(tmp_path):
    """An original project and its copy, with a package each."""
    for root in ("original", "copy"):
        package = tmp_path / root / "src" / "edited_shapes"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "size.py").write_text(f"VALUE = {root!r}\n")
    (tmp_path / "original/src/edited_shapes/built.py").write_text("VALUE = 'built'\n")
    yield tmp_path / "original"
    for name in [name for name in sys.modules if name.startswith("edited_shapes")]:
        del sys.modules[name]


def files_of(original):
    package = original / "src" / "edited_shapes"
    return {
        "edited_shapes": str(package / "__init__.py"),
        "edited_shapes.size": str(package / "size.py"),
        "edited_shapes.built": str(package / "built.py"),
    }


def test_without_hooks_nothing_is_in_editable_mode(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[-1:])
    assert (False, [], []) == (has_editable_hooks(), find_editable_places(), find_built_places())


def test_the_table_of_a_hook_shows_where_its_packages_are(original, install):
    files = files_of(original)
    install(files, known_source_files=files)
    assert (True, [str(original / "src")]) == (has_editable_hooks(), find_editable_places())


def test_a_hook_that_builds_is_asked_for_each_of_its_packages(original, install):
    install(files_of(original), _top_level_modules={"edited_shapes", "edited_gone"})
    assert ([], [str(original / "src")]) == (find_editable_places(), find_built_places())


def test_the_copy_comes_before_the_hook_but_for_what_it_does_not_have(original, install, monkeypatch):
    copy = original.parent / "copy"
    install(files_of(original))
    monkeypatch.setattr(sys, "meta_path", [CopyFinder(copy, [str(copy / "src")]), *sys.meta_path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    values = [importlib.import_module(f"edited_shapes.{name}").VALUE for name in ("size", "built")]
    assert ["copy", "built"] == values


def test_a_directory_without_a_module_is_left_to_other_finders(tmp_path):
    (tmp_path / "edited_namespace").mkdir()
    assert CopyFinder(tmp_path, [str(tmp_path)]).find_spec("edited_namespace") is None
