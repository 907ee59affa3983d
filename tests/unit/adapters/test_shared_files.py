import errno
import os
import stat

import pytest

from foundations.adapters._shared.fs import files
from foundations.adapters._shared.fs.files import (
    copy_all,
    copy_atomically,
    link_atomically,
    locked_directory,
    read_all,
    translating_os_errors,
    write_all,
    write_atomically,
)
from foundations.errors import StorageUnavailableError


def failing(error):
    def fail(*arguments, **keywords):
        raise OSError(error, os.strerror(error))

    return fail


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_what_is_written_is_the_files_content_with_mode_0600(tmp_path):
    path = tmp_path / "file"
    assert write_atomically(path, iter([b"one", bytearray(b"two"), memoryview(b"three"), b""])) is True
    assert b"onetwothree" == path.read_bytes()
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert ["file"] == names(tmp_path)


@pytest.mark.parametrize("durable", [True, False])
def test_writing_replaces_unless_it_is_exclusive(tmp_path, durable):
    path = tmp_path / "file"
    assert write_atomically(path, [b"first"], exclusive=True, durable=durable) is True
    assert write_atomically(path, [b"second"], exclusive=True, durable=durable) is False
    assert b"first" == path.read_bytes()
    assert write_atomically(path, [b"third"], durable=durable) is True
    assert b"third" == path.read_bytes()
    assert ["file"] == names(tmp_path)


@pytest.mark.parametrize("durable", [True, False])
def test_the_file_and_its_directory_are_flushed_where_it_shall_last(tmp_path, monkeypatch, durable):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(stat.S_ISDIR(os.fstat(descriptor).st_mode)))
    write_atomically(tmp_path / "file", [b"content"], durable=durable)
    assert ([False, True] if durable else []) == flushed


def test_a_system_that_takes_few_bytes_at_a_time_gets_them_all(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "writev", lambda descriptor, views: os.write(descriptor, b"".join(views)[:3]))
    write_atomically(tmp_path / "file", [b"", b"ab", b"cdefgh", b"", b"i", b""])
    assert b"abcdefghi" == (tmp_path / "file").read_bytes()


def test_more_buffers_than_one_call_takes_are_all_written(tmp_path):
    write_atomically(tmp_path / "file", [b"x"] * 5000)
    assert 5000 == (tmp_path / "file").stat().st_size


@pytest.mark.parametrize("function", ["writev", "fsync", "close"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, function):
    path = tmp_path / "file"
    write_atomically(path, [b"old"])
    with monkeypatch.context() as patched:
        patched.setattr(os, function, failing(errno.ENOSPC))
        with pytest.raises(OSError, match="No space left"):
            write_atomically(path, [b"new"])
    assert b"old" == path.read_bytes()
    assert ["file"] == names(tmp_path)


def test_the_first_error_is_raised_where_cleaning_up_fails_too(tmp_path, monkeypatch):
    def buffers():
        yield b"content"
        for path in tmp_path.iterdir():
            path.unlink()
            path.mkdir()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", buffers())


def test_buffers_that_fail_leave_nothing(tmp_path):
    def buffers():
        yield b"content"
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_atomically(tmp_path / "file", buffers())
    assert [] == names(tmp_path)


def test_a_directory_in_the_way_is_an_error_and_leaves_nothing(tmp_path):
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path / "file", [b"content"])
    assert ["file"] == names(tmp_path)


def test_a_file_system_without_links_cannot_write_exclusively(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    with pytest.raises(PermissionError):
        write_atomically(tmp_path / "file", [b"content"], exclusive=True)
    assert [] == names(tmp_path)


@pytest.mark.parametrize("error", [None, errno.EXDEV, errno.ENOSYS, "missing"])
def test_files_are_copied_whatever_the_kernel_offers(tmp_path, monkeypatch, error):
    content = bytes(range(256)) * 10_000
    (tmp_path / "source").write_bytes(content)
    if error == "missing":
        monkeypatch.delattr(os, "copy_file_range")
    elif error:
        monkeypatch.setattr(os, "copy_file_range", failing(error))
    assert copy_atomically(tmp_path / "source", tmp_path / "copy", mode=0o400) is True
    assert content == (tmp_path / "copy").read_bytes()
    assert 0o400 == stat.S_IMODE((tmp_path / "copy").stat().st_mode)
    assert copy_atomically(tmp_path / "source", tmp_path / "copy", exclusive=True) is False


def test_a_kernel_that_copies_a_part_is_helped_with_the_rest(tmp_path, monkeypatch):
    (tmp_path / "source").write_bytes(b"content")
    monkeypatch.setattr(os, "copy_file_range", lambda source, target, count: 0)
    copy_atomically(tmp_path / "source", tmp_path / "copy")
    assert b"content" == (tmp_path / "copy").read_bytes()


def test_an_error_while_copying_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "source").write_bytes(b"content")
    monkeypatch.setattr(os, "copy_file_range", failing(errno.ENOSPC))
    with pytest.raises(OSError, match="No space left"):
        copy_atomically(tmp_path / "source", tmp_path / "copy")
    assert ["source"] == names(tmp_path)


@pytest.mark.parametrize("before", ["nothing", "a file", "the same file"])
def test_a_link_replaces_what_was_there(tmp_path, before):
    source, path = tmp_path / "source", tmp_path / "link"
    source.write_bytes(b"content")
    if before == "a file":
        path.write_bytes(b"old")
    elif before == "the same file":
        path.hardlink_to(source)
    link_atomically(source, path)
    assert source.samefile(path)
    assert ["link", "source"] == names(tmp_path)


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("size", [0, 3, 7, 1000])
def test_a_file_is_read_whole_whatever_size_was_expected(tmp_path, monkeypatch, size, mapped):
    monkeypatch.setattr("foundations.adapters._shared.fs.files._MIN_MAPPED", 1 if mapped else 2**30)
    (tmp_path / "file").write_bytes(b"content")
    with (tmp_path / "file").open("rb") as file:
        assert b"content" == read_all(file.fileno(), size)


def test_nothing_is_written_for_no_buffers(tmp_path):
    with (tmp_path / "file").open("wb") as file:
        write_all(file.fileno(), [])
    assert b"" == (tmp_path / "file").read_bytes()


def test_copying_stops_on_other_errors(monkeypatch):
    monkeypatch.setattr(os, "copy_file_range", failing(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        copy_all(0, 1)


def test_a_locked_directory_is_let_go_of(tmp_path):
    for _ in range(2):
        with locked_directory(tmp_path):
            assert tmp_path.is_dir()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device. Free some space"),
        (OSError("odd"), "odd. Check the path"),
        (OSError(), "OSError. Check the path"),
    ],
)
def test_what_the_system_refuses_is_reported_with_path_cause_and_remedy(tmp_path, error, message):
    with pytest.raises(StorageUnavailableError) as raised, translating_os_errors(tmp_path, "write"):
        raise error
    assert str(tmp_path) == raised.value.path
    assert error is raised.value.__cause__
    assert str(raised.value).startswith(f"cannot write {tmp_path}: {message}")


def test_other_errors_are_left_alone(tmp_path):
    with pytest.raises(ValueError, match="mine"), translating_os_errors(tmp_path, "write"):
        raise ValueError("mine")


def test_temporary_names_differ(tmp_path):
    first, second = tmp_path / files.temporary_name(), tmp_path / files.temporary_name()
    assert first != second
    assert (tmp_path, True) == (first.parent, first.name.startswith(".tmp-"))
