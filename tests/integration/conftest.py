"""Fixtures of the tests of whole deployments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Project, warm_home


@pytest.fixture(scope="session", name="warm_home")
def warm_home_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home for foundations in which a job has run."""
    return warm_home(tmp_path_factory)


@pytest.fixture
def project(tmp_path: Path, warm_home: Path) -> Iterator[Project]:
    """A fresh project directory."""
    made = Project(tmp_path, warm_home)
    yield made
    made.close()
