import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "integration"))

from support import Project, warm_home
from torturing import Torture


@pytest.fixture(scope="session", name="warm_home")
def warm_home_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home for foundations in which a job has run."""
    return warm_home(tmp_path_factory)


@pytest.fixture
def place(tmp_path: Path, warm_home: Path) -> Iterator[Project]:
    """A fresh project directory."""
    made = Project(tmp_path, warm_home)
    yield made
    made.close()


@pytest.fixture
def torture(tmp_path: Path, warm_home: Path) -> Iterator[Torture]:
    made = Torture(tmp_path, warm_home)
    yield made
    made.close()
