import pytest

from foundations.adapters.local_shell import LocalShellJobDeployment
from foundations.adapters.tarball import TarballJobBundler
from foundations.testing import ExecutionEnvironmentContract, JobBundlerContract

pytestmark = pytest.mark.measured


@pytest.fixture
def home(tmp_path_factory, monkeypatch):
    """Have the packed runtime made once for all tests of a worker."""
    home = tmp_path_factory.getbasetemp() / "home"
    monkeypatch.setenv("FOUNDATIONS_HOME", str(home))


class TestTarballJobBundler(JobBundlerContract):
    @pytest.fixture
    def bundler(self, home):
        return TarballJobBundler()


class TestLocalShellJobDeployment(ExecutionEnvironmentContract):
    @pytest.fixture
    def environment(self, home, tmp_path):
        return LocalShellJobDeployment(tmp_path / "shell", grace_seconds=1)

    @pytest.fixture
    def bundler(self):
        return TarballJobBundler()
