"""A project that was bundled before is copied as it was packed, and only where nothing of it has changed."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from foundations.adapters.tarball import TarballJobBundler, bundler, sources
from foundations.ports.bundling import BundleContents, BundleFile


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOUNDATIONS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "sources"


@pytest.fixture
def contents(tmp_path: Path) -> BundleContents:
    project = tmp_path / "work" / "project"
    (project / "inner").mkdir(parents=True)
    (project / "data.txt").write_text("data")
    (project / "inner" / "more.txt").write_text("more")
    (project / "link").symlink_to("data.txt")
    for path in (project / "data.txt", project / "inner" / "more.txt"):
        os.utime(path, (1_000_000, 1_000_000))
    return BundleContents(
        job_name="job", members={"run.sh": b""}, project=project, project_member="p.tgz", directory=project.parent
    )


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no file count as changed just now, as if all had been written some time ago."""
    monkeypatch.setattr(sources, "_TICK", -(10**15))


@pytest.fixture
def packings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note which projects are packed, and which files are read without being packed."""
    noted: list[str] = []
    pack, read = bundler.pack_project, sources.digest_of_source

    def packing(found, descriptor):
        noted.append("packed")
        return pack(found, descriptor)

    def reading(source):
        noted.append(source.path)
        return read(source)

    monkeypatch.setattr(bundler, "pack_project", packing)
    monkeypatch.setattr(sources, "digest_of_source", reading)
    return noted


def bundled(contents: BundleContents) -> BundleFile:
    """Make a bundle, verify it, discard it, and return what it was."""
    made = TarballJobBundler()
    bundle = made.make(contents)
    made.verify(bundle)
    made.discard(bundle)
    return bundle


@pytest.mark.usefixtures("settled")
def test_an_unchanged_project_is_neither_packed_nor_read_again(contents, store, packings):
    first, second = bundled(contents), bundled(contents)
    assert [["packed"], first] == [packings, second]
    assert [".json", ".part"] == sorted(path.suffix for path in store.iterdir())
    assert {0o600} == {path.stat().st_mode & 0o777 for path in store.iterdir()}


def test_files_that_changed_just_now_are_read_once_more(contents, store, packings, monkeypatch):
    before = bundled(contents)
    assert before == bundled(contents)
    assert ["packed", "data.txt", "inner/more.txt"] == packings
    del packings[:]
    monkeypatch.setattr(sources, "_TICK", -(10**15))
    bundled(contents)
    bundled(contents)
    assert ["data.txt", "inner/more.txt"] == packings


def same_size_and_time(project: Path) -> None:
    status = (project / "data.txt").stat()
    (project / "data.txt").write_text("atad")
    os.utime(project / "data.txt", ns=(status.st_atime_ns, status.st_mtime_ns))


def replaced(project: Path) -> None:
    (project / "new").write_text("atad")
    os.utime(project / "new", (1_000_000, 1_000_000))
    (project / "new").rename(project / "data.txt")


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize(
    "change",
    [
        same_size_and_time,
        replaced,
        lambda project: (project / "data.txt").chmod(0o755),
        lambda project: (project / "data.txt").unlink(),
        lambda project: (project / "data.txt").rename(project / "other"),
        lambda project: (project / "new").write_text("x"),
        lambda project: (project / "new").mkdir(),
        lambda project: ((project / "link").unlink(), (project / "link").symlink_to("inner")),
        lambda project: (project / ".foundationsignore").write_text("inner\n"),
    ],
)
def test_whatever_changes_the_project_is_packed_again(contents, store, packings, change: Callable[[Path], object]):
    before = bundled(contents)
    change(contents.project)
    assert before.digest != bundled(contents).digest
    assert ["packed", "packed"] == packings
    assert 2 == len(list(store.iterdir()))


def noted(index: Path, **changes: object) -> None:
    """Change what is noted of a packed project, above the list of its files."""
    note, _, files = index.read_text().partition("\n")
    index.write_text(json.dumps({**json.loads(note), **changes}) + "\n" + files)


def test_a_second_change_in_the_same_tick_is_seen(contents, store, monkeypatch):
    """The stamps of a file may be the same before and after a change: then only its content tells."""
    before = bundled(contents)
    monkeypatch.setattr(sources, "_fingerprint", lambda found: "")
    monkeypatch.setattr(sources, "_TICK", 10**18)
    noted(next(store.glob("*.json")), sources="")
    same_size_and_time(contents.project)
    assert before.digest != bundled(contents).digest


def damage(part: Path) -> None:
    part.write_bytes(part.read_bytes()[:-1])


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize(
    "harm",
    [
        lambda store: [path.unlink() for path in store.glob("*.part")],
        lambda store: [damage(path) for path in store.glob("*.part")],
        lambda store: [os.utime(path) for path in store.glob("*.part")],
        lambda store: [path.write_text("no json") for path in store.glob("*.json")],
        lambda store: [path.write_text("[]") for path in store.glob("*.json")],
        lambda store: [path.write_text('{"format": 1}') for path in store.glob("*.json")],
        lambda store: [noted(path, boot="another") for path in store.glob("*.json")],
        lambda store: store.chmod(0o777),
    ],
)
def test_a_store_that_cannot_be_relied_on_is_done_without(contents, store, packings, harm: Callable[[Path], object]):
    before = bundled(contents)
    harm(store)
    assert before == bundled(contents)
    assert ["packed", "packed"] == packings


@pytest.mark.usefixtures("settled")
def test_extra_source_paths_are_part_of_it(contents, store, packings, tmp_path):
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra" / "m.py").write_text("1")
    more = contents._replace(extra_source_paths=(tmp_path / "extra",))
    first = bundled(more)
    assert first == bundled(more)
    (tmp_path / "extra" / "m.py").write_text("2")
    assert first.digest != bundled(more).digest
    bundled(contents)
    assert ["packed"] * 3 == packings


@pytest.mark.usefixtures("settled")
def test_what_is_not_used_for_long_or_was_left_by_the_dead_goes(contents, store, tmp_path):
    bundled(contents)
    kept = {path.name for path in store.iterdir()}
    (store / "0123.part").write_bytes(b"left by a process that died")
    (store / "fresh.part").write_bytes(b"of one that lives")
    os.utime(store / "0123.part", (1, 1))
    other = tmp_path / "work" / "other"
    other.mkdir()
    bundled(contents._replace(project=other))
    assert kept | {"fresh.part"} <= {path.name for path in store.iterdir()}
    assert not (store / "0123.part").exists()
    for name in kept:
        os.utime(store / name, (1, 1))
    third = tmp_path / "work" / "third"
    third.mkdir()
    bundled(contents._replace(project=third))
    assert not kept & {path.name for path in store.iterdir()}


@pytest.mark.usefixtures("settled")
def test_many_may_bundle_one_project_at_once(contents, store):
    failures: list[BaseException] = []
    digests = set()

    def run(number: int) -> None:
        try:
            for turn in range(5):
                made = contents._replace(job_name=f"job-{number}-{turn}")
                bundler = TarballJobBundler()
                bundle = bundler.make(made)
                bundler.verify(bundle)
                bundler.discard(bundle)
                digests.add(bundle.size)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == failures
    assert ["project"] == os.listdir(contents.directory)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
def test_a_full_disk_keeps_no_packed_project_and_no_bundle_from_being_made(contents, tmp_path, monkeypatch):
    (contents.project / "noise").write_bytes(os.urandom(2**18))
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "none", str(small)], check=True)
    try:
        monkeypatch.setattr(TarballJobBundler, "_store", sources.SourceStore(small / "sources"))
        bundled(contents)
        assert [] == os.listdir(small / "sources")
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_large_project_is_packed_by_threads_to_the_same_bytes(contents, store, monkeypatch):
    rows = b"".join(b"%d,%f\n" % (number, time.monotonic()) for number in range(300_000))
    (contents.project / "large.csv").write_bytes(rows)
    (contents.project / "noise").write_bytes(os.urandom(25_000_000))  # more than is held in memory
    monkeypatch.setattr(sources, "_boot", lambda: None)
    by_threads = bundled(contents)
    monkeypatch.setattr("foundations.adapters.tarball.packing._WORTH_THREADS", 2**40)
    assert by_threads == bundled(contents)
