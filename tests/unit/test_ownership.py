"""Who could have written a file."""

import grp
import os
import pwd
from types import SimpleNamespace

import pytest

from foundations import ownership
from foundations.ownership import find_weakness

USER, GROUP = 1000, 1000


def user(name="ann", uid=USER, gid=GROUP):
    return pwd.struct_passwd((name, "x", uid, gid, "", "/", "/bin/sh"))


@pytest.fixture
def accounts(monkeypatch):
    """Users and groups: Ann has a group of her own."""
    made = SimpleNamespace(users=[user()], groups=[grp.struct_group(("ann", "x", GROUP, []))])

    def find(entries, wanted):
        found = [entry for entry in entries if wanted(entry)]
        if not found:
            raise KeyError
        return found[0]

    monkeypatch.setattr(pwd, "getpwall", lambda: made.users)
    monkeypatch.setattr(pwd, "getpwnam", lambda name: find(made.users, lambda entry: entry.pw_name == name))
    monkeypatch.setattr(grp, "getgrgid", lambda gid: find(made.groups, lambda entry: entry.gr_gid == gid))
    monkeypatch.setattr(os, "geteuid", lambda: USER)
    return made


def test_a_group_of_the_user_alone_is_private(accounts):
    assert ownership._is_private_group(GROUP)


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made.groups.clear(),
        lambda made: made.groups.__setitem__(0, grp.struct_group(("ann", "x", GROUP, ["bob"]))),
        lambda made: made.groups.__setitem__(0, grp.struct_group(("users", "x", GROUP, []))),
        lambda made: made.users.append(user("bob", 1001)),
        lambda made: made.users.__setitem__(0, user(uid=1001)),
        lambda made: made.users.__setitem__(0, user(gid=100)),
    ],
    ids=["unknown", "a member", "another name", "a second user's", "another user's", "not her primary group"],
)
def test_any_other_group_is_not(accounts, change):
    change(accounts)
    assert not ownership._is_private_group(GROUP)


@pytest.mark.parametrize("is_private", [True, False])
def test_what_a_group_can_write_is_weak_unless_the_group_is_private(tmp_path, monkeypatch, is_private):
    file = tmp_path / "file"
    file.touch()
    file.chmod(0o664)
    monkeypatch.setattr(ownership, "_is_private_group", lambda group: is_private)
    weakness = find_weakness(file)
    expected = None if is_private else (file, f"its group {file.stat().st_gid} can write it (mode 0664)", True)
    assert expected == weakness


def test_an_access_control_list_makes_a_private_group_count_no_more(tmp_path, monkeypatch):
    tmp_path.chmod(0o770)
    monkeypatch.setattr(ownership, "_is_private_group", lambda group: True)
    monkeypatch.setattr(ownership, "_has_access_list", lambda path: True)
    assert tmp_path == find_weakness(tmp_path / ".").path


def test_an_access_control_list_is_found_by_its_attribute(tmp_path, monkeypatch):
    assert not ownership._has_access_list(tmp_path)
    monkeypatch.setattr(os, "getxattr", lambda path, name: name.encode())
    assert ownership._has_access_list(tmp_path)
    monkeypatch.delattr(os, "getxattr")
    assert not ownership._has_access_list(tmp_path)


def test_a_sticky_directory_is_no_weakness(tmp_path):
    (tmp_path / "file").touch()
    tmp_path.chmod(0o1777)
    assert find_weakness(tmp_path / "file") is None
