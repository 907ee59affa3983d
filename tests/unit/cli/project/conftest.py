import sys

import pytest

from foundations.app.sdk import config_manager

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
def in_memory(directory, store, monkeypatch):
    """A project directory whose configuration names adapters in memory."""
    archives = "".join(ARCHIVE.format(role=role, store=store) for role in ARCHIVES)
    (directory / "memory.config.yaml").write_text(IN_MEMORY.format(store=store) + archives)
    monkeypatch.setattr(config_manager, "_added", [])
    monkeypatch.setattr(config_manager, "_environment", None)
    return directory


@pytest.fixture
def script(in_memory, monkeypatch):
    """Write a script, which becomes the process's own when it is run; undone afterwards."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(sys, "argv", list(sys.argv))

    def write(text, name="train.py"):
        file = in_memory / name
        file.write_text(text)
        return name

    return write
