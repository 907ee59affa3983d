import io
import os
import tarfile

import pytest

from foundations.app.job.artifacts.directories import pack_directory, unpack_directory, unpack_file
from foundations.errors import FoundationsError


@pytest.fixture
def source(tmp_path):
    source = tmp_path / "source"
    (source / "a" / "b").mkdir(parents=True)
    (source / "nothing").mkdir()
    (source / "a" / "b" / "data").write_bytes(b"data")
    (source / "empty").touch()
    (source / "program").write_text("#!/bin/sh")
    (source / "program").chmod(0o755)
    return source


@pytest.fixture
def packed(source, tmp_path):
    pack_directory(source, tmp_path / "packed.tar")
    return tmp_path / "packed.tar"


def content(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() if path.is_file() else None
        for path in directory.rglob("*")
    }


def test_a_directory_comes_back_with_its_empty_files_and_directories(source, packed, tmp_path):
    unpack_directory(packed, tmp_path / "target")
    assert content(source) == content(tmp_path / "target")
    assert [False, True] == [bool((tmp_path / "target" / name).stat().st_mode & 0o100) for name in ("empty", "program")]


def test_a_link_is_packed_as_its_file_and_what_is_neither_is_left_out_with_a_warning(source, tmp_path, said):
    (source / "link").symlink_to("empty")
    (source / "dangling").symlink_to("absent")
    (source / "loop").symlink_to(source)
    os.mkfifo(source / "pipe")
    packed = []
    pack_directory(source, tmp_path / "packed.tar", packed.append)
    assert ["a/b/data", "empty", "link", "program"] == sorted(
        path.relative_to(source).as_posix() for path in packed if path.is_file()
    )
    assert ["link_not_saved", "file_not_saved", "file_not_saved"] == [event for _, event, _ in said]


def test_one_file_can_be_taken_out(packed, tmp_path):
    target = tmp_path / "target"
    assert [False, False, True] == [unpack_file(packed, name, target) for name in ("a", "absent", "a/b/data")]
    assert b"data" == target.read_bytes()


def test_an_existing_directory_stays(packed, tmp_path):
    (tmp_path / "target").mkdir()
    with pytest.raises(FileExistsError):
        unpack_directory(packed, tmp_path / "target")
    assert {} == content(tmp_path / "target")


@pytest.mark.parametrize("size", [1, 512, 5000])
def test_a_damaged_one_leaves_nothing(packed, tmp_path, size):
    packed.write_bytes(packed.read_bytes()[:size])
    with pytest.raises(FoundationsError, match="the archived directory is damaged"):
        unpack_directory(packed, tmp_path / "target")
    assert {"packed.tar", "source"} == {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../outside", tarfile.REGTYPE),
        ("/outside", tarfile.REGTYPE),
        ("link", tarfile.SYMTYPE),
        ("null", tarfile.CHRTYPE),
    ],
)
def test_what_could_lead_out_is_refused_and_nothing_is_written(tmp_path, name, kind):
    with tarfile.open(tmp_path / "packed.tar", "w") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member, io.BytesIO())
    with pytest.raises(FoundationsError, match="is not what foundations packs"):
        unpack_directory(tmp_path / "packed.tar", tmp_path / "target")
    assert ["packed.tar"] == [path.name for path in tmp_path.iterdir()]
