"""The pytest plugin: installed with foundations, it gives tests of pipelines their fixtures.

It is loaded at the start of every pytest run, so it imports nothing until a fixture is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from foundations.app.sdk import Sdk


@pytest.fixture
def in_memory_sdk() -> Iterator[Sdk]:
    """The SDK with every part in memory: ``create_stage``, ``pipeline``, ``load_job``, ``config_manager``.

    Jobs run in threads of this process, in a store that no other test sees and that is forgotten after the test.
    Nothing is written to disk, and neither configuration files nor ``FOUNDATIONS_HOME`` are looked at. A job's result
    is the one that it has in a process of its own, but for what only a process has: its output streams, its end by a
    signal, being cancelled. The working directory is packed as ever, and the job runs in it.
    """
    from foundations.testing.in_memory import in_memory_sdk as in_memory

    with in_memory() as sdk:
        yield sdk
