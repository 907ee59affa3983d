"""The packed runtime: made once for each state of its files, never trusted when it is damaged, pure Python."""

import os
import tarfile
from pathlib import Path

import pytest

from foundations.adapters.tarball import runtime
from foundations.adapters.tarball.runtime import pack_runtime
from foundations.domain.jobs.bundle import RUNTIME_PACKAGES
from foundations.errors import BundleError, UntrustedLocationError


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def names(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        return archive.getnames()


def test_it_holds_the_sdk_its_dependencies_and_their_licences_and_no_shared_object(store: Path) -> None:
    held = names(pack_runtime(RUNTIME_PACKAGES, store).path)
    tops = {name.partition("/")[0] for name in held}
    assert {"attr", "attrs", "cloudpickle", "foundations", "licences", "structlog", "yaml"} == tops
    assert [] == [name for name in held if name.endswith((".so", ".pyc"))]
    assert {"PyYAML", "attrs", "cloudpickle", "structlog"} <= {
        name.split("/")[1] for name in held if name.startswith("licences/")
    } | {"PyYAML"}
    assert "foundations/resources/run.sh" in held
    assert [] == [name for name in held if name.startswith(("foundations/testing/", "foundations/cli/"))]


def test_it_is_made_once(store: Path) -> None:
    first = pack_runtime(("attrs",), store)
    made = first.path.stat().st_mtime_ns
    assert first == pack_runtime(("attrs",), store)
    assert made == first.path.stat().st_mtime_ns
    assert 2 == len(os.listdir(store))


def test_it_is_made_anew_for_other_files(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "some_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    first = pack_runtime(("some_package",), store)
    (package / "__init__.py").write_text("x = 2\n")
    os.utime(package / "__init__.py", (1, 1))
    assert first.digest != pack_runtime(("some_package",), store).digest


def test_the_one_with_the_sdk_is_looked_for_once_a_process(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = pack_runtime(RUNTIME_PACKAGES, store)
    monkeypatch.setattr(runtime, "_package_files", lambda package: pytest.fail("looked again"))
    assert first == pack_runtime(RUNTIME_PACKAGES, store)


@pytest.mark.parametrize("packages", [("attrs",), RUNTIME_PACKAGES], ids=["others", "with the SDK"])
@pytest.mark.parametrize("damage", ["flipped", "truncated", "gone", "note gone", "note damaged"])
def test_a_damaged_one_is_made_again(store: Path, damage: str, packages: tuple[str, ...]) -> None:
    first = pack_runtime(packages, store)
    data = first.path.read_bytes()
    note = first.path.with_suffix(".json")
    if damage == "flipped":
        first.path.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
    elif damage == "truncated":
        first.path.write_bytes(data[:50])
    elif damage == "gone":
        first.path.unlink()
    elif damage == "note gone":
        note.unlink()
    else:
        note.write_text("[")
    assert first == pack_runtime(packages, store)
    assert data == first.path.read_bytes()


def test_one_that_others_could_have_written_is_refused(store: Path) -> None:
    pack_runtime(("attrs",), store)
    store.chmod(0o777)
    with pytest.raises(UntrustedLocationError):
        pack_runtime(("attrs",), store)


@pytest.mark.parametrize("package", ["no_such_package", "sys", "this", "_json"])
def test_what_is_no_package_of_files_is_an_error(store: Path, package: str) -> None:
    with pytest.raises(BundleError, match=f"the package '{package}' is not installed as files"):
        pack_runtime((package,), store)
