"""What is fuzzed: each target reads bytes as one of our formats, and lets through nothing but the documented errors."""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from foundations.adapters._shared.bundle.gzip_format import store_member
from foundations.adapters._shared.bundle.manifest import Manifest, digest_of, project_digest
from foundations.adapters._shared.bundle.tar_format import header, padding
from foundations.adapters._shared.bundle.unpack import unpack_bundle
from foundations.adapters._shared.project.project_files import project_files
from foundations.adapters._shared.rules import check_cache_key, check_item
from foundations.adapters.filesystem import LocalFileSystemCacheBackend
from foundations.adapters.filesystem.archive.item_paths import item_name, item_path
from foundations.app.config.file import read_config_file
from foundations.app.config.settings import Settings
from foundations.domain.jobs.result_document import ResultDocument
from foundations.errors import BundleError, ConfigurationError, DamagedBundleError, JobNameError
from foundations.ports.bundling import BundleFile
from foundations.ports.cache import CachedValue
from foundations.ports.frames import split_frames
from foundations.ports.job import JobEnd, check_job_name
from foundations.ports.job_layout import RUNTIME, Entry


def configuration(data: bytes) -> None:
    """A configuration file: settings, or an error that names it."""
    with _place() as place:
        path = place / "a.config.yaml"
        path.write_bytes(data)
        told = str(path)
        try:
            read_config_file(path)
        except ConfigurationError as refused:
            told = str(refused)
        assert str(path) in told


def job_configuration(data: bytes) -> None:
    """The configuration as it travels with a job."""
    with suppress(ConfigurationError):
        Settings.from_json(_json(data))


def manifest(data: bytes) -> None:
    """A bundle's manifest: what is read is written again as the same."""
    with suppress(DamagedBundleError):
        read = Manifest.from_bytes(data)
        assert read == Manifest.from_bytes(read.to_bytes())


def result(data: bytes) -> None:
    """The result document, and the end record."""
    document = _json(data)
    for read in (ResultDocument.from_json, JobEnd.from_json):
        with suppress(ValueError):
            read(document)


def names(data: bytes) -> None:
    """Job names, cache keys and item names: an item comes back from the file it is kept in."""
    name = data.decode(errors="surrogateescape")
    with suppress(JobNameError):
        assert name == check_job_name(name)
    with suppress(ValueError):
        check_cache_key(name)
    with suppress(ValueError):
        check_item("job", name)
        name.encode()
        assert name == item_name(item_path(name))


def ignore_file(data: bytes) -> None:
    """The ignore file: some files stay, or an error says why not."""
    with _place() as place:
        (place / "kept").write_bytes(b"")
        (place / ".foundationsignore").write_bytes(data)
        with suppress(BundleError):
            assert {"kept", ".foundationsignore"} >= {entry.path for entry in project_files(place)}


def frames(data: bytes) -> None:
    """A value's frames, as archives and caches keep them."""
    with suppress(ValueError):
        split_frames(data)


def cache_entry(data: bytes) -> None:
    """A cache's entry: what somebody's disk made of it is a miss, and set aside, even where its digest is right."""
    from xxhash import xxh3_128

    with _place() as place:
        cache = LocalFileSystemCacheBackend(place / "root")
        cache.put("key", [b"value"])
        (entry,) = [path for path in (place / "root" / "cache").rglob("*") if path.is_file()]
        entry.write_bytes(data)
        assert cache.get_metadata("key") in (None, b"")
        assert cache.get("key") in (None, CachedValue(b"", [b"value"]))
        entry.write_bytes(data[:8] + xxh3_128(data[24:]).digest() + data[24:])
        cache.get_metadata("key")
        cache.get("key")


def packed_project(data: bytes) -> None:
    """A packed project that its manifest does not describe: refused, and nothing is written outside."""
    files = [Entry("a", "file", 1, 0o644, digest_of(b"x"))]
    members = [
        Entry("p.tgz", "project", len(data), 0o644, project_digest(files)),
        Entry(RUNTIME, "file", 0, 0o644, digest_of(b"")),
    ]
    document = Manifest("job", {}, "p.tgz", members, files).to_bytes()
    _unpack(_index({"manifest.json": document}), digest_of(document), _stored("p.tgz", data) + _stored(RUNTIME, b""))


def index(data: bytes) -> None:
    """What lies in a bundle's index behind its manifest, as a tar stream: refused, within bounded memory."""
    import gzip

    packed = [Entry("p.tgz", "project", 0, 0o644, project_digest([])), Entry(RUNTIME, "file", 0, 0o644, digest_of(b""))]
    members = [Entry("job.bin", "file", 3, 0o644, digest_of(b"abc")), *packed]
    document = Manifest("job", {}, "p.tgz", members, []).to_bytes()
    head = header(Entry("job/manifest.json", "file", len(document), 0o644, ""))
    first = head + document + bytes(padding(len(document)))
    before = _stored("p.tgz", b"") + _stored(RUNTIME, b"")
    _unpack(gzip.compress(first + data, 1, mtime=0), digest_of(document), before)


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        *(configuration, job_configuration, manifest, result, names),
        *(ignore_file, frames, cache_entry, packed_project, index),
    )
}


def _unpack(index: bytes, digest: str, before: bytes) -> None:
    with _place() as place:
        (place / "runtimes").mkdir()
        (place / "job.tgz").write_bytes(before + index)
        bundle = BundleFile(
            job_name="job",
            path=place / "job.tgz",
            index_size=len(index),
            sha256=digest_of(index),
            digest=digest,
            size=len(before + index),
        )
        with suppress(DamagedBundleError):
            unpack_bundle(bundle, place / "bundle", place / "project", place / "runtimes")
        assert {"bundle", "job.tgz", "project", "runtimes"} >= {path.name for path in place.iterdir()}
        assert {"a"} >= {path.name for path in (place / "project").iterdir()}


def _stored(name: str, content: bytes) -> bytes:
    return store_member(header(Entry(f"job/{name}", "file", len(content), 0o644, ""))) + store_member(
        content + bytes(padding(len(content)))
    )


def _index(members: dict[str, bytes]) -> bytes:
    import tarfile

    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(f"job/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def _json(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


@contextmanager
def _place() -> Iterator[Path]:
    """Yield a new directory, in memory where there is such a file system."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    made = tempfile.mkdtemp(prefix="fuzz-", dir=memory)
    try:
        yield Path(made).resolve()
    finally:
        shutil.rmtree(made, ignore_errors=True)
