import uuid

import pytest

from foundations.adapters.memory import MemoryExecutionEnvironment, MemoryJobBundler, forget_store
from foundations.testing import ExecutionEnvironmentContract


@pytest.fixture
def store():
    name = uuid.uuid4().hex
    yield name
    forget_store(name)


class TestMemoryExecutionEnvironment(ExecutionEnvironmentContract):
    @pytest.fixture
    def environment(self, store):
        return MemoryExecutionEnvironment(store)

    @pytest.fixture
    def bundler(self, store):
        return MemoryJobBundler(store)

    def test_environments_of_one_name_share_their_jobs(self, environment, jobs):
        submission, _ = jobs.writing("job")
        environment.submit(submission)
        other = MemoryExecutionEnvironment(environment.store)
        other.wait([other.handle("job")], timeout=None, interval=60)
        assert other.poll([other.handle("job")]) == environment.poll([environment.handle("job")])
