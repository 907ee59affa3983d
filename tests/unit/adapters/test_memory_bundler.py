import json
import uuid

import pytest

from foundations import events
from foundations.adapters.memory import MemoryJobBundler, forget_store
from foundations.adapters.memory.stores import memory_store
from foundations.errors import DamagedBundleError
from foundations.testing import JobBundlerContract


class TestMemoryJobBundler(JobBundlerContract):
    @pytest.fixture
    def bundler(self):
        store = uuid.uuid4().hex
        yield MemoryJobBundler(store)
        forget_store(store)

    @pytest.mark.parametrize("name", ["manifest.json", "job.bin", "run.sh", "sub/source.tgz"])
    def test_a_changed_member_is_found(self, bundler, contents, name):
        bundle = bundler.make(contents)
        memory_store(bundler.store).bundles["job"][name] += b"x"
        with pytest.raises(DamagedBundleError) as raised:
            bundler.verify(bundle)
        assert name == raised.value.member

    def test_a_member_too_many_is_found(self, bundler, contents):
        bundle = bundler.make(contents)
        memory_store(bundler.store).bundles["job"]["extra"] = b""
        with pytest.raises(DamagedBundleError, match="extra"):
            bundler.verify(bundle)

    def test_a_file_that_vanishes_while_it_is_packed_is_left_out_and_reported(self, bundler, contents, monkeypatch):
        from foundations.adapters.memory import bundler as module

        listed, logged = module.files_to_bundle(contents), []
        (contents.project / "main.py").unlink()
        monkeypatch.setattr(module, "files_to_bundle", lambda contents: listed)
        monkeypatch.setattr(events, "_emit", lambda level, event, keys: logged.append((event, keys["path"])))
        bundle = bundler.make(contents)
        bundler.verify(bundle)
        assert [("not_bundled", str(contents.project / "main.py"))] == logged
        files = [path for path, *_ in json.loads(bundler.read(bundle, "manifest.json"))["files"]]
        assert "main.py" not in files
        assert "data/points.csv" in files

    def test_a_file_that_cannot_be_read_is_refused(self, bundler, contents, monkeypatch):
        from foundations.adapters.memory import bundler as module

        listed = module.files_to_bundle(contents)
        (contents.project / "main.py").unlink()
        (contents.project / "main.py").mkdir()
        monkeypatch.setattr(module, "files_to_bundle", lambda contents: listed)
        with pytest.raises(module.BundleError) as raised:
            bundler.make(contents)
        assert str(contents.project / "main.py") == raised.value.path

    def test_other_processes_cannot_see_its_bundles(self):
        assert (True, "default") == (MemoryJobBundler.in_this_process_only, MemoryJobBundler().store)
