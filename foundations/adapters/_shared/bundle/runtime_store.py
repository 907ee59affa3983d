"""The store of extracted runtimes: the SDK as jobs run it, once for each version and Python."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from foundations import events
from foundations.adapters._shared.bundle.extraction import damaged, reading_tgz, write_new
from foundations.adapters._shared.bundle.manifest import check_path
from foundations.adapters._shared.fs.files import locked_directory, open_descriptor
from foundations.adapters._shared.fs.removal import remove_tree
from foundations.ports.job_layout import RUNTIME, Entry

_LARGEST_RUNTIME = 2**28
_STAMPS = ".stamps.json"
"""The file of a runtime with the size and the time of the last change of all that is imported from it."""


def runtime_directory(runtime: Entry, store: Path) -> Path:
    """Return the directory of the runtime with this digest, which is extracted once for each Python, with byte code."""
    return store / f"{runtime.digest[:32]}-{sys.implementation.cache_tag}"


def has_intact_runtime(runtime: Entry, store: Path) -> bool:
    """Return whether the store has a runtime as it was extracted; one that has been altered is removed and reported."""
    target = runtime_directory(runtime, store)
    if _is_intact(target):
        return True
    if not target.is_dir():
        return False
    removed = _unfinished(store)
    with locked_directory(store):
        if _is_intact(target):  # somebody else was faster
            return True
        target.rename(removed)
    remove_tree(removed)
    events.warning(
        "runtime_altered",
        path=str(target),
        reason="what jobs run is not as it was extracted: a job or another program has changed it",
        consequence="it was removed and is extracted anew",
    )
    return False


def extract_runtime(packed: Path, target: Path) -> None:
    """Extract a packed runtime of verified digest to its place in the store."""
    made = _unfinished(target.parent)
    made.mkdir(mode=0o700)
    try:
        _extract_files(packed, made)
        _compile(made)
        _make_read_only(made)
        _write_stamps(made)
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


def _unfinished(store: Path) -> Path:
    return store / f".extracting-{os.urandom(8).hex()}"


def _is_intact(directory: Path) -> bool:
    try:
        with open(directory / _STAMPS, "rb") as stream:
            stamps = json.loads(stream.read())
        return all(_stamp(os.path.join(directory, path)) == stamp for path, stamp in stamps.items())
    except (OSError, ValueError, AttributeError):  # one that is gone, or damaged
        return False


def _write_stamps(directory: Path) -> None:
    (directory / _STAMPS).touch(0o600)  # now, since that changes the directory
    stamps = {path: _stamp(os.path.join(directory, path)) for path in _imported(directory)}
    (directory / _STAMPS).write_text(json.dumps(stamps))


def _imported(directory: Path) -> Iterator[str]:
    """Yield the paths of what an import reads: directories, and byte code instead of the sources that it is made from.

    Python may add byte code of other levels of optimisation.
    """
    for place, _, names in os.walk(directory):
        inside = os.path.relpath(place, directory)
        if os.path.basename(place) != "__pycache__":
            yield inside
        yield from (os.path.join(inside, name) for name in names if not name.endswith(".py") and name != _STAMPS)


def _stamp(path: str) -> list[int]:
    status = os.stat(path, follow_symlinks=False)
    return [status.st_mode, status.st_mtime_ns, 0 if stat.S_ISDIR(status.st_mode) else status.st_size]


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
