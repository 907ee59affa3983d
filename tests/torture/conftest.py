import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "integration"))

from torturing import Torture


@pytest.fixture
def torture(tmp_path: Path) -> Iterator[Torture]:
    made = Torture(tmp_path)
    yield made
    made.close()
