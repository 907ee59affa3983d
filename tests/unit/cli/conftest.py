import secrets
import sys

import pytest
from typer.testing import CliRunner

from foundations.adapters.memory import MemoryCacheBackend, forget_store
from foundations.app.sdk import config_manager
from foundations.cli.main import app

IN_MEMORY = """\
cache_implementation:
  cache_type: foundations.MemoryCacheBackend
  constructor_arguments: [{store}]
archive_listing_implementation:
  archive_listing_type: foundations.MemoryPipelineListing
  constructor_arguments: [{store}]
deployment_implementation:
  deployment_type: foundations.MemoryExecutionEnvironment
  constructor_arguments: [{store}]
job_bundler_implementation:
  job_bundler_type: foundations.MemoryJobBundler
  constructor_arguments: [{store}]
"""
ARCHIVES = ("stage_log", "persisted_data", "provenance", "job_source", "artifact", "miscellaneous")
ARCHIVE = """\
{role}_archive_implementation:
  archive_type: foundations.MemoryPipelineArchive
  constructor_arguments: [{store}]
"""


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


@pytest.fixture
def in_memory(directory, store, monkeypatch):
    """A project directory whose configuration names adapters in memory."""
    archives = "".join(ARCHIVE.format(role=role, store=store) for role in ARCHIVES)
    (directory / "memory.config.yaml").write_text(IN_MEMORY.format(store=store) + archives)
    monkeypatch.setattr(config_manager, "_added", [])
    monkeypatch.setattr(config_manager, "_environment", None)
    return directory
