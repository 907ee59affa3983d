import uuid

import pytest

from foundations.adapters.memory import MemoryExecutionEnvironment, MemoryJobBundler, forget_store
from foundations.errors import ExecutionError
from foundations.testing import ExecutionEnvironmentContract


@pytest.fixture
def store():
    name = uuid.uuid4().hex
    yield name
    forget_store(name)


class TestMemoryExecutionEnvironment(ExecutionEnvironmentContract):
    @pytest.fixture
    def environment(self, store, bundle_runner):
        return MemoryExecutionEnvironment(store, bundle_runner=bundle_runner)

    @pytest.fixture
    def bundler(self, store):
        return MemoryJobBundler(store)

    def test_without_what_runs_bundles_nothing_is_submitted(self, store, jobs):
        submission, _ = jobs.writing("job")
        environment = MemoryExecutionEnvironment(store)
        with pytest.raises(ExecutionError, match=r"job job cannot be started: .* without a bundle_runner"):
            environment.submit(submission)
        assert [None] == environment.poll([environment.handle("job")])

    def test_environments_of_one_name_share_their_jobs(self, environment, jobs):
        submission, _ = jobs.writing("job")
        environment.submit(submission)
        other = MemoryExecutionEnvironment(environment.store)
        other.wait([other.handle("job")], timeout=None, interval=60)
        assert other.poll([other.handle("job")]) == environment.poll([environment.handle("job")])
