"""The store of extracted runtimes: the SDK as jobs run it, once for each version and Python."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from foundations.adapters._shared.bundle.extraction import damaged, reading_tgz, write_new
from foundations.adapters._shared.bundle.manifest import check_path
from foundations.adapters._shared.fs.files import open_descriptor
from foundations.ports.job_layout import RUNTIME, Entry

_LARGEST_RUNTIME = 2**28


def runtime_directory(runtime: Entry, store: Path) -> Path:
    """Return the directory of the runtime with this digest, which is extracted once for each Python, with byte code."""
    return store / f"{runtime.digest[:32]}-{sys.implementation.cache_tag}"


def extract_runtime(packed: Path, target: Path) -> None:
    """Extract a packed runtime of verified digest to its place in the store."""
    made = target.parent / f".extracting-{os.urandom(8).hex()}"
    made.mkdir(mode=0o700)
    try:
        _extract_files(packed, made)
        _compile(made)
        _make_read_only(made)
        _flush(made)  # an incomplete one would make every later job fail
        try:
            made.rename(target)
        except OSError:
            if not target.is_dir():  # nobody else was faster
                raise
    finally:
        if made.exists():
            import shutil

            shutil.rmtree(made)


def _extract_files(packed: Path, target: Path) -> None:
    """Extract the runtime: regular files only; its digest was verified as a member of the bundle."""
    import tarfile  # here alone: hardly a job extracts one

    room = _LARGEST_RUNTIME
    with (
        reading_tgz(RUNTIME, tarfile.TarError),
        packed.open("rb") as stream,
        tarfile.open(fileobj=stream, mode="r:gz") as archive,
    ):
        while (member := archive.next()) is not None:
            room -= member.size
            content = archive.extractfile(member) if member.isreg() and room >= 0 else None
            if content is None:
                raise damaged(RUNTIME, f"{member.name} is not a file, or is too large")
            path = target / check_path(member.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_new(path, [content.read()], 0o644)


def _compile(directory: Path) -> None:
    import compileall
    import py_compile

    compileall.compile_dir(
        directory, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH, stripdir=str(directory)
    )


def _make_read_only(directory: Path) -> None:
    """Make the files read-only, against writing by accident: every later job runs them."""
    for place, _, names in os.walk(directory):
        for name in names:
            os.chmod(os.path.join(place, name), 0o444)


def _flush(directory: Path) -> None:
    """Flush a directory and all that is in it to the disk."""
    for place, _, names in os.walk(directory):
        for name in (*names, "."):
            with open_descriptor(os.path.join(place, name), os.O_RDONLY) as descriptor:
                os.fsync(descriptor)
