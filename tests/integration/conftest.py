"""Fixtures of the tests of whole deployments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Project


@pytest.fixture(scope="session")
def warm_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home for foundations in which a job has run, so that the runtime is packed and extracted."""
    project = Project(tmp_path_factory.mktemp("warm"))
    project.write({"train.py": "from foundations import *\npipeline.stage(int).run().fetch_job_results()\n"})
    project.run("train.py")
    project.close()
    return project.home


@pytest.fixture
def project(tmp_path: Path, warm_home: Path) -> Iterator[Project]:
    """A fresh project directory."""
    made = Project(tmp_path, warm_home)
    yield made
    made.close()
