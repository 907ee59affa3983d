import pytest

from foundations.app.keeping import Keeper
from foundations.errors import StorageUnavailableError, UntrustedLocationError
from foundations.ports.archive import PipelineArchive


@pytest.fixture
def kept():
    return {}


@pytest.fixture
def keeper(kept):
    return Keeper("job", lambda item, data: kept.update({item: b"".join(data)}))


@pytest.fixture
def archive(mocker):
    return mocker.create_autospec(PipelineArchive, instance=True)


def test_what_the_archive_takes_is_kept_there_alone(keeper, archive, kept, tmp_path):
    keeper.write(archive, "item", [b"data"])
    keeper.write_file(archive, "file", tmp_path, "digest")
    archive.write.assert_called_once_with("job", "item", [b"data"])
    archive.write_file.assert_called_once_with("job", "file", tmp_path, digest="digest")
    assert ([], {}) == (keeper.not_archived, kept)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (StorageUnavailableError("full"), "full"),
        (UntrustedLocationError("theirs"), "theirs"),
        (ConnectionError("reset by peer"), "ConnectionError: reset by peer"),
    ],
)
def test_what_the_archive_refuses_is_kept_here_and_told(keeper, archive, kept, tmp_path, error, said):
    archive.write.side_effect = archive.write_file.side_effect = error
    keeper.write(archive, "item", [b"da", b"ta"])
    keeper.write_file(archive, "file", tmp_path, None)
    assert {"item": b"data"} == kept
    assert [f"item: {said}", f"file: {said}"] == keeper.not_archived


def test_what_can_be_kept_nowhere_is_told_twice(archive):
    def full(item, data):
        raise OSError(28, "No space left on device")

    archive.write.side_effect = StorageUnavailableError("unreachable")
    keeper = Keeper("job", full)
    assert keeper.write(archive, "item", [b"data"]) is False
    assert [
        "item: unreachable",
        "item: could not be kept in the job's directory either: [Errno 28] No space left on device",
    ] == keeper.not_archived
