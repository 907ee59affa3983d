import secrets
import sys

import pytest
from typer.testing import CliRunner

from foundations.adapters.memory import MemoryCacheBackend, forget_store
from foundations.cli.main import app


@pytest.fixture
def store():
    name = f"testing-{secrets.token_hex(8)}"
    yield name
    forget_store(name)


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """A working directory without any configuration, and a home of its own."""
    made = tmp_path / "project"
    made.mkdir()
    monkeypatch.chdir(made)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("FOUNDATIONS_HOME", str(tmp_path / "home"))
    return made


@pytest.fixture
def configure(directory, store):
    """Name a cache in a file."""

    def write(name="local.config.yaml", type_name="foundations.MemoryCacheBackend", argument=store):
        file = directory / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"cache_implementation:\n  cache_type: {type_name}\n  constructor_arguments: [{argument}]\n")
        return file

    return write


@pytest.fixture
def cache(configure, store):
    """The cache that the working directory's configuration names."""
    configure()
    return MemoryCacheBackend(store)


@pytest.fixture
def run(directory):
    """Run a command as without a terminal."""
    return lambda *arguments, **options: CliRunner().invoke(app, arguments, **options)
