"""Bundles: the same contents give the same bytes, nothing is overwritten, and what is damaged never runs."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foundations.adapters._shared.bundle.gzip_format import compress_to_buffers, store_member
from foundations.adapters._shared.bundle.manifest import digest_of
from foundations.adapters._shared.bundle.tar_format import END, header, padding
from foundations.adapters.local_shell import LocalShellJobDeployment
from foundations.adapters.tarball import TarballJobBundler
from foundations.adapters.tarball import bundler as bundler_module
from foundations.errors import BundleError, BundleExistsError, DamagedBundleError, JobExistsError
from foundations.ports.bundling import BundleContents, BundleFile
from foundations.ports.execution import Submission
from foundations.ports.job_layout import Entry

Member = tuple[tarfile.TarInfo, bytes]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, warm_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which the runtime is packed."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    shutil.copytree(warm_home / "runtime", home / "runtime", copy_function=os.link)
    (home / "runtime").chmod(0o700)
    monkeypatch.setenv("FOUNDATIONS_HOME", str(home))
    return home


@pytest.fixture
def contents(tmp_path: Path) -> BundleContents:
    """What goes into a bundle whose run script leaves a marker."""
    project = tmp_path / "work" / "project"
    (project / "inner").mkdir(parents=True)
    (project / "data.txt").write_text("data")
    (project / "inner" / "tool.sh").write_text("#!/bin/sh\n")
    (project / "inner" / "tool.sh").chmod(0o755)
    (project / "link").symlink_to("inner/tool.sh")
    return BundleContents(
        job_name="job",
        members={
            "run.sh": f"touch {tmp_path}/marker\n".encode(),
            "main.py": b"",
            "job.bin": b"\0" * 100,
            "job.config.yaml": b"{}",
        },
        project=project,
        project_member="source/project.tgz",
        directory=project.parent,
    )


@pytest.fixture
def bundle(contents: BundleContents) -> BundleFile:
    return TarballJobBundler().make(contents)


@pytest.fixture
def shell(tmp_path: Path) -> LocalShellJobDeployment:
    return LocalShellJobDeployment(tmp_path / "shell")


def submission(bundle: BundleFile) -> Submission:
    return Submission(job_name="job", bundle=bundle)


def refusal(shell: LocalShellJobDeployment, bundle: BundleFile) -> DamagedBundleError:
    """Return how a bundle is refused, once it is seen that nothing of it ran and nothing is left."""
    assert bundle.path is not None
    with pytest.raises(DamagedBundleError) as verified:
        TarballJobBundler().verify(bundle)
    with pytest.raises(DamagedBundleError) as submitted:
        shell.submit(submission(bundle))
    assert verified.value.member == submitted.value.member
    assert [] == os.listdir(shell.root / "jobs")
    assert not (bundle.path.parent.parent / "marker").exists()
    assert [None] == shell.poll([shell.handle("job")])
    return submitted.value


def rewritten(bundle: BundleFile, change: Callable[[list[Member]], object]) -> BundleFile:
    """Return the bundle with other members, sent with the SHA-256 that its index has then."""
    assert bundle.path is not None
    with tarfile.open(bundle.path) as archive:
        members = [(member, stream.read()) for member in archive if (stream := archive.extractfile(member))]
    change(members)
    packed: list[bytes] = []
    indexed: list[bytes] = []
    for member, data in members:
        if member.isreg():
            member.size = len(data)
        content = data + bytes(padding(len(data)))
        if member.name in ("job/source/project.tgz", "job/runtime.tgz"):
            kind = {tarfile.SYMTYPE: "link"}.get(member.type, "file")
            packed += [store_member(header(Entry(member.name, kind, len(data), 0o644, ""))), store_member(content)]
        elif not indexed and member.name != "job/manifest.json" and len(packed) < 4:
            packed.append(store_member(member.tobuf() + data))  # where only the packed ones lie
        else:
            indexed.append(member.tobuf() + content)
    index = b"".join(compress_to_buffers(b"".join([*indexed, END])))
    return replaced(bundle._replace(index_size=len(index)), b"".join([*packed, index]))


def replaced(bundle: BundleFile, data: bytes) -> BundleFile:
    """Return the bundle with other bytes, of which the sender vouches for the index."""
    assert bundle.path is not None
    bundle.path.write_bytes(data)
    index = data[-bundle.index_size :]
    return bundle._replace(sha256=hashlib.sha256(index).hexdigest(), size=len(data))


def member(name: str, data: bytes = b"", **fields: object) -> Member:
    made = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(made, field, value)
    return made, data


def test_an_intact_bundle_is_verified_and_runs(
    bundle: BundleFile, shell: LocalShellJobDeployment, tmp_path: Path
) -> None:
    TarballJobBundler().verify(bundle)
    shell.submit(submission(bundle))
    shell.wait([shell.handle("job")], timeout=60, interval=0.01)
    assert (tmp_path / "marker").exists()


def test_a_bundle_whose_index_is_large_is_verified_and_runs(
    contents: BundleContents, shell: LocalShellJobDeployment, tmp_path: Path
) -> None:
    large = {"job.bin": os.urandom(7_000_000), "job.config.yaml": b" " * 5_000_000}
    bundle = TarballJobBundler().make(contents._replace(members={**contents.members, **large}))
    TarballJobBundler().verify(bundle)
    shell.submit(submission(bundle))
    shell.wait([shell.handle("job")], timeout=60, interval=0.01)
    assert (tmp_path / "marker").exists()
    assert bundle.path is not None
    data = bytearray(bundle.path.read_bytes())
    for position in range(0, len(data), len(data) // 50):
        data[position] ^= 1
        bundle.path.write_bytes(data)
        with pytest.raises(DamagedBundleError):
            TarballJobBundler().verify(bundle)
        data[position] ^= 1


def test_a_flipped_byte_is_refused_wherever_it_is(bundle: BundleFile, shell: LocalShellJobDeployment) -> None:
    assert bundle.path is not None
    intact = bundle.path.read_bytes()
    for position in range(len(intact)):
        flipped = bytearray(intact)
        flipped[position] ^= 1 << position % 8
        bundle.path.write_bytes(flipped)
        with pytest.raises(DamagedBundleError):
            TarballJobBundler().verify(bundle)
    refusal(shell, bundle)


@pytest.mark.parametrize("name", ["run.sh", "job.bin", "job.config.yaml", "runtime.tgz", "source/project.tgz"])
def test_other_content_is_refused_though_the_sender_vouches_for_the_index(
    bundle: BundleFile, shell: LocalShellJobDeployment, name: str
) -> None:
    def change(members: list[Member]) -> None:
        number = next(number for number, (item, _) in enumerate(members) if item.name == f"job/{name}")
        item, data = members[number]
        members[number] = (item, data[:-1] + bytes([data[-1] ^ 1]))

    assert name == refusal(shell, rewritten(bundle, change)).member


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("told", [True, False], ids=["told-as-it-is", "told-as-it-was"])
def test_a_truncated_bundle_is_refused(
    bundle: BundleFile, shell: LocalShellJobDeployment, kept: float, told: bool
) -> None:
    assert bundle.path is not None
    data = bundle.path.read_bytes()
    cut = replaced(bundle, data[: int(len(data) * kept)])
    refusal(shell, cut if told else bundle)


def test_a_bundle_that_is_gone_is_refused(bundle: BundleFile, shell: LocalShellJobDeployment) -> None:
    assert bundle.path is not None
    bundle.path.unlink()
    assert "the file is gone" in str(refusal(shell, bundle))


@pytest.mark.parametrize(
    "name", ["manifest.json", "run.sh", "main.py", "job.bin", "job.config.yaml", "runtime.tgz", "source/project.tgz"]
)
def test_a_missing_member_is_refused_by_name(bundle: BundleFile, shell: LocalShellJobDeployment, name: str) -> None:
    without = rewritten(
        bundle, lambda members: members.remove(next(pair for pair in members if pair[0].name == f"job/{name}"))
    )
    assert name == refusal(shell, without).member


@pytest.mark.parametrize(
    "extra",
    [
        member("job/extra", b"x"),
        member("job/run.sh", b"again"),
        member("../../x", b"x"),
        member("job/../../x", b"x"),
        member("/tmp/x", b"x"),
        member("other/run.sh", b"x"),
        member("job/device", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
        member("job/fifo", type=tarfile.FIFOTYPE),
        member("job/link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("job/hard", type=tarfile.LNKTYPE, linkname="job/run.sh"),
        member("job", type=tarfile.DIRTYPE, mode=0o777),
    ],
    ids=lambda pair: pair[0].name,
)
@pytest.mark.parametrize("position", [1, 3, 100])
def test_a_member_too_many_is_refused(
    bundle: BundleFile, shell: LocalShellJobDeployment, extra: Member, position: int
) -> None:
    refusal(shell, rewritten(bundle, lambda members: members.insert(position, extra)))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE], ids=repr
)
def test_a_member_of_another_kind_is_refused(bundle: BundleFile, shell: LocalShellJobDeployment, kind: bytes) -> None:
    def change(members: list[Member]) -> None:
        found = next(item for item, _ in members if item.name == "job/run.sh")
        found.type, found.linkname, found.size = kind, "/bin/true", 0

    assert "run.sh" == refusal(shell, rewritten(bundle, change)).member


def with_manifest(bundle: BundleFile, change: Callable[[dict[str, object]], object]) -> BundleFile:
    """Return the bundle with another manifest, whose digest and SHA-256 the sender vouches for."""

    def rewrite(members: list[Member]) -> None:
        manifest = json.loads(members[2][1])
        change(manifest)
        members[2] = (members[2][0], json.dumps(manifest).encode())

    made = rewritten(bundle, rewrite)
    assert made.path is not None
    with tarfile.open(made.path) as archive:
        stream = archive.extractfile("job/manifest.json")
        assert stream is not None
        return made._replace(digest=digest_of(stream.read()))


def test_a_changed_manifest_is_refused_though_the_sha256_fits(
    bundle: BundleFile, shell: LocalShellJobDeployment
) -> None:
    changed = with_manifest(bundle, lambda manifest: manifest.update(versions={"python": "1.0"}))
    assert "manifest.json" == refusal(shell, changed._replace(digest=bundle.digest)).member


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.update(format=2),
        lambda manifest: manifest.update(job_name="other"),
        lambda manifest: manifest.pop("files"),
        lambda manifest: manifest["members"].append(["../../x", "file", 0, 0o644, ""]),
        lambda manifest: manifest["members"].append(["/x", "file", 0, 0o644, ""]),
        lambda manifest: manifest["members"][0].__setitem__(3, 0o4755),
        lambda manifest: manifest["files"].append(["x/../../y", "file", 0, 0o644, ""]),
        lambda manifest: manifest["files"].append(["out", "link", 0, 0o644, "../outside"]),
        lambda manifest: manifest["files"].append(["out", "link", 0, 0o644, "/etc/passwd"]),
    ],
)
def test_a_manifest_that_no_bundler_writes_is_refused(
    bundle: BundleFile, shell: LocalShellJobDeployment, change: Callable[[dict[str, object]], object]
) -> None:
    assert "manifest.json" == refusal(shell, with_manifest(bundle, change)).member


def test_a_bundle_of_another_job_is_refused(bundle: BundleFile, shell: LocalShellJobDeployment) -> None:
    assert bundle.path is not None
    renamed = with_manifest(bundle, lambda manifest: manifest.update(job_name="other"))
    assert "manifest.json" == refusal(shell, renamed).member


def test_a_name_is_taken_once(bundle: BundleFile, shell: LocalShellJobDeployment) -> None:
    shell.submit(submission(bundle))
    with pytest.raises(JobExistsError):
        shell.submit(submission(bundle))
    shell.wait([shell.handle("job")], timeout=60, interval=0.01)
    assert ["job"] == os.listdir(shell.root / "jobs")


# -- making -----------------------------------------------------------------------------------------------------------

MAKE = """
import os, sys
from pathlib import Path
from foundations.adapters.tarball import TarballJobBundler
from foundations.adapters.tarball import bundler as bundler_module
from foundations.ports.bundling import BundleContents
os.umask(int(sys.argv[3], 8))
project = Path(sys.argv[1])
contents = BundleContents(job_name="job", members={"run.sh": b"x", "job.bin": b"y"}, project=project,
    project_member="p.tgz", runtime_packages=("foundations", "attr"), directory=Path(sys.argv[2]))
bundle = TarballJobBundler().make(contents)
print(bundle.sha256, bundle.index_size, bundle.digest, bundle.size)
"""


def test_the_same_contents_give_the_same_bytes_in_any_process_at_any_time(tmp_path: Path) -> None:
    told = []
    for number, mask in enumerate(("022", "077", "000")):
        project = tmp_path / f"project-{number}"
        for name in ("b/two", "a/one", "three") if number else ("three", "a/one", "b/two"):
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(name)
            os.utime(project / name, (number, number))
            (project / name).chmod((0o600, 0o644, 0o666)[number])
        target = tmp_path / f"target-{number}"
        target.mkdir()
        told.append(
            subprocess.run(
                [sys.executable, "-c", MAKE, str(project), str(target), mask],
                env={**os.environ, "FOUNDATIONS_HOME": str(tmp_path / f"home-{number}"), "PYTHONHASHSEED": str(number)},
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        assert 0o600 == (target / "job.tgz").stat().st_mode & 0o777
    assert told[0] == told[1] == told[2]
    assert (tmp_path / "target-0" / "job.tgz").read_bytes() == (tmp_path / "target-2" / "job.tgz").read_bytes()


def test_a_bundle_lies_beside_the_project_and_is_removed_for_good(contents: BundleContents) -> None:
    bundler = TarballJobBundler()
    bundle = bundler.make(contents)
    assert contents.project.parent / "job.tgz" == bundle.path
    bundler.discard(bundle)
    bundler.discard(bundle)
    assert ["project"] == os.listdir(contents.directory)


def test_any_tar_reads_it(bundle: BundleFile, tmp_path: Path) -> None:
    target = tmp_path / "by-tar"
    target.mkdir()
    assert bundle.path is not None
    subprocess.run(["tar", "-xzf", str(bundle.path), "-C", str(target)], check=True)
    subprocess.run(["tar", "-xzf", str(target / "job/source/project.tgz"), "-C", str(target)], check=True)
    assert "data" == (target / "data.txt").read_text()
    assert 0o100 == (target / "link").stat().st_mode & 0o100


@pytest.mark.parametrize("kind", ["file", "directory", "dangling link"])
def test_what_has_the_bundles_name_is_never_overwritten(contents: BundleContents, kind: str) -> None:
    taken = contents.directory / "job.tgz"
    {"file": taken.touch, "directory": taken.mkdir, "dangling link": lambda: taken.symlink_to("nowhere")}[kind]()
    with pytest.raises(BundleExistsError):
        TarballJobBundler().make(contents)
    assert ["job.tgz", "project"] == sorted(os.listdir(contents.directory))


def test_a_file_that_takes_the_name_meanwhile_is_not_overwritten(
    contents: BundleContents, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = contents.directory / "job.tgz"
    monkeypatch.setattr(TarballJobBundler, "_check_absent", lambda self, target: taken.write_text("faster"))
    with pytest.raises(BundleExistsError):
        TarballJobBundler().make(contents)
    assert "faster" == taken.read_text()
    assert ["job.tgz", "project"] == sorted(os.listdir(contents.directory))


@pytest.fixture
def unwritable(contents: BundleContents, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere, so the answer of the system is replaced."""
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != contents.directory and may(path, mode))


@pytest.mark.usefixtures("unwritable")
def test_a_parent_that_cannot_be_written_is_told_and_a_private_directory_serves(
    contents: BundleContents, capsys: pytest.CaptureFixture[str]
) -> None:
    bundler = TarballJobBundler()
    bundle = bundler.make(contents)
    assert bundle.path is not None
    assert 0o700 == bundle.path.parent.stat().st_mode & 0o777
    assert "bundle_elsewhere" in capsys.readouterr().err
    bundler.verify(bundle)
    bundler.discard(bundle)
    assert [False, ["project"]] == [bundle.path.parent.exists(), os.listdir(contents.directory)]


@pytest.mark.usefixtures("unwritable")
def test_the_private_directory_is_removed_when_bundling_fails(
    contents: BundleContents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (contents.project / "bad").symlink_to("/etc/passwd")
    with pytest.raises(BundleError):
        TarballJobBundler().make(contents)
    (contents.project / "bad").unlink()
    monkeypatch.setattr("foundations.adapters.tarball.bundler._index", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        TarballJobBundler().make(contents)
    assert [] == os.listdir(tmp_path / "temporary")


def test_where_others_could_replace_the_bundle_a_private_directory_of_the_home_serves(
    contents: BundleContents, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contents.directory.chmod(0o777)
    bundler = TarballJobBundler()
    bundle = bundler.make(contents)
    assert bundle.path is not None
    assert home == bundle.path.parent.parent.parent
    assert 0o700 == bundle.path.parent.stat().st_mode & 0o777
    told = capsys.readouterr().err
    assert "bundle_elsewhere" in told
    assert f"other users could replace the bundle in {contents.directory}" in told
    bundler.discard(bundle)
    assert [[], ["project"]] == [os.listdir(home / "private_bundles"), os.listdir(contents.directory)]


def test_a_sticky_parent_is_as_good_as_a_private_one(contents: BundleContents) -> None:
    contents.directory.chmod(0o1777)
    bundle = TarballJobBundler().make(contents)
    assert contents.directory / "job.tgz" == bundle.path


def swap(path: Path, what: str, secret: Path) -> None:
    size = path.stat().st_size
    path.rename(path.with_name("moved"))
    if what == "fifo":
        os.mkfifo(path)
    elif what == "junk":
        path.write_bytes(b"A" * size)
    elif what == "directory":
        path.mkdir()
    else:
        path.symlink_to(secret if what == "link" else path.with_name("moved"))


@pytest.mark.parametrize("what", ["junk", "fifo", "link", "link to the bundle", "directory"])
def test_what_is_put_in_the_place_of_a_bundle_is_refused_at_once_and_not_stored(
    contents: BundleContents, home: Path, tmp_path: Path, what: str
) -> None:
    (tmp_path / "secret").write_text("secret")
    bundler = TarballJobBundler()
    bundle = bundler.make(contents)
    assert bundle.path is not None
    swap(bundle.path, what, tmp_path / "secret")
    with pytest.raises(DamagedBundleError):
        bundler.verify(bundle)
    if what != "directory":
        bundler.discard(bundle)
        assert not (home / "sources").exists()
    assert "secret" == (tmp_path / "secret").read_text()
    shutil.rmtree(bundle.path) if what == "directory" else None
    again = TarballJobBundler()
    again.verify(again.make(contents))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_file_that_cannot_be_read_is_named_and_nothing_is_left(contents: BundleContents) -> None:
    warm = TarballJobBundler()
    warm.discard(warm.make(contents))  # the other user may not be able to import what a first bundle imports
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)  # not below pytest's own directory, which is closed to others
        project = place / "work" / "project"
        project.mkdir(parents=True)
        secret = project / "secret"
        secret.write_text("x")
        secret.chmod(0o600)
        for directory in (place, place / "work", project):
            os.chown(directory, 12345, 12345)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            message = b"nothing was raised"
            try:
                os.setgid(12345)
                os.setuid(12345)
                os.environ["FOUNDATIONS_HOME"] = str(place / "home")
                TarballJobBundler().make(contents._replace(project=project, directory=project.parent))
            except BaseException as error:
                message = f"{type(error).__name__}: {getattr(error, 'path', '')}: {error}".encode()
            os.write(writing, message)
            os._exit(0)
        os.close(writing)
        told = os.read(reading, 4096).decode()
        os.close(reading)
        os.waitpid(child, 0)
        assert f"BundleError: {secret}: {secret}: cannot be read: Permission denied. Make it readable" in told
        assert ["project"] == os.listdir(place / "work")


def packed(bundler: TarballJobBundler, bundle: BundleFile, name: str = "data.txt") -> bytes | None:
    """Return a file of a bundle's project; None where it is not there."""
    bundler.verify(bundle)
    with tarfile.open(fileobj=io.BytesIO(bundler.read(bundle, "source/project.tgz"))) as project:
        stream = project.extractfile(name) if name in project.getnames() else None
        return None if stream is None else stream.read()


def while_open(monkeypatch: pytest.MonkeyPatch, path: Path, act: Callable[[], object]) -> None:
    """Have `act` called once, when the status of the open file `path` has been looked at for its size."""
    see, calls = os.fstat, iter(range(100))

    def seeing(descriptor: int) -> os.stat_result:
        status = see(descriptor)
        if os.readlink(f"/proc/self/fd/{descriptor}") == str(path) and next(calls) == 1:
            act()
        return status

    monkeypatch.setattr(os, "fstat", seeing)


@pytest.mark.parametrize(
    ("written", "bundled", "event"),
    [
        ("data and more", b"data", "file_grew"),
        ("d", b"d", "file_changed"),
        ("atad", b"atad", "file_changed"),
        ("", b"", "file_changed"),
    ],
)
def test_a_file_that_is_written_while_it_is_read_has_the_size_it_had_when_it_was_opened(
    contents: BundleContents,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    written: str,
    bundled: bytes,
    event: str,
) -> None:
    data = contents.project / "data.txt"
    os.utime(data, ns=(0, 0))
    while_open(monkeypatch, data, lambda: data.write_text(written))
    bundler = TarballJobBundler()
    bundle = bundler.make(contents)
    monkeypatch.undo()
    assert bundled == packed(bundler, bundle)
    assert event in capsys.readouterr().err


def test_a_large_file_that_is_cut_while_it_is_read_ends_in_zeros_and_that_is_reported(
    contents: BundleContents, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = contents.project / "data.txt"
    data.write_bytes(b"x" * 3_000_000)
    while_open(monkeypatch, data, lambda: os.truncate(data, 100_000))
    bundler = TarballJobBundler()
    bundle = bundler.make(contents)
    monkeypatch.undo()
    assert b"x" * 100_000 + bytes(2_900_000) == packed(bundler, bundle)
    assert "the rest of it is zeros in the bundle" in capsys.readouterr().err


def replace_by_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("inner")


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("act", [Path.unlink, replace_by_fifo, replace_by_link, replace_by_directory])
def test_a_file_that_vanishes_before_it_is_read_is_left_out_and_that_is_reported(
    contents: BundleContents,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    act: Callable[[Path], object],
) -> None:
    select = bundler_module.files_to_bundle

    def selecting(*arguments: Any) -> Any:
        found = select(*arguments)
        act(contents.project / "data.txt")
        return found

    monkeypatch.setattr(bundler_module, "files_to_bundle", selecting)
    bundler = TarballJobBundler()
    bundle = bundler.make(contents)
    monkeypatch.undo()
    assert [None, b"#!/bin/sh\n"] == [packed(bundler, bundle, name) for name in ("data.txt", "inner/tool.sh")]
    assert "it vanished while the project was bundled" in capsys.readouterr().err
    bundler.discard(bundle)
    assert ["project"] == os.listdir(contents.directory)


def test_a_project_that_changed_while_it_was_packed_is_packed_anew_for_the_next_job(
    contents: BundleContents, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = contents.project / "data.txt"
    while_open(monkeypatch, data, lambda: data.write_text("data and more"))
    first = TarballJobBundler()
    first.discard(first.make(contents))
    monkeypatch.undo()
    second = TarballJobBundler()
    assert b"data and more" == packed(second, second.make(contents))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
@pytest.mark.parametrize("large", [False, True], ids=["at once", "while it is compressed by threads"])
def test_a_full_disk_is_told_as_such_and_nothing_is_left(contents: BundleContents, tmp_path: Path, large: bool) -> None:
    (contents.project / "noise").write_bytes(os.urandom(2**23 if large else 2**18))
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", str(small)], check=True)
    try:
        with pytest.raises(BundleError, match="the bundle cannot be written: No space left on device"):
            TarballJobBundler().make(contents._replace(directory=small))
        assert [] == os.listdir(small)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_member_can_be_read_and_one_that_is_not_there_is_an_error(bundle: BundleFile) -> None:
    assert b"{}" == TarballJobBundler().read(bundle, "job.config.yaml")
    with pytest.raises(DamagedBundleError) as raised:
        TarballJobBundler().read(bundle, "nothing")
    assert "nothing" == raised.value.member
