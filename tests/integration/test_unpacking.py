"""Extracting what a bundle packs: exactly what the manifest says, and nothing written through a link."""

import errno
import io
import os
import resource
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from foundations.adapters._shared.bundle import extraction
from foundations.adapters._shared.bundle.gzip_format import compress_to_buffers, store_member
from foundations.adapters._shared.bundle.manifest import Manifest, digest_of, project_digest
from foundations.adapters._shared.bundle.tar_format import END, header, padding
from foundations.adapters._shared.bundle.unpack import unpack_bundle, verify_bundle
from foundations.errors import DamagedBundleError, StorageUnavailableError
from foundations.ports.bundling import BundleFile
from foundations.ports.job_layout import RUNTIME, Entry


def compress_member(data):
    return b"".join(compress_to_buffers(data))


def item(name: str, data: bytes = b"", **fields: object) -> bytes:
    """Return an entry of a tar stream."""
    if not fields:
        head = header(Entry(name, "file", len(data), 0o644, ""))
    else:
        made = tarfile.TarInfo(name)
        for field, value in fields.items():
            setattr(made, field, value)
        head = made.tobuf()
    return head + data + bytes(padding(len(data)))


def tgz(*items: bytes, end: bytes = END) -> bytes:
    return compress_member(b"".join([*items, end]))


def row(path: str, data: bytes, kind: str = "file") -> Entry:
    return Entry(path, kind, len(data), 0o644, digest_of(data))


def bundled(
    place: Path, project: bytes, files: list[Entry], runtime: bytes | None = None, **changes: object
) -> BundleFile:
    """Return a bundle whose manifest vouches for these members, whatever they are."""
    members = {
        "p.tgz": (project, Entry("p.tgz", "project", len(project), 0o644, project_digest(files))),
        RUNTIME: (tgz() if runtime is None else runtime, row(RUNTIME, tgz() if runtime is None else runtime)),
    }
    fields = {
        "job_name": "job",
        "versions": {},
        "project_member": "p.tgz",
        "members": [entry for _, entry in members.values()],
        "files": files,
        **changes,
    }
    manifest = Manifest(**fields).to_bytes()  # type: ignore[arg-type]
    index = tgz(item("job/manifest.json", manifest))
    data = b"".join(
        store_member(header(Entry(f"job/{path}", "file", len(content), 0o644, "")))
        + store_member(content + bytes(padding(len(content))))
        for path, (content, _) in members.items()
    )
    return indexed(place, index, digest_of(manifest), data)


def indexed(place: Path, index: bytes, digest: str, before: bytes = b"") -> BundleFile:
    """Return a bundle that ends with this index, whatever lies before it."""
    (place / "job.tgz").write_bytes(before + index)
    return BundleFile(
        job_name="job",
        path=place / "job.tgz",
        index_size=len(index),
        sha256=digest_of(index),
        digest=digest,
        size=len(before + index),
    )


def unpacked(place: Path, bundle: BundleFile) -> Path:
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
    tmp_path: Path, items: list[bytes], files: list[Entry]
) -> None:
    bundle = bundled(tmp_path, tgz(*items), files)
    with pytest.raises(DamagedBundleError):
        verify_bundle(bundle)
    with pytest.raises(DamagedBundleError):
        unpacked(tmp_path, bundle)


@pytest.mark.parametrize(
    "packed",
    [
        tgz(item("a", b"x"), end=END + b"\0"),
        tgz(item("a", b"x"), end=END[1:]),
        tgz(item("a", b"x"), end=b""),
        tgz(item("a", b"x")) + b"\0",
        tgz(item("a", b"x")) + tgz(),
        tgz(item("a", b"x")[:-1] + b"!"),
    ],
    ids=["longer end", "shorter end", "no end", "rest", "another stream", "padding"],
)
def test_whatever_lies_beside_the_files_is_refused(tmp_path: Path, packed: bytes) -> None:
    bundle = bundled(tmp_path, packed, [row("a", b"x")])
    with pytest.raises(DamagedBundleError):
        verify_bundle(bundle)


def test_no_file_is_written_through_a_link(tmp_path: Path) -> None:
    """Links are made last, so that one that is in the way of a file has nothing to lead to."""
    (tmp_path / "outside").mkdir()
    files = [Entry("d", "link", 0, 0o644, "e"), row("d/x", b"x"), Entry("e", "link", 0, 0o644, "f")]
    packed = tgz(
        item("d", type=tarfile.SYMTYPE, linkname=str(tmp_path / "outside")),
        item("d/x", b"x"),
        item("e", type=tarfile.SYMTYPE, linkname="f"),
    )
    with pytest.raises(DamagedBundleError, match="lies in no directory"):
        unpacked(tmp_path, bundled(tmp_path, packed, files))
    assert [] == os.listdir(tmp_path / "outside")


def test_a_link_with_another_target_is_refused(tmp_path: Path) -> None:
    packed = tgz(item("l", type=tarfile.SYMTYPE, linkname="/etc/passwd"))
    with pytest.raises(DamagedBundleError):
        unpacked(tmp_path, bundled(tmp_path, packed, [Entry("l", "link", 0, 0o644, "inside")]))


def test_a_project_that_swells_is_refused_when_it_is_larger_than_its_manifest_says(tmp_path: Path) -> None:
    packed = b"".join([compress_member(item("a", b"")[:512]), *[compress_member(bytes(2**21))] * 1000])
    with pytest.raises(DamagedBundleError):
        unpacked(tmp_path, bundled(tmp_path, packed, [Entry("a", "file", 10, 0o644, digest_of(b"0" * 10))]))
    assert sum(path.stat().st_size for path in (tmp_path / "project").rglob("*")) <= 10


LARGE = b"".join(b"%07d\n" % number for number in range(250_000)) * 10


def test_a_large_file_is_extracted_as_it_was(tmp_path: Path) -> None:
    unpacked(tmp_path, bundled(tmp_path, packed_large(LARGE), [row("a", LARGE)]))
    assert LARGE == (tmp_path / "project" / "a").read_bytes()


@pytest.mark.parametrize("found", [LARGE[:-1] + b"x", LARGE[:-1]], ids=["other", "shorter"])
def test_a_large_file_that_is_not_as_its_manifest_says_is_refused(tmp_path: Path, found: bytes) -> None:
    before = threading.active_count()
    with pytest.raises(DamagedBundleError):
        unpacked(tmp_path, bundled(tmp_path, packed_large(found), [row("a", LARGE)]))
    assert before == threading.active_count()


def test_a_disk_that_fails_under_a_large_file_is_told_and_no_thread_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    bundle = bundled(tmp_path, packed_large(LARGE), [row("a", LARGE)])
    before = threading.active_count()
    monkeypatch.setattr(extraction, "write_all", full)
    with pytest.raises(OSError, match="No space left"):
        unpacked(tmp_path, bundle)
    assert before == threading.active_count()


def packed_large(data: bytes) -> bytes:
    whole = item("a", data) + END
    return b"".join(compress_member(whole[begin : begin + 2**21]) for begin in range(0, len(whole), 2**21))


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


def edit(runtime: Path, path: str, content: bytes) -> None:
    place = runtime / path
    place.chmod(0o644)
    place.write_bytes(content)


def test_more_optimised_byte_code_is_no_alteration_of_a_runtime(tmp_path: Path) -> None:
    runtime = tgz(item("pack/__init__.py", b"X = 1\n"))
    first = unpacked(tmp_path, bundled(tmp_path, tgz(), [], runtime))
    writing = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-O", "-c", "import pack"], cwd=first, env=writing, check=True)
    made = first / "pack" / "__pycache__" / f"__init__.{sys.implementation.cache_tag}.opt-1.pyc"
    assert made.exists()
    subprocess.run(["rm", "-rf", str(tmp_path / "bundle"), str(tmp_path / "project")], check=True)
    assert first == unpacked(tmp_path, bundled(tmp_path, tgz(), [], runtime))
    assert made.exists()


@pytest.mark.parametrize(
    "alter",
    [
        lambda runtime: edit(runtime, f"pack/__pycache__/__init__.{sys.implementation.cache_tag}.pyc", b"shorter"),
        lambda runtime: (runtime / "pack" / "__pycache__" / f"__init__.{sys.implementation.cache_tag}.pyc").unlink(),
        lambda runtime: (runtime / "pack" / "__init__.so").write_bytes(b"found before the source"),
        lambda runtime: (runtime / "json.py").write_bytes(b"shadows a module of Python"),
        lambda runtime: edit(runtime, "pack/data.txt", b"other"),
        lambda runtime: (runtime / "pack").rename(runtime / "moved"),
        lambda runtime: subprocess.run(["rm", "-rf", str(runtime / "pack")], check=True),
        lambda runtime: (runtime / ".stamps.json").write_bytes(b'{"pack": '),
        lambda runtime: (runtime / ".stamps.json").write_bytes(b"[]"),
        lambda runtime: (runtime / ".stamps.json").unlink(),
    ],
    ids=["edited", "removed", "added", "shadowing", "data", "moved", "emptied", "damaged", "other stamps", "no stamps"],
)
def test_a_runtime_that_was_altered_is_extracted_anew_and_reported(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], alter: Callable[[Path], object]
) -> None:
    runtime = tgz(item("pack/__init__.py", b"X = 1\n"), item("pack/data.txt", b"12345"))
    first = unpacked(tmp_path, bundled(tmp_path, tgz(), [], runtime))
    assert "runtime_altered" not in capfd.readouterr().err
    alter(first)
    subprocess.run(["rm", "-rf", str(tmp_path / "bundle"), str(tmp_path / "project")], check=True)
    assert first == unpacked(tmp_path, bundled(tmp_path, tgz(), [], runtime))
    assert f"runtime_altered                consequence='it was removed and is extracted anew' path={first}" in (
        capfd.readouterr().err
    )
    files = [str(path.relative_to(first)) for path in first.rglob("*") if path.is_file()]
    byte_code = f"pack/__pycache__/__init__.{sys.implementation.cache_tag}.pyc"
    assert [".stamps.json", "pack/__init__.py", byte_code, "pack/data.txt"] == sorted(files)
    assert b"12345" == (first / "pack" / "data.txt").read_bytes()
    assert [first.name] == os.listdir(tmp_path / "runtimes")


def test_an_index_that_swells_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    head = header(Entry("job/manifest.json", "file", 2**30, 0o644, ""))
    index = compress_member(head) + compress_member(bytes(2**24)) * 64
    bundle = indexed(tmp_path, index, "0" * 64)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DamagedBundleError, match="not the first of the index"):
        unpacked(tmp_path, bundle)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB


@pytest.mark.parametrize("size", [b"-0000000001", b"00000000 00", b"0000000000x"])
def test_a_manifest_whose_size_is_no_number_is_refused(tmp_path: Path, size: bytes) -> None:
    head = bytearray(header(Entry("job/manifest.json", "file", 0, 0o644, "")))
    head[124:135] = size
    head[148:156] = b" " * 8
    head[148:155] = b"%06o\0" % sum(head)
    index = compress_member(bytes(head) + b" " * 2**20)
    with pytest.raises(DamagedBundleError, match="not the first of the index"):
        unpacked(tmp_path, indexed(tmp_path, index, "0" * 64))


def test_an_index_that_swells_behind_its_manifest_is_refused_too(tmp_path: Path) -> None:
    manifest = Manifest(
        "job", {}, "p.tgz", [Entry("p.tgz", "project", 0, 0o644, project_digest([])), row(RUNTIME, b"")], []
    )
    begin = item("job/manifest.json", manifest.to_bytes())
    index = compress_member(begin) + compress_member(bytes(2**24)) * 64  # stands for 1 GiB
    bundle = indexed(tmp_path, index, digest_of(manifest.to_bytes()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DamagedBundleError, match="more than its manifest says"):
        unpacked(tmp_path, bundle)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB


def test_what_is_extracted_already_needs_no_more_room(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(small)], check=True)
    try:
        bundle = bundled(tmp_path, tgz(item("a", b"x")), [row("a", b"x")])
        content = os.urandom(2**19 + 2**18)
        members = Manifest.from_bytes(_manifest_of(bundle))
        whole = [*members.members, row("job.bin", content)]
        manifest = members._replace(members=sorted(whole)).to_bytes()
        index = tgz(item("job/manifest.json", manifest), item("job/job.bin", content))
        assert bundle.path is not None
        data = bundle.path.read_bytes()[: -bundle.index_size] + index
        bundle.path.write_bytes(data)
        unpacked(
            small,
            bundle._replace(index_size=len(index), sha256=digest_of(index), digest=digest_of(manifest), size=len(data)),
        )
        assert "x" == (small / "project" / "a").read_text()
    finally:
        subprocess.run(["umount", str(small)], check=True)


def _manifest_of(bundle: BundleFile) -> bytes:
    assert bundle.path is not None
    with tarfile.open(fileobj=io.BytesIO(bundle.path.read_bytes()[-bundle.index_size :])) as archive:
        stream = archive.extractfile("job/manifest.json")
        assert stream is not None
        return stream.read()


def test_a_job_that_the_disk_has_no_room_for_is_refused_before_anything_is_filled(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(small)], check=True)
    try:
        content = os.urandom(2**21)
        with pytest.raises(StorageUnavailableError, match="are free"):
            unpacked(small, bundled(tmp_path, tgz(item("a", content)), [row("a", content)]))
        assert [] == list((small / "project").iterdir())
    finally:
        subprocess.run(["umount", str(small)], check=True)
