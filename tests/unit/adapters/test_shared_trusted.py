import os
import stat
from pathlib import Path

import pytest

from foundations.adapters._shared.fs import trusted
from foundations.adapters._shared.fs.trusted import (
    check_private_directory,
    ensure_private_directory,
    is_private_directory,
)
from foundations.errors import StorageUnavailableError, UntrustedLocationError
from foundations.ownership import components

BOTH = pytest.mark.parametrize("check", [ensure_private_directory, check_private_directory, is_private_directory])


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(trusted, "_trusted_ancestors", set())


@pytest.fixture
def foreign(monkeypatch):
    """Make what exists look as if it belonged to somebody else, without needing to be root."""

    def make(path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, 65534, 65534, follow_symlinks=False)
        else:
            path.chmod(0o777)

    return make


def test_a_directory_and_its_parents_are_made_private(tmp_path):
    ensure_private_directory(tmp_path / "a" / "b")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b")]
    assert [0o700, 0o700] == modes
    ensure_private_directory(tmp_path / "a" / "b")
    check_private_directory(tmp_path / "a" / "b")


def test_checking_makes_nothing(tmp_path):
    check_private_directory(tmp_path / "a" / "b")
    assert is_private_directory(tmp_path / "a" / "b") is False
    assert [] == list(tmp_path.iterdir())


@BOTH
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_directory_that_others_can_write_is_refused_with_a_remedy(tmp_path, check, mode):
    place = tmp_path / "place"
    place.mkdir()
    place.chmod(mode)
    with pytest.raises(UntrustedLocationError) as raised:
        check(place)
    assert str(place) == raised.value.path
    assert f"its group or others can write it (mode {mode:04o})" == raised.value.reason
    assert f"chmod go-w {place}" in raised.value.remedy
    assert raised.value.remedy in str(raised.value)


@BOTH
def test_a_directory_that_becomes_writable_later_is_refused_then(tmp_path, check):
    place = tmp_path / "place"
    ensure_private_directory(place)
    check(place)
    place.chmod(0o722)
    with pytest.raises(UntrustedLocationError):
        check(place)


@BOTH
def test_a_directory_of_somebody_else_is_refused(tmp_path, foreign, check):
    place = tmp_path / "place"
    place.mkdir()
    foreign(place)
    with pytest.raises(UntrustedLocationError):
        check(place)


@BOTH
def test_a_directory_owned_by_neither_this_user_nor_root_is_refused(tmp_path, monkeypatch, check):
    place = tmp_path / "place"
    place.mkdir()
    owner = os.stat_result((stat.S_IFDIR | 0o700, 1, 1, 2, 4242, 4242, 0, 0, 0, 0))
    monkeypatch.setattr(os, "fstat", lambda descriptor: owner)
    with pytest.raises(UntrustedLocationError, match="it belongs to user 4242") as raised:
        check(place)
    assert "chown" in raised.value.remedy


@BOTH
def test_a_directory_below_one_that_others_can_write_is_refused(tmp_path, check):
    (tmp_path / "open" / "place").mkdir(parents=True)
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(UntrustedLocationError) as raised:
        check(tmp_path / "open" / "place")
    assert str(tmp_path / "open") == raised.value.path


@pytest.mark.parametrize("check", [ensure_private_directory, check_private_directory])
def test_nothing_is_made_below_a_directory_that_others_can_write(tmp_path, check):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(UntrustedLocationError):
        check(tmp_path / "open" / "place" / "below")
    assert [] == list((tmp_path / "open").iterdir())


def test_a_sticky_directory_may_lie_on_the_way(tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)
    ensure_private_directory(tmp_path / "shared" / "place")
    assert is_private_directory(tmp_path / "shared" / "place") is True


@BOTH
@pytest.mark.parametrize("target", ["elsewhere", "nowhere"])
def test_a_symbolic_link_is_refused(tmp_path, check, target):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "place").symlink_to(tmp_path / target)
    with pytest.raises(UntrustedLocationError, match="it is a symbolic link"):
        check(tmp_path / "place")
    assert [] == list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("absolute", [True, False])
def test_own_links_on_the_way_are_followed(tmp_path, absolute):
    (tmp_path / "real" / "deep").mkdir(parents=True)
    target = tmp_path / "real" / "deep" if absolute else Path("real/../real/deep")
    (tmp_path / "link").symlink_to(target)
    ensure_private_directory(tmp_path / "link" / "place")
    assert is_private_directory(tmp_path / "real" / "deep" / "place") is True


def test_a_link_on_the_way_that_leads_below_an_open_directory_is_refused(tmp_path):
    (tmp_path / "open" / "deep").mkdir(parents=True)
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "open" / "deep")
    with pytest.raises(UntrustedLocationError, match="open is not trusted"):
        ensure_private_directory(tmp_path / "link" / "place")


def test_links_that_lead_round_in_circles_are_unavailable(tmp_path):
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    with pytest.raises(StorageUnavailableError):
        ensure_private_directory(tmp_path / "one" / "place")
    with pytest.raises(OSError, match="symbolic links"):
        list(components(tmp_path / "one"))


@BOTH
def test_a_file_is_no_directory(tmp_path, check):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageUnavailableError) as raised:
            check(place)
        assert str(tmp_path / "file") in str(raised.value)


def test_checking_below_a_file_that_appears_late_is_unavailable(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(trusted, "is_private_directory", lambda path: False)
    with pytest.raises(StorageUnavailableError, match="other than a directory"):
        check_private_directory(tmp_path / "file" / "below")


@pytest.mark.parametrize("below", ["", "below"])
def test_a_directory_that_this_user_cannot_write_is_unavailable(tmp_path, monkeypatch, below):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(StorageUnavailableError, match="cannot write"):
        check_private_directory(tmp_path / below)


def test_what_cannot_be_opened_is_unavailable(tmp_path, monkeypatch):
    def refused(path, flags):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(StorageUnavailableError, match="Permission denied"):
        is_private_directory(tmp_path)


def test_a_directory_that_another_process_makes_meanwhile_is_used(tmp_path, monkeypatch):
    place = tmp_path / "a" / "b"
    missing = trusted._missing_directories

    def raced(path):
        found = missing(path)
        place.mkdir(parents=True, mode=0o700)
        return found

    monkeypatch.setattr(trusted, "_missing_directories", raced)
    ensure_private_directory(place)
    assert is_private_directory(place) is True


def test_a_directory_that_vanishes_as_soon_as_it_is_made_is_unavailable(tmp_path, monkeypatch):
    monkeypatch.setattr(trusted, "is_private_directory", lambda path: False)
    with pytest.raises(StorageUnavailableError, match="removed meanwhile"):
        ensure_private_directory(tmp_path / "place")


def test_directories_of_root_are_trusted(tmp_path, monkeypatch):
    ensure_private_directory(tmp_path / "place")
    if os.geteuid() == 0:
        monkeypatch.setattr(os, "geteuid", lambda: 65534)
    assert is_private_directory(tmp_path / "place") is True


def test_the_way_to_a_directory_is_looked_at_once(tmp_path, monkeypatch):
    ensure_private_directory(tmp_path / "place")
    monkeypatch.setattr(trusted, "components", None)
    assert is_private_directory(tmp_path / "place") is True
