import pytest

from foundations.app.job.archiver import Archiver
from foundations.errors import StorageUnavailableError, UntrustedLocationError
from foundations.ports.archive import PipelineArchive


@pytest.fixture
def kept():
    return {}


@pytest.fixture
def noted():
    return []


@pytest.fixture
def archiver(kept, noted):
    return Archiver("job", lambda item, data: kept.update({item: b"".join(data)}), noted.append)


@pytest.fixture
def archive(mocker):
    return mocker.create_autospec(PipelineArchive, instance=True)


def test_what_the_archive_takes_is_kept_there_alone(archiver, archive, kept, tmp_path):
    archiver.write(archive, "item", [b"data"])
    archiver.write_file(archive, "file", tmp_path, "digest")
    archive.write.assert_called_once_with("job", "item", [b"data"])
    archive.write_file.assert_called_once_with("job", "file", tmp_path, digest="digest")
    assert ([], {}) == (archiver.not_archived, kept)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (StorageUnavailableError("full"), "full"),
        (UntrustedLocationError("theirs"), "theirs"),
        (ConnectionError("reset by peer"), "ConnectionError: reset by peer"),
    ],
)
def test_what_the_archive_refuses_is_kept_here_and_told(archiver, archive, kept, noted, tmp_path, error, said):
    archive.write.side_effect = archive.write_file.side_effect = error
    (tmp_path / "source").write_bytes(b"content")
    (tmp_path / "nothing").touch()
    assert archiver.write(archive, "item", [b"da", b"ta"])
    assert archiver.write_file(archive, "file", tmp_path / "source", None)
    assert archiver.write_file(archive, "empty", tmp_path / "nothing", None)
    assert {"item": b"data", "file": b"content", "empty": b""} == kept
    assert [f"item: {said}", f"file: {said}", f"empty: {said}"] == archiver.not_archived == noted


def test_what_can_be_kept_nowhere_is_told_twice(archive, tmp_path):
    def full(item, data):
        raise OSError(28, "No space left on device")

    archive.write.side_effect = StorageUnavailableError("unreachable")
    archiver = Archiver("job", full)
    archive.write_file.side_effect = StorageUnavailableError("unreachable")
    told = []
    for item, source in (("item", None), ("file", tmp_path / "source"), ("gone", tmp_path / "gone")):
        (tmp_path / "source").write_bytes(b"content")
        kept = archiver.write_file(archive, item, source, None) if source else archiver.write(archive, item, [b"data"])
        told.append(kept)
    full_disk, gone = "[Errno 28] No space left on device", f"[Errno 2] No such file or directory: '{tmp_path}/gone'"
    either = "could not be stored in the job directory either"
    assert [
        *("item: unreachable", f"item: {either}: {full_disk}"),
        *("file: unreachable", f"file: {either}: {full_disk}"),
        *("gone: unreachable", f"gone: {either}: {gone}"),
    ] == archiver.not_archived
    assert [False] * 3 == told
