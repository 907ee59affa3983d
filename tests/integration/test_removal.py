"""Directories that users have filled are removed, whatever is in them and whoever else removes them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from foundations.adapters._shared.fs.removal import remove_tree

REMOVE = "import sys; from foundations.adapters._shared.fs.removal import remove_tree; remove_tree(sys.argv[1])"


def test_several_processes_may_remove_one_tree(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for number in range(4000):
        (tree / str(number)).mkdir(parents=True)
        (tree / str(number) / "file").touch()
    removers = [subprocess.Popen([sys.executable, "-c", REMOVE, str(tree)], stderr=subprocess.PIPE) for _ in range(3)]
    assert [(b"", 0)] * 3 == [(remover.communicate()[1], remover.returncode) for remover in removers]
    assert not tree.exists()


def test_a_tree_deeper_than_python_goes_is_removed(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    descriptor = os.open(tree, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    remove_tree(tree)
    assert not tree.exists()


def test_a_link_is_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "tree" / "inner").mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "tree" / "inner" / "link").symlink_to(tmp_path / "kept")
    remove_tree(tmp_path / "tree")
    assert ["file"] == os.listdir(tmp_path / "kept")


def test_directories_that_may_not_be_written_are_removed_by_their_owner(tmp_path: Path) -> None:
    for inner in ("a", "b/c", "d"):
        (tmp_path / "tree" / inner).mkdir(parents=True)
        (tmp_path / "tree" / inner / "file").touch()
    subprocess.run(["chown", "-R", "nobody", str(tmp_path / "tree")], check=True)
    (tmp_path / "tree" / "b").chmod(0o500)
    (tmp_path / "tree" / "b" / "c").chmod(0o500)
    tmp_path.chmod(0o777)
    for place in tmp_path.parents:
        if place.stat().st_uid == os.geteuid() and len(place.parts) > 2:
            place.chmod(place.stat().st_mode | 0o711)
    child = os.fork()
    if child == 0:
        try:
            os.setgid(65534)
            os.setuid(65534)
            remove_tree(tmp_path / "tree")
            os._exit(0)
        finally:
            os._exit(1)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert not (tmp_path / "tree").exists()


def test_what_cannot_be_removed_is_told_with_its_place(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "busy").mkdir(parents=True)
    (tree / "other").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(tree / "busy")], check=True)
    try:
        with pytest.raises(OSError, match=r"cannot be removed whole: .*busy") as raised:
            remove_tree(tree)
        assert str(tree) == raised.value.filename
        assert ["busy"] == os.listdir(tree)
    finally:
        subprocess.run(["umount", str(tree / "busy")], check=True)


def test_what_a_link_to_a_directory_leads_to_is_not_even_opened(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "kept")
    listen = "sys.addaudithook(lambda event, arguments: event == 'open' and print(arguments[0]))"
    done = subprocess.run(
        [sys.executable, "-c", REMOVE.replace("; remove_tree", f"; {listen}; remove_tree"), str(tmp_path / "tree")],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert f"{tmp_path / 'tree'}\n" == done.stdout


def test_of_a_link_the_link_alone_is_removed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir(mode=0o500)
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    remove_tree(tmp_path / "link")
    assert ["kept"] == os.listdir(tmp_path)
    assert 0o500 == (tmp_path / "kept").stat().st_mode & 0o777
