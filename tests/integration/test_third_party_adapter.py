"""Adapters written against ``foundations.ports`` alone, in a user's project, named in YAML by their dotted names."""

import json
import sys
from pathlib import Path

import pytest
from support import Project

from foundations.testing import PipelineArchiveContract

pytestmark = pytest.mark.measured

ADAPTERS = '''"""An archive of one directory a job."""

import contextlib
import fcntl
import os
import re
import shutil
import urllib.parse
from pathlib import Path

from foundations.errors import ItemNotFoundError, StorageUnavailableError
from foundations.ports.archive import ArchiveItem, PipelineArchive
from foundations.ports.job import check_job_name


class DirectoryArchive(PipelineArchive):
    """Items are files; content of a known digest is a further name of one file."""

    def __init__(self, root):
        self.root = Path(root)

    def write(self, job_name, item, data):
        self._put(job_name, item, lambda made: made.write_bytes(b"".join(data)))

    def write_file(self, job_name, item, source, *, digest=None):
        if digest is not None and not re.fullmatch("[0-9a-f]{64}", digest):
            raise ValueError(f"no SHA-256: {digest!r:.100}")
        self._path(job_name, item)
        if digest is None:
            self._put(job_name, item, lambda made: shutil.copyfile(source, made))
            return
        blob = self.root / ".blobs" / digest
        with self._locked():
            if not blob.exists():
                blob.parent.mkdir(exist_ok=True)
                self._replace(blob, lambda made: shutil.copyfile(source, made))
            self._put(job_name, item, lambda made: made.hardlink_to(blob))

    def append(self, job_name, item, data):
        path = self._path(job_name, item)
        with self._locked():
            before = path.read_bytes() if path.exists() else b""
            self._put(job_name, item, lambda made: made.write_bytes(before + bytes(data)))

    def read(self, job_name, item):
        try:
            return self._path(job_name, item).read_bytes()
        except FileNotFoundError:
            raise ItemNotFoundError(f"{job_name} has no {item}", job_name=job_name, item=item) from None

    def read_file(self, job_name, item, target):
        path = self._path(job_name, item)
        if not path.exists():
            raise ItemNotFoundError(f"{job_name} has no {item}", job_name=job_name, item=item)
        try:
            with Path(target).open("xb") as written, path.open("rb") as stream:
                shutil.copyfileobj(stream, written)
        except FileExistsError:
            raise
        except OSError as error:
            raise StorageUnavailableError(str(error)) from error

    def items(self, job_name, prefix=""):
        place = self.root / check_job_name(job_name)
        found = []
        for path in place.rglob("=*"):
            parts = path.relative_to(place).parts
            name = urllib.parse.unquote("".join(part[1:] for part in parts))
            if path.is_file() and name.startswith(prefix):
                found.append(ArchiveItem(name=name, size=path.stat().st_size))
        return sorted(found, key=lambda item: item.name)

    def jobs(self):
        names = os.listdir(self.root) if self.root.is_dir() else []
        return iter([name for name in names if name[0] != "."])

    def delete(self, job_name):
        place = self.root / check_job_name(job_name)
        if not self.root.is_dir():
            return
        with self._locked():
            shutil.rmtree(place, ignore_errors=True)
            for blob in (self.root / ".blobs").glob("*"):
                if blob.stat().st_nlink == 1:
                    blob.unlink()

    @contextlib.contextmanager
    def _locked(self):
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _put(self, job_name, item, fill):
        path = self._path(job_name, item)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._replace(path, fill)

    def _replace(self, path, fill):
        made = path.with_name(f".{os.urandom(8).hex()}")
        try:
            fill(made)
            made.replace(path)
            made.unlink(missing_ok=True)
        except OSError as error:
            raise StorageUnavailableError(str(error)) from error

    def _path(self, job_name, item):
        if not 0 < len(item) <= 1000 or "\\0" in item or any(part in ("", ".", "..") for part in item.split("/")):
            raise ValueError(f"not an item name: {item!r:.100}")
        quoted = urllib.parse.quote(item, safe="")
        parts = [quoted[start : start + 200] for start in range(0, len(quoted), 200)]
        place = self.root / check_job_name(job_name)
        return place.joinpath(*("+" + part for part in parts[:-1]), "=" + parts[-1])
'''


@pytest.fixture
def own_adapters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of an importable module with the adapters, for this process and its children."""
    place = tmp_path / "importable"
    place.mkdir()
    (place / "own_adapters.py").write_text(ADAPTERS)
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setenv("PYTHONPATH", str(place))
    monkeypatch.delitem(sys.modules, "own_adapters", raising=False)
    return place


class TestDirectoryArchive(PipelineArchiveContract):
    @pytest.fixture
    def archive(self, own_adapters, tmp_path):
        import own_adapters

        return own_adapters.DirectoryArchive(tmp_path / "archive")


ROLES = ("stage_log", "persisted_data", "provenance", "job_source", "artifact", "miscellaneous")


def test_an_archive_of_the_project_keeps_all_that_a_job_of_it_produces(project: Project) -> None:
    project.write(
        {
            "own_adapters.py": ADAPTERS,
            "local.config.yaml": "".join(
                f"{role}_archive_implementation:\n"
                "  archive_type: own_adapters.DirectoryArchive\n"
                "  constructor_keyword_arguments:\n"
                f"    root: {project.place}/own\n"
                for role in ROLES
            ),
            "train.py": "from foundations import *\n"
            "def answer():\n    print('thinking')\n    return 42\n"
            "print(pipeline.stage(answer).run(job_name='job').fetch_job_results().output)\n",
        }
    )
    assert "42\n" == project.run("train.py")
    assert ["Completed", "thinking\n", ["42"]] == [
        project.report("job")[key] for key in ("status", "stdout", "outputs")
    ]
    kept = sorted({path.name.partition("%2F")[0] for path in (project.place / "own" / "job").iterdir()})
    assert ["=job_source", "=miscellaneous", "=persisted_data", "=provenance", "=stage_log"] == kept
    end = json.loads((project.place / "own" / "job" / "=miscellaneous%2Fend.json").read_bytes())
    assert ["Completed", []] == [end["state"], end["not_archived"]]
    assert "" == (project.job_directory("job") / "state" / "supervisor").read_text()
