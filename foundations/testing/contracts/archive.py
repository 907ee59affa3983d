"""The contract of every archive."""

from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path

import pytest

from foundations.errors import ItemNotFoundError, JobNameError
from foundations.ports.archive import ArchiveItem, PipelineArchive
from foundations.ports.frames import Buffer
from foundations.testing.contracts.callers import in_threads_and_processes

_LARGE = 48 << 20
_DIGEST = hashlib.sha256(b"shared").hexdigest()
_NAMES = [
    *("a", "a b", "artifacts/plots/loss.png", ".hidden/.file", ".tmp-mine", "...", "100%", "100%25", "%/%2E", "-rf"),
    *("naïve/数.txt", "new\nline", "back\\slash", "x" * 1000, "é" * 400, "%" * 1000),
    "/".join("d" * 9 for _ in range(100)),
]
_NOT_NAMES = ["", "/", "/a", "a/", "a//b", ".", "..", "./a", "a/..", "a/../../b", "a\0b", "x" * 1001]


class PipelineArchiveContract:
    """Proves a :class:`~foundations.ports.archive.PipelineArchive`; subclasses give the fixture ``archive``."""

    @pytest.fixture
    def archive(self) -> PipelineArchive:
        raise NotImplementedError("give a fixture named archive that returns your adapter on an empty store")

    def test_it_is_a_pipeline_archive(self, archive: PipelineArchive) -> None:
        assert isinstance(archive, PipelineArchive)

    def test_checking_an_empty_store_raises_nothing_and_stores_nothing(self, archive: PipelineArchive) -> None:
        archive.check()
        assert [] == list(archive.jobs())

    @pytest.mark.parametrize(
        ("data", "content"),
        [
            ([], b""),
            ([b""], b""),
            ([b"one", bytearray(b"two"), memoryview(b"three")], b"onetwothree"),
            ([bytes(range(256)) * 1000] * 3, bytes(range(256)) * 3000),
        ],
        ids=["nothing", "an empty buffer", "every type", "larger ones"],
    )
    def test_an_item_is_read_as_the_concatenation_of_what_was_written(
        self, archive: PipelineArchive, data: list[Buffer], content: bytes
    ) -> None:
        archive.write("job", "item", data)
        assert content == bytes(archive.read("job", "item"))

    def test_writing_again_replaces_the_item(self, archive: PipelineArchive) -> None:
        archive.write("job", "item", [b"the old content"])
        archive.write("job", "item", [b"new"])
        assert b"new" == bytes(archive.read("job", "item"))
        assert [ArchiveItem(name="item", size=3)] == archive.items("job")

    @pytest.mark.parametrize("name", _NAMES)
    def test_every_allowed_item_name_works(self, archive: PipelineArchive, name: str) -> None:
        archive.write("job", name, [b"content"])
        archive.append("job", name, b" and more")
        assert b"content and more" == bytes(archive.read("job", name))
        assert [ArchiveItem(name=name, size=16)] == archive.items("job")

    @pytest.mark.parametrize("name", _NOT_NAMES)
    def test_every_other_item_name_is_a_value_error_everywhere(
        self, archive: PipelineArchive, name: str, tmp_path: Path
    ) -> None:
        with pytest.raises(ValueError, match="item name"):
            archive.write("job", name, [b"content"])
        with pytest.raises(ValueError, match="item name"):
            archive.write_file("job", name, _file(tmp_path, b"content"))
        with pytest.raises(ValueError, match="item name"):
            archive.append("job", name, b"content")
        with pytest.raises(ValueError, match="item name"):
            archive.read("job", name)
        with pytest.raises(ValueError, match="item name"):
            archive.read_file("job", name, tmp_path / "target")
        assert [] == list(archive.jobs())

    @pytest.mark.parametrize("job_name", ["", "..", "a/b", ".hidden", "x" * 129])
    def test_what_cannot_name_a_job_is_refused(self, archive: PipelineArchive, job_name: str, tmp_path: Path) -> None:
        with pytest.raises(JobNameError):
            archive.write(job_name, "item", [b"content"])
        with pytest.raises(JobNameError):
            archive.write_file(job_name, "item", _file(tmp_path, b"content"))
        with pytest.raises(JobNameError):
            archive.append(job_name, "item", b"content")
        with pytest.raises(JobNameError):
            archive.read(job_name, "item")
        with pytest.raises(JobNameError):
            archive.items(job_name)
        with pytest.raises(JobNameError):
            archive.delete(job_name)

    @pytest.mark.parametrize("item", ["absent", "directory", "directory/absent", "directory/item/below"])
    def test_an_item_that_is_not_there_is_not_found(self, archive: PipelineArchive, item: str, tmp_path: Path) -> None:
        archive.write("job", "directory/item", [b"content"])
        for job_name in ("job", "other-job"):
            with pytest.raises(ItemNotFoundError) as raised:
                archive.read(job_name, item)
            assert (job_name, item) == (raised.value.job_name, raised.value.item)
            with pytest.raises(ItemNotFoundError):
                archive.read_file(job_name, item, tmp_path / "target")
        assert not (tmp_path / "target").exists()

    def test_an_item_is_not_found_in_an_empty_store(self, archive: PipelineArchive) -> None:
        with pytest.raises(ItemNotFoundError):
            archive.read("job", "item")

    def test_a_file_comes_back_as_it_was(self, archive: PipelineArchive, tmp_path: Path) -> None:
        content = bytes(range(256)) * 20_000
        archive.write_file("job", "item", _file(tmp_path, content))
        archive.read_file("job", "item", tmp_path / "target")
        assert content == (tmp_path / "target").read_bytes()
        assert content == bytes(archive.read("job", "item"))

    def test_an_item_does_not_change_with_the_file_it_was_written_from(
        self, archive: PipelineArchive, tmp_path: Path
    ) -> None:
        source = _file(tmp_path, b"as it was")
        archive.write_file("job", "item", source, digest=_DIGEST)
        source.write_bytes(b"something")
        assert b"as it was" == bytes(archive.read("job", "item"))

    def test_a_file_is_never_read_over_another(self, archive: PipelineArchive, tmp_path: Path) -> None:
        archive.write("job", "item", [b"content"])
        target = _file(tmp_path, b"mine")
        with pytest.raises(FileExistsError):
            archive.read_file("job", "item", target)
        assert b"mine" == target.read_bytes()

    def test_files_of_any_size_go_in_and_out_in_bounded_memory(self, archive: PipelineArchive, tmp_path: Path) -> None:
        source = tmp_path / "source"
        with source.open("wb") as file:
            file.truncate(_LARGE)
        tracemalloc.start()
        archive.write_file("job", "plain", source)
        archive.write_file("job", "shared", source, digest=_DIGEST)
        archive.read_file("job", "shared", tmp_path / "target")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        bound = 4 * _LARGE if archive.in_this_process_only else _LARGE // 4
        assert peak < bound
        assert [_LARGE, _LARGE] == [item.size for item in archive.items("job")]
        assert _LARGE == (tmp_path / "target").stat().st_size

    def test_content_of_a_stored_digest_is_not_stored_again(self, archive: PipelineArchive, tmp_path: Path) -> None:
        archive.write_file("one", "source", _file(tmp_path, b"shared"), digest=_DIGEST)
        archive.write_file("two", "source", _file(tmp_path, b"not stored"), digest=_DIGEST)
        assert b"shared" == bytes(archive.read("two", "source"))

    def test_shared_content_goes_with_the_last_job_that_refers_to_it(
        self, archive: PipelineArchive, tmp_path: Path
    ) -> None:
        for job_name in ("one", "two"):
            archive.write_file(job_name, "source", _file(tmp_path, b"shared"), digest=_DIGEST)
        archive.delete("one")
        assert b"shared" == bytes(archive.read("two", "source"))
        archive.delete("two")
        archive.write_file("three", "source", _file(tmp_path, b"stored anew"), digest=_DIGEST)
        assert b"stored anew" == bytes(archive.read("three", "source"))

    def test_changing_one_item_of_shared_content_leaves_the_others(
        self, archive: PipelineArchive, tmp_path: Path
    ) -> None:
        for item in ("appended", "replaced", "again", "kept"):
            archive.write_file("job", item, _file(tmp_path, b"shared"), digest=_DIGEST)
        archive.append("job", "appended", b" and more")
        archive.write("job", "replaced", [b"other"])
        archive.write_file("job", "again", _file(tmp_path, b"shared"), digest=_DIGEST)
        contents = [bytes(archive.read("job", item)) for item in ("appended", "replaced", "again", "kept")]
        assert [b"shared and more", b"other", b"shared", b"shared"] == contents

    @pytest.mark.parametrize("digest", ["", "../../../etc/passwd", "A" * 64, "0" * 63])
    def test_what_is_no_digest_is_a_value_error(self, archive: PipelineArchive, tmp_path: Path, digest: str) -> None:
        with pytest.raises(ValueError, match="SHA-256"):
            archive.write_file("job", "item", _file(tmp_path, b"content"), digest=digest)
        assert [] == archive.items("job")

    def test_appending_makes_an_item_and_adds_to_it(self, archive: PipelineArchive) -> None:
        archive.append("job", "log", b"one\n")
        archive.append("job", "log", memoryview(b"two\n"))
        archive.append("job", "log", b"")
        assert b"one\ntwo\n" == bytes(archive.read("job", "log"))

    def test_items_are_listed_by_name_and_prefix(self, archive: PipelineArchive) -> None:
        for name in ("logs/stderr", "artifacts/b", "artifacts/a/z", "artifact", "artifacts-old"):
            archive.write("job", name, [name.encode()])
        archive.write("job-2", "artifacts/other", [b""])
        names = sorted(["logs/stderr", "artifacts/b", "artifacts/a/z", "artifact", "artifacts-old"])
        assert [ArchiveItem(name=name, size=len(name)) for name in names] == archive.items("job")
        assert ["artifacts/a/z", "artifacts/b"] == [item.name for item in archive.items("job", "artifacts/")]
        assert names[:4] == [item.name for item in archive.items("job", "art")]
        assert [] == archive.items("job", "nothing")

    def test_an_unknown_job_has_no_items(self, archive: PipelineArchive) -> None:
        assert [] == archive.items("unknown")

    def test_jobs_are_those_that_have_items(self, archive: PipelineArchive) -> None:
        for job_name in ("one", "two", "x" * 128):
            archive.write(job_name, "deep/down/item", [b""])
        assert {"one", "two", "x" * 128} == set(archive.jobs())
        archive.delete("two")
        assert {"one", "x" * 128} == set(archive.jobs())

    def test_deleting_removes_all_items_of_that_job_alone(self, archive: PipelineArchive) -> None:
        for job_name in ("one", "two"):
            archive.write(job_name, "artifacts/item", [b"content"])
        archive.delete("one")
        assert [] == archive.items("one")
        with pytest.raises(ItemNotFoundError):
            archive.read("one", "artifacts/item")
        assert b"content" == bytes(archive.read("two", "artifacts/item"))

    def test_deleting_what_is_not_there_does_nothing(self, archive: PipelineArchive) -> None:
        archive.delete("unknown")
        archive.write("job", "item", [b"content"])
        archive.delete("unknown")
        assert ["job"] == list(archive.jobs())

    def test_a_reader_sees_a_whole_item_or_none_whatever_writers_do(self, archive: PipelineArchive) -> None:
        torn = in_threads_and_processes(_write_and_read, archive, [(number,) for number in range(4)])
        assert [0, 0, 0, 0] == torn

    def test_nothing_appended_is_lost_or_mixed(self, archive: PipelineArchive, tmp_path: Path) -> None:
        archive.write_file("job", "log", _file(tmp_path, b""), digest=hashlib.sha256().hexdigest())
        in_threads_and_processes(_append, archive, [(number,) for number in range(4)])
        lines = bytes(archive.read("job", "log")).decode().splitlines()
        assert sorted(f"{caller}-{number}" for caller in range(4) for number in range(20)) == sorted(lines)


def _file(directory: Path, content: bytes) -> Path:
    path = directory / "source"
    path.write_bytes(content)
    return path


def _write_and_read(archive: PipelineArchive, caller: int) -> int:
    """Write and read one item repeatedly; return the number of contents that no writer has written."""
    torn = 0
    for number in range(20):
        archive.write("job", "contended", [bytes([caller]) * (10 + number * 5_000), b"end"])
        content = bytes(archive.read("job", "contended"))
        size = len(content) - 3
        torn += size % 5_000 != 10 or content != content[:1] * size + b"end"
    return torn


def _append(archive: PipelineArchive, caller: int) -> None:
    for number in range(20):
        archive.append("job", "log", f"{caller}-{number}\n".encode())
