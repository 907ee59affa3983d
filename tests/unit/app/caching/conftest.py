import importlib
import sys

import pytest


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write and import the project's module, anew each time."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def imported(source, name="project_code"):
        (tmp_path / f"{name}.py").write_text(source)
        sys.modules.pop(name, None)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield imported
    sys.modules.pop("project_code", None)
