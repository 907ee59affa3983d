"""Whatever a project's files are called, the job finds them as they were."""

import os
import stat
from pathlib import Path

import pytest

from foundations.adapters._shared.bundle.unpack import unpack_bundle
from foundations.adapters.tarball import TarballJobBundler
from foundations.ports.bundling import BundleContents


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOUNDATIONS_HOME", str(tmp_path / "home"))
    (tmp_path / "work" / "project").mkdir(parents=True)
    return tmp_path / "work" / "project"


def travelled(project: Path, *extra: Path) -> Path:
    """Return the project as it is extracted from a bundle of it."""
    contents = BundleContents(
        job_name="job",
        members={"run.sh": b""},
        project=project,
        project_member="p.tgz",
        extra_source_paths=extra,
        directory=project.parent,
    )
    bundler = TarballJobBundler()
    bundle = bundler.make(contents)
    bundler.verify(bundle)
    place = project.parent.parent / "there"
    (place / "runtimes").mkdir(parents=True)
    unpack_bundle(bundle, place / "bundle", place / "project", place / "runtimes")
    bundler.discard(bundle)
    return place / "project"


def seen(root: Path) -> dict[str, tuple[str, bytes | str]]:
    """Return the kind and the content of everything below a directory."""
    found: dict[str, tuple[str, bytes | str]] = {}
    for location, directories, names in os.walk(root):
        for name in (*directories, *names):
            path = Path(location, name)
            mode = path.lstat().st_mode
            kind = f"{stat.S_IFMT(mode):o} {'x' if mode & 0o100 else '-'}"
            content: bytes | str = ""
            if stat.S_ISLNK(mode):
                content = os.readlink(path)
            elif stat.S_ISREG(mode):
                content = path.read_bytes()
            found[str(path.relative_to(root))] = (kind, content)
    return found


@pytest.mark.parametrize(
    "name",
    [
        "plain",
        "new\nline",
        "ä ö ü",
        "-n",
        "back\\slash",
        "'\"$`",
        "*",
        "\x01",
        "x" * 255,
        "/".join(["d" * 120] * 25) + "/deep",
        "/".join("abcdefghij" * 20),
    ],
    ids=lambda name: ascii(name)[:20],
)
def test_a_file_of_any_name_arrives(project: Path, name: str) -> None:
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text(name)
    before = seen(project)
    assert before == seen(travelled(project))


def test_sizes_modes_links_and_empty_directories_arrive(project: Path) -> None:
    (project / "inner" / "empty").mkdir(parents=True)
    for size in (0, 1, 511, 512, 513, 2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20):
        (project / f"of-{size}").write_bytes(os.urandom(size))
    (project / "tool").write_text("#!/bin/sh\n")
    (project / "tool").chmod(0o700)
    (project / "inner" / "up").symlink_to("../tool")
    (project / "dangling").symlink_to("nowhere")
    (project / "loop").symlink_to("loop")
    (project / "no-utf8").symlink_to(b"caf\xe9".decode(errors="surrogateescape"))
    (project / "directory-link").symlink_to("inner")
    before = seen(project)
    assert before == seen(travelled(project))


def test_extra_source_paths_arrive_beside_the_project(project: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "package").mkdir(parents=True)
        (tmp_path / name / "package" / "__init__.py").write_text(name)
    there = travelled(project, tmp_path / "one", tmp_path / "two")
    assert ["one", "two"] == [
        (there / ".foundations_extra" / str(number) / "package" / "__init__.py").read_text() for number in range(2)
    ]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000])
def test_the_umask_does_not_take_from_the_owner(project: Path, mask: int) -> None:
    (project / "tool").write_text("#!/bin/sh\n")
    (project / "tool").chmod(0o755)
    before = os.umask(mask)
    try:
        there = travelled(project)
    finally:
        os.umask(before)
    assert 0o755 & ~mask == stat.S_IMODE((there / "tool").stat().st_mode)
    assert 0o700 == stat.S_IMODE(there.stat().st_mode)
