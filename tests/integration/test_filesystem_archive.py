import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest

from foundations.adapters.filesystem import LocalFileSystemPipelineArchive
from foundations.errors import ItemNotFoundError, StorageUnavailableError, UntrustedLocationError

CONTENT = b"shared content"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def archive(tmp_path):
    return LocalFileSystemPipelineArchive(tmp_path / "store")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


def failing(error):
    def fail(*arguments, **keywords):
        raise OSError(error, os.strerror(error))

    return fail


def files(archive):
    return sorted(str(path.relative_to(archive.root)) for path in archive.root.rglob("*") if path.is_file())


def test_items_are_files_that_people_can_find(archive):
    archive.write("job", "artifacts/plot.png", [b"content"])
    assert b"content" == (archive.root / "jobs" / "job" / "artifacts" / "plot.png").read_bytes()


def test_content_of_one_digest_is_stored_once(archive, source):
    for number in range(3):
        archive.write_file(f"job-{number}", "source", source, digest=DIGEST)
    inodes = {path.stat().st_ino for path in archive.root.rglob("*") if path.is_file() and CONTENT == path.read_bytes()}
    assert 1 == len(inodes)


def test_nothing_is_left_of_the_last_job(archive, source):
    for job_name in ("one", "two"):
        archive.write_file(job_name, "source", source, digest=DIGEST)
        archive.write_file(job_name, "again", source, digest=DIGEST)
        archive.write(job_name, "a/b/c", [b"content"])
        archive.delete(job_name)
        archive.delete(job_name)
    assert [] == files(archive)


@pytest.mark.parametrize("error", [errno.EMLINK, errno.EPERM, errno.EXDEV])
def test_where_a_file_system_has_no_links_items_are_copies(archive, source, monkeypatch, error):
    monkeypatch.setattr(os, "link", failing(error))
    archive.write_file("job", "source", source, digest=DIGEST)
    assert CONTENT == archive.read("job", "source")
    assert ["jobs/job/source", "references/job"] == files(archive)
    archive.delete("job")
    assert [] == files(archive)


def test_where_a_file_has_no_more_links_items_are_copies(archive, source, monkeypatch):
    archive.write_file("one", "source", source, digest=DIGEST)
    monkeypatch.setattr(os, "link", failing(errno.EMLINK))
    archive.write_file("two", "source", source, digest=DIGEST)
    archive.delete("one")
    assert CONTENT == archive.read("two", "source")


def test_other_errors_of_linking_are_reported(archive, source, monkeypatch):
    monkeypatch.setattr(os, "link", failing(errno.EIO))
    with pytest.raises(StorageUnavailableError, match="Input/output"):
        archive.write_file("job", "source", source, digest=DIGEST)
    assert [] == archive.items("job")


def test_shared_content_that_a_deletion_removes_meanwhile_is_copied(archive, source, monkeypatch):
    archive.write_file("one", "source", source, digest=DIGEST)
    link = os.link

    def removed_first(*arguments, **keywords):
        monkeypatch.setattr(os, "link", link)
        archive.delete("one")
        return link(*arguments, **keywords)

    monkeypatch.setattr(os, "link", removed_first)
    archive.write_file("two", "source", source, digest=DIGEST)
    assert CONTENT == archive.read("two", "source")


def test_shared_content_cannot_be_changed_by_accident(archive, source):
    archive.write_file("job", "source", source, digest=DIGEST)
    assert 0o400 == stat.S_IMODE((archive.root / "jobs" / "job" / "source").stat().st_mode)


def test_a_source_that_is_not_there_is_unavailable(archive, tmp_path):
    for digest in (None, DIGEST):
        with pytest.raises(StorageUnavailableError, match="No such file"):
            archive.write_file("job", "item", tmp_path / "absent", digest=digest)
    assert [] == archive.items("job")


def test_an_item_below_another_is_refused_with_the_reason(archive):
    archive.write("job", "a", [b"content"])
    with pytest.raises(StorageUnavailableError, match="other than a directory"):
        archive.write("job", "a/b", [b"content"])
    archive.write("job", "c/d", [b"content"])
    with pytest.raises(StorageUnavailableError, match="an item's name cannot also be the beginning of another's"):
        archive.write("job", "c", [b"content"])
    assert ["a", "c/d"] == [item.name for item in archive.items("job")]


@pytest.mark.parametrize("operation", ["write", "write_file", "append", "read", "read_file", "items", "jobs", "delete"])
@pytest.mark.parametrize("place", ["the root", "the job"])
def test_a_store_that_others_can_write_is_refused(archive, source, tmp_path, operation, place):
    archive.write("job", "item", [b"content"])
    jobs_own = place == "the job" and operation not in ("jobs", "delete")
    (archive.root / "jobs/job" if jobs_own else archive.root).chmod(0o777)
    calls = {
        "write": lambda: archive.write("job", "item", [b"new"]),
        "write_file": lambda: archive.write_file("job", "item", source),
        "append": lambda: archive.append("job", "item", b"more"),
        "read": lambda: archive.read("job", "item"),
        "read_file": lambda: archive.read_file("job", "item", tmp_path / "target"),
        "items": lambda: archive.items("job"),
        "jobs": lambda: list(archive.jobs()),
        "delete": lambda: archive.delete("job"),
    }
    with pytest.raises(UntrustedLocationError):
        calls[operation]()
    assert b"content" == (archive.root / "jobs/job/item").read_bytes()


def test_checking_refuses_what_using_would(archive):
    archive.check()
    archive.root.mkdir(mode=0o700)
    archive.root.chmod(0o770)
    with pytest.raises(UntrustedLocationError):
        archive.check()


@pytest.mark.parametrize("function", ["writev", "fsync"])
def test_a_full_disk_is_unavailable_and_leaves_the_old_item(archive, monkeypatch, function):
    archive.write("job", "item", [b"old"])
    with monkeypatch.context() as patched:
        patched.setattr(os, function, failing(errno.ENOSPC))
        with pytest.raises(StorageUnavailableError, match="Free some space"):
            archive.write("job", "item", [b"new"])
    assert b"old" == archive.read("job", "item")
    assert ["jobs/job/item"] == files(archive)


def test_what_could_only_be_appended_in_part_is_not_appended(archive, monkeypatch):
    archive.append("job", "log", b"whole\n")
    write = os.write

    def full_after_a_part(descriptor, data):
        if len(data) < 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[:4])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full_after_a_part)
        with pytest.raises(StorageUnavailableError, match="No space left"):
            archive.append("job", "log", b"a part\n")
    assert b"whole\n" == archive.read("job", "log")


def test_what_the_system_takes_in_parts_is_appended_whole(archive, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    archive.append("job", "log", b"a longer line\n")
    assert b"a longer line\n" == archive.read("job", "log")


def test_a_full_disk_leaves_no_target(archive, tmp_path, monkeypatch):
    archive.write("job", "item", [b"content"])
    with monkeypatch.context() as patched:
        patched.setattr(os, "copy_file_range", failing(errno.ENOSPC))
        with pytest.raises(StorageUnavailableError, match="No space left"):
            archive.read_file("job", "item", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_an_item_that_cannot_be_opened_is_unavailable(archive, monkeypatch):
    archive.write("job", "item", [b"content"])
    opened = os.open

    def refused(path, *arguments):
        if Path(path).name == "item":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, *arguments)

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(StorageUnavailableError, match="Permission denied"):
        archive.read("job", "item")


@pytest.mark.parametrize("what", ["a link", "a pipe"])
def test_what_is_no_regular_file_is_no_item(archive, tmp_path, what):
    archive.write("job", "item", [b"content"])
    path = archive.root / "jobs" / "job" / "other"
    if what == "a link":
        path.symlink_to(archive.root / "jobs" / "job" / "item")
    else:
        os.mkfifo(path)
    assert ["item"] == [item.name for item in archive.items("job")]
    with pytest.raises(ItemNotFoundError):
        archive.read("job", "other")


def test_unfinished_files_are_no_items(archive):
    archive.write("job", "a/item", [b"content"])
    (archive.root / "jobs/job/a/.tmp-1-2").write_bytes(b"a part")
    (archive.root / "jobs/dead").mkdir(mode=0o700)
    (archive.root / "jobs/dead/.tmp-1-2").write_bytes(b"a part")
    assert ["a/item"] == [item.name for item in archive.items("job")]
    assert (["job"], []) == (list(archive.jobs()), archive.items("dead"))


def test_an_item_that_vanishes_while_items_are_listed_is_left_out(archive, monkeypatch):
    archive.write("job", "item", [b"content"])
    iterdir = Path.iterdir

    def vanishing(directory):
        found = list(iterdir(directory))
        for path in found:
            if path.is_file():
                path.unlink()
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", vanishing)
    assert [] == archive.items("job")


def test_a_deletion_that_was_cut_short_is_finished(archive):
    archive.write("job", "item", [b"content"])
    (archive.root / "jobs/job").rename(archive.root / "jobs/.deleted-job")
    assert ([], []) == (list(archive.jobs()), archive.items("job"))
    archive.write("job", "item", [b"new"])
    archive.delete("job")
    assert [] == files(archive)
