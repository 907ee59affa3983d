"""What every bundler promises."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from foundations.errors import BundleError, BundleExistsError, DamagedBundleError
from foundations.ports.bundling import (
    BUNDLE_CONFIG,
    BUNDLE_JOB,
    BUNDLE_RUN_SCRIPT,
    BUNDLE_RUNNER,
    BundleContents,
    BundleFile,
    JobBundler,
    extra_source_member,
)
from foundations.testing.contracts.callers import in_threads

_MEMBERS = {
    BUNDLE_JOB: b"the job" * 1000,
    BUNDLE_CONFIG: b"{}",
    BUNDLE_RUN_SCRIPT: b"#!/bin/sh\nexit 0\n",
    BUNDLE_RUNNER: b"",
}
_FILES = {"main.py": b"print()\n", "data/points.csv": b"1,2\n" * 500, "empty": b"", "naïve name": b"x"}


def _project(directory: Path) -> Path:
    for path in reversed(_FILES):
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(_FILES[path])
    (directory / "link").symlink_to("main.py")
    return directory


def _contents(project: Path) -> BundleContents:
    return BundleContents(
        job_name="job",
        members=_MEMBERS,
        project=project,
        project_member="sub/source.tgz",
        runtime_packages=("attr",),
        directory=project.parent,
    )


_awaited: dict[str, Callable[[], object]] = {}


@contextmanager
def _when_opened(name: str, change: Callable[[], object]) -> Iterator[None]:
    """Call `change` just before the file, or the directory, of this name is opened for the first time.

    Fails where it was not opened. Python's audit events tell of it, so the bundler has to open it in this process.
    """
    _install_audit_hook()
    _awaited[name] = change
    try:
        yield
        assert name not in _awaited, f"{name} was not opened"
    finally:
        _awaited.pop(name, None)


@functools.cache
def _install_audit_hook() -> None:
    def look(event: str, arguments: tuple[object, ...]) -> None:
        if _awaited and event in ("open", "os.scandir", "os.listdir") and isinstance(arguments[0], (str, bytes)):
            change = _awaited.pop(os.path.basename(os.fsdecode(arguments[0])), None)
            if change is not None:
                change()

    sys.addaudithook(look)  # for the rest of the process: it cannot be removed


class JobBundlerContract:
    """Proves a :class:`~foundations.ports.bundling.JobBundler`; subclasses give the fixture ``bundler``.

    The bundler knows of no bundle yet.
    """

    @pytest.fixture
    def bundler(self) -> JobBundler:
        raise NotImplementedError("give a fixture named bundler that returns your adapter")

    @pytest.fixture
    def contents(self, tmp_path: Path) -> BundleContents:
        return _contents(_project(tmp_path / "projects" / "mine"))

    def test_it_is_a_job_bundler(self, bundler: JobBundler) -> None:
        assert isinstance(bundler, JobBundler)

    def test_a_bundle_says_what_it_is(self, bundler: JobBundler, contents: BundleContents) -> None:
        bundle = bundler.make(contents)
        assert "job" == bundle.job_name
        assert bundle.size > 0
        assert [64, 64] == [len(bytes.fromhex(digest)) * 2 for digest in (bundle.sha256, bundle.digest)]
        if bundle.path is not None:
            data = bundle.path.read_bytes()
            index = data[-bundle.index_size :]
            assert (hashlib.sha256(index).hexdigest(), len(data)) == (bundle.sha256, bundle.size)

    def test_the_same_contents_give_the_same_digest_and_the_same_bytes(
        self, bundler: JobBundler, contents: BundleContents, tmp_path: Path
    ) -> None:
        made = []
        other = _project(tmp_path / "other" / "place")
        os.utime(other / "main.py", (1, 1))
        (other / "data").chmod(0o700)
        for same in (contents, contents, _contents(other)):
            bundle = bundler.make(same)
            made.append((bundle.digest, bundle.sha256, bundle.size))
            bundler.discard(bundle)
        assert [made[0]] * 3 == made

    @pytest.mark.parametrize(
        "change",
        [
            lambda project: (project / "empty").write_bytes(b"x"),
            lambda project: (project / "new").write_bytes(b""),
            lambda project: (project / "new").mkdir(),
            lambda project: (project / "naïve name").rename(project / "another name"),
            lambda project: (project / "main.py").chmod(0o755),
            lambda project: (project / "data" / "points.csv").unlink(),
        ],
        ids=["content", "file", "directory", "name", "mode", "removal"],
    )
    def test_other_project_files_give_another_digest(
        self, bundler: JobBundler, contents: BundleContents, change: Callable[[Path], object]
    ) -> None:
        before = bundler.make(contents)
        bundler.discard(before)
        change(contents.project)
        after = bundler.make(contents)
        assert before.digest != after.digest
        assert before.sha256 != after.sha256

    def test_other_members_give_another_digest(self, bundler: JobBundler, contents: BundleContents) -> None:
        before = bundler.make(contents)
        bundler.discard(before)
        after = bundler.make(contents._replace(members={**_MEMBERS, BUNDLE_JOB: b"another job"}))
        assert before.digest != after.digest

    def test_extra_source_paths_come_along(self, bundler: JobBundler, contents: BundleContents, tmp_path: Path) -> None:
        (tmp_path / "extra").mkdir()
        (tmp_path / "extra" / "module.py").write_text("one")
        contents = contents._replace(extra_source_paths=(tmp_path / "extra",))
        before = bundler.make(contents)
        bundler.verify(before)
        bundler.discard(before)
        (tmp_path / "extra" / "module.py").write_text("two")
        assert before.digest != bundler.make(contents).digest

    def test_what_the_ignore_file_names_stays_out(self, bundler: JobBundler, contents: BundleContents) -> None:
        (contents.project / ".foundationsignore").write_text("*.log\n/scratch/\n")
        before = bundler.make(contents)
        bundler.discard(before)
        (contents.project / "a.log").write_text("ignored")
        (contents.project / "scratch").mkdir()
        (contents.project / "scratch" / "file").write_text("ignored")
        assert before.digest == bundler.make(contents).digest

    def test_the_files_of_a_bundle_are_listed_with_their_sizes_and_the_reasons_of_those_left_out(
        self, bundler: JobBundler, contents: BundleContents, tmp_path: Path
    ) -> None:
        project = contents.project
        (project / ".foundationsignore").write_text("# not needed\n*.log\n/scratch/\n")
        (project / "data" / "a.log").write_text("four")
        for path in ("scratch/deep", "store", "__pycache__"):
            (project / path).mkdir(parents=True)
            (project / path / "file").write_text("left out")
        (tmp_path / "extra").mkdir()
        (tmp_path / "extra" / "module.py").write_text("three")
        listed = bundler.list_files(project, [tmp_path / "extra"], [project / "store"])
        assert sorted(listed) == listed
        assert {
            **{path: len(content) for path, content in _FILES.items()},
            ".foundationsignore": 29,
            "link": 0,
            extra_source_member(0) + "/module.py": 5,
        } == {file.path: file.size for file in listed if file.reason is None}
        assert {"data/a.log": 4, "scratch/": None, "store/": None, "__pycache__/": None} == {
            file.path: file.size for file in listed if file.reason
        }
        assert ["line 2 of .foundationsignore (*.log)", "line 3 of .foundationsignore (/scratch/)"] == [
            file.reason for file in listed if file.reason and ".foundationsignore" in file.reason
        ]
        assert [project, tmp_path / "extra"] == [*contents.directory.iterdir(), tmp_path / "extra"]

    def test_a_project_that_cannot_be_listed_is_told_with_its_path(
        self, bundler: JobBundler, contents: BundleContents
    ) -> None:
        (contents.project / "astray").symlink_to("/etc")
        for project, path in ((contents.project, "astray"), (contents.project / "absent", "")):
            with pytest.raises(BundleError) as raised:
                bundler.list_files(project)
            assert str(project / path) == raised.value.path

    def test_what_cannot_be_packed_is_told_with_its_path_and_leaves_nothing_behind(
        self, bundler: JobBundler, contents: BundleContents
    ) -> None:
        (contents.project / "astray").symlink_to("/etc")
        with pytest.raises(BundleError) as raised:
            bundler.make(contents)
        assert str(contents.project / "astray") == raised.value.path
        assert [contents.project] == list(contents.directory.iterdir())
        (contents.project / "astray").unlink()
        bundler.verify(bundler.make(contents))

    def test_a_project_that_is_not_there_is_told(self, bundler: JobBundler, contents: BundleContents) -> None:
        absent = contents.project / "absent"
        with pytest.raises(BundleError) as raised:
            bundler.make(contents._replace(project=absent))
        assert str(absent) == raised.value.path

    @pytest.mark.parametrize(
        ("name", "change"),
        [
            ("points.csv", Path.unlink),
            ("data", shutil.rmtree),
            ("points.csv", lambda path: path.write_bytes(_FILES["data/points.csv"] * 1000)),
            ("points.csv", lambda path: path.write_bytes(b"1,2\n")),
        ],
        ids=["a file vanishes", "a directory vanishes", "a file grows", "a file shrinks"],
    )
    def test_what_changes_before_it_is_read_is_packed_as_it_is_then(
        self, bundler: JobBundler, contents: BundleContents, name: str, change: Callable[[Path], object]
    ) -> None:
        path = next(contents.project.rglob(name))
        with _when_opened(name, lambda: change(path)):
            bundle = bundler.make(contents)
        bundler.verify(bundle)
        bundler.discard(bundle)
        assert bundler.make(contents).digest == bundle.digest

    def test_a_file_that_appears_while_the_project_is_packed_is_in_the_bundle_whole_or_not_at_all(
        self, bundler: JobBundler, contents: BundleContents
    ) -> None:
        without = bundler.make(contents)
        bundler.discard(without)
        (contents.project / "main.py").write_bytes(_FILES["main.py"])  # what was packed before is read once more
        with _when_opened("main.py", lambda: (contents.project / "new").write_bytes(b"new" * 1000)):
            bundle = bundler.make(contents)
        bundler.verify(bundle)
        bundler.discard(bundle)
        assert bundle.digest in {without.digest, bundler.make(contents).digest}

    def test_what_is_already_there_is_never_overwritten(self, bundler: JobBundler, contents: BundleContents) -> None:
        first = bundler.make(contents)
        with pytest.raises(BundleExistsError):
            bundler.make(contents._replace(members={**_MEMBERS, BUNDLE_JOB: b"another job"}))
        bundler.verify(first)

    def test_of_several_that_make_one_bundle_at_once_exactly_one_succeeds(
        self, bundler: JobBundler, contents: BundleContents
    ) -> None:
        def make(_: int) -> BundleFile | None:
            try:
                return bundler.make(contents)
            except BundleExistsError:
                return None

        (made,) = (bundle for bundle in in_threads(make, [(number,) for number in range(4)]) if bundle is not None)
        bundler.verify(made)
        bundler.discard(made)
        assert [contents.project] == list(contents.directory.iterdir())

    def test_a_directory_that_cannot_be_written_is_done_without(
        self, bundler: JobBundler, contents: BundleContents
    ) -> None:
        bundle = bundler.make(contents._replace(directory=contents.directory / "absent"))
        bundler.verify(bundle)
        bundler.discard(bundle)
        assert bundle.path is None or not bundle.path.parent.exists()

    def test_every_member_can_be_read(self, bundler: JobBundler, contents: BundleContents) -> None:
        bundle = bundler.make(contents)
        bundler.verify(bundle)
        assert _MEMBERS == {name: bundler.read(bundle, name) for name in _MEMBERS}
        assert bundler.read(bundle, contents.project_member) != b""

    def test_a_member_that_is_not_there_means_damage(self, bundler: JobBundler, contents: BundleContents) -> None:
        bundle = bundler.make(contents)
        with pytest.raises(DamagedBundleError) as raised:
            bundler.read(bundle, "absent")
        assert "absent" == raised.value.member

    def test_a_bundle_that_is_not_the_one_that_was_packed_is_refused(
        self, bundler: JobBundler, contents: BundleContents
    ) -> None:
        bundle = bundler.make(contents)
        with pytest.raises(DamagedBundleError):
            bundler.verify(bundle._replace(sha256="0" * 64, digest="0" * 64))

    @pytest.mark.parametrize("at", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
    def test_a_flipped_bit_anywhere_in_a_file_is_found(
        self, bundler: JobBundler, contents: BundleContents, at: float
    ) -> None:
        bundle = bundler.make(contents)
        if bundle.path is None:
            return  # not a file
        data = bytearray(bundle.path.read_bytes())
        data[round(at * (len(data) - 1))] ^= 1
        bundle.path.write_bytes(data)
        with pytest.raises(DamagedBundleError):
            bundler.verify(bundle)

    @pytest.mark.parametrize(
        "damage", [lambda data: data[:-1], lambda data: data + b"\0", lambda data: b""], ids=["cut", "longer", "empty"]
    )
    def test_a_file_of_another_length_is_found(
        self, bundler: JobBundler, contents: BundleContents, damage: Callable[[bytes], bytes]
    ) -> None:
        bundle = bundler.make(contents)
        if bundle.path is None:
            return  # not a file
        bundle.path.write_bytes(damage(bundle.path.read_bytes()))
        with pytest.raises(DamagedBundleError):
            bundler.verify(bundle)

    def test_a_discarded_bundle_is_gone_and_can_be_discarded_again(
        self, bundler: JobBundler, contents: BundleContents
    ) -> None:
        bundle = bundler.make(contents)
        for _ in range(2):
            bundler.discard(bundle)
        assert [contents.project] == list(contents.directory.iterdir())
        with pytest.raises(DamagedBundleError):
            bundler.verify(bundle)
        with pytest.raises(DamagedBundleError):
            bundler.read(bundle, BUNDLE_JOB)
        assert bundle == bundler.make(contents)
