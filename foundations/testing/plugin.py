"""The pytest plugin, which is installed with foundations and provides fixtures for tests of pipelines.

Every pytest run loads it at the start, so it imports nothing until a fixture is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from foundations.app.sdk import Sdk


@pytest.fixture
def in_memory_sdk(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sdk]:
    """An SDK with in-memory adapters: ``create_stage``, ``pipeline``, ``load_job``, ``config_manager``.

    During the test, the functions that ``from foundations import *`` gives are of this SDK too, and the working
    directory is an empty, temporary one. Jobs run in threads of this process, with a store that no other test sees and
    that is deleted after the test. Neither configuration files nor ``FOUNDATIONS_HOME`` are read or written. A job has
    the same result as in a process of its own, except for what only a process has: output streams, an end by a signal,
    and cancellation. The working directory is packed as usual, and the job runs in it.
    """
    from foundations.testing.in_memory import in_memory_sdk as in_memory

    monkeypatch.chdir(tmp_path_factory.mktemp("project"))
    with in_memory() as sdk:
        yield sdk
