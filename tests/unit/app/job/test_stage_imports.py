import functools
import sys
from pathlib import Path

import pytest

from foundations.app.job.stage_imports import imported_modules
from foundations.domain.pipeline.graph import Pipeline

SOURCE = """
import os.path, first
from second.inner import thing
from . import sibling
try:
    import optional
except (ImportError, AttributeError):
    optional = None
else:
    import third
try:
    import fourth
finally:
    pass
if TYPE_CHECKING:
    import types_alone
def run(x):
    import fifth
    try:
        import optional_too
    except:
        pass
    return x
"""


@pytest.fixture
def pipeline_of(sdk):
    return lambda function: Pipeline.of(sdk.pipeline.stage(function, 1))


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of a project, without what it imports."""
    path = tmp_path / "made_for_imports.py"
    path.write_text(SOURCE)
    module = type(sys)("made_for_imports")
    module.__file__ = str(path)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile("def run(x): return x", str(path), "exec"), vars(module))
    return module


def test_what_the_module_of_a_stage_imports_without_a_fallback_is_named(module, pipeline_of):
    expected = {"os", "os.path", "first", "second", "second.inner", "second.inner.thing", "third", "fourth", "fifth"}
    assert expected == imported_modules(pipeline_of(module.run))
    assert expected == imported_modules(pipeline_of(functools.partial(module.run)))


def test_functions_without_source_import_nothing(module, pipeline_of):
    assert set() == imported_modules(pipeline_of(int))
    Path(module.__file__).write_text("%matplotlib inline\n")
    assert set() == imported_modules(pipeline_of(module.run))
