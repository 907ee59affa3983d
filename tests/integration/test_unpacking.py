"""Extracting what a bundle packs: exactly what the manifest says, and nothing written through a link."""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from foundations.adapters._shared.manifest import RUNTIME, Entry, Manifest, digest_of
from foundations.adapters._shared.unpack import unpack_bundle, verify_bundle
from foundations.errors import DamagedBundleError
from foundations.ports.bundling import Bundle

Item = tuple[tarfile.TarInfo, bytes]


def item(name: str, data: bytes = b"", **fields: object) -> Item:
    made = tarfile.TarInfo(name)
    made.size = len(data)
    for field, value in fields.items():
        setattr(made, field, value)
    return made, data


def tgz(*items: Item) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for member, data in items:
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def row(path: str, data: bytes) -> Entry:
    return Entry(path, "file", len(data), 0o644, digest_of(data))


def bundled(place: Path, project: bytes, files: list[Entry], runtime: bytes | None = None, **changes: object) -> Bundle:
    """Return a bundle whose manifest vouches for these members, whatever they are."""
    members = {"p.tgz": project, RUNTIME: tgz() if runtime is None else runtime}
    fields = {
        "job_name": "job",
        "versions": {},
        "project_member": "p.tgz",
        "members": [row(path, data) for path, data in members.items()],
        "files": files,
        **changes,
    }
    manifest = Manifest(**fields).to_bytes()  # type: ignore[arg-type]
    data = tgz(
        item("job/manifest.json", manifest), *(item(f"job/{path}", content) for path, content in members.items())
    )
    (place / "job.tgz").write_bytes(data)
    return Bundle(
        job_name="job",
        path=place / "job.tgz",
        sha256=hashlib.sha256(data).hexdigest(),
        digest=digest_of(manifest),
        size=len(data),
    )


def unpacked(place: Path, bundle: Bundle) -> Path:
    (place / "runtimes").mkdir(exist_ok=True)
    return unpack_bundle(bundle, place / "bundle", place / "project", place / "runtimes")


def test_a_project_that_is_as_its_manifest_says_is_extracted(tmp_path: Path) -> None:
    unpacked(tmp_path, bundled(tmp_path, tgz(item("a", b"x")), [row("a", b"x")]))
    assert "x" == (tmp_path / "project" / "a").read_text()


@pytest.mark.parametrize(
    ("items", "files"),
    [
        ([item("a", b"y")], [row("a", b"x")]),
        ([item("a", b"xx")], [row("a", b"x")]),
        ([item("a", b"")], [row("a", b"x")]),
        ([], [row("a", b"x")]),
        ([item("a", b"x"), item("b")], [row("a", b"x")]),
        ([item("a", b"x"), item("a", b"x")], [row("a", b"x")]),
        ([item("../a", b"x")], [row("a", b"x")]),
        ([item("./a", b"x")], [row("a", b"x")]),
        ([item("/a", b"x")], [row("a", b"x")]),
        ([item("a", type=tarfile.SYMTYPE, linkname="/etc/passwd")], [row("a", b"")]),
        ([item("a", type=tarfile.LNKTYPE, linkname="/etc/passwd")], [row("a", b"")]),
        ([item("a", type=tarfile.FIFOTYPE)], [row("a", b"")]),
        ([item("a", type=tarfile.CHRTYPE, devmajor=1, devminor=3)], [row("a", b"")]),
        ([item("a", type=tarfile.DIRTYPE)], [row("a", b"")]),
    ],
)
def test_a_project_that_is_not_as_its_manifest_says_is_refused(
    tmp_path: Path, items: list[Item], files: list[Entry]
) -> None:
    bundle = bundled(tmp_path, tgz(*items), files)
    verify_bundle(bundle)  # the members are as the manifest says; what they hold is told when they are extracted
    with pytest.raises(DamagedBundleError):
        unpacked(tmp_path, bundle)


def test_no_file_is_written_through_a_link(tmp_path: Path) -> None:
    """Links are made last, so that one that is in the way of a file has nothing to lead to."""
    (tmp_path / "outside").mkdir()
    files = [Entry("d", "link", 0, 0o644, "e"), Entry("e", "link", 0, 0o644, "f"), row("d/x", b"x")]
    packed = tgz(
        item("d", type=tarfile.SYMTYPE, linkname=str(tmp_path / "outside")),
        item("e", type=tarfile.SYMTYPE, linkname="f"),
        item("d/x", b"x"),
    )
    with pytest.raises((DamagedBundleError, OSError)):
        unpacked(tmp_path, bundled(tmp_path, packed, files))
    assert [] == os.listdir(tmp_path / "outside")


def test_a_links_target_is_the_manifests(tmp_path: Path) -> None:
    packed = tgz(item("l", type=tarfile.SYMTYPE, linkname="/etc/passwd"))
    unpacked(tmp_path, bundled(tmp_path, packed, [Entry("l", "link", 0, 0o644, "inside")]))
    assert "inside" == os.readlink(tmp_path / "project" / "l")


@pytest.mark.parametrize("data", [b"", b"no tar", tgz(item("a", b"x" * 9999))[:-20]], ids=["empty", "no tar", "cut"])
def test_a_project_that_is_no_tgz_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(DamagedBundleError):
        unpacked(tmp_path, bundled(tmp_path, data, [row("a", b"x" * 9999)]))


@pytest.mark.parametrize(
    "runtime",
    [
        tgz(item("../../x", b"x")),
        tgz(item("/x", b"x")),
        tgz(item("x", type=tarfile.SYMTYPE, linkname="/etc")),
        tgz(item("x", type=tarfile.CHRTYPE)),
        b"no tar",
    ],
    ids=["outwards", "absolute", "link", "device", "no tar"],
)
def test_a_runtime_that_no_bundler_packs_is_refused_and_not_kept(tmp_path: Path, runtime: bytes) -> None:
    with pytest.raises(DamagedBundleError):
        unpacked(tmp_path, bundled(tmp_path, tgz(), [], runtime))
    assert [] == os.listdir(tmp_path / "runtimes")


def test_a_bundle_without_a_runtime_or_project_is_refused(tmp_path: Path) -> None:
    for change in ({"members": []}, {"project_member": "other.tgz"}):
        with pytest.raises(DamagedBundleError):
            unpacked(tmp_path, bundled(tmp_path, tgz(), [], None, **change))
        for made in ("bundle", "project"):
            subprocess.run(["rm", "-rf", str(tmp_path / made)], check=True)


def test_a_runtime_is_extracted_once_with_its_byte_code(tmp_path: Path) -> None:
    runtime = tgz(item("pack/__init__.py", b"X = 1\n"))
    first = unpacked(tmp_path, bundled(tmp_path, tgz(), [], runtime))
    before = (first / "pack" / "__init__.py").stat().st_ino
    subprocess.run(["rm", "-rf", str(tmp_path / "bundle"), str(tmp_path / "project")], check=True)
    assert first == unpacked(tmp_path, bundled(tmp_path, tgz(), [], runtime))
    assert before == (first / "pack" / "__init__.py").stat().st_ino
    assert [f"__init__.{sys.implementation.cache_tag}.pyc"] == os.listdir(first / "pack" / "__pycache__")
    assert [first.name] == os.listdir(tmp_path / "runtimes")
