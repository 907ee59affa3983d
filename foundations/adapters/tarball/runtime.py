"""``runtime.tgz``: the SDK and its pure-Python dependencies, so that a bare Python can run a job."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

from foundations.adapters._shared.bundle.manifest import digest_of
from foundations.adapters._shared.bundle.project_files import stamp
from foundations.adapters._shared.fs.files import write_atomically
from foundations.adapters._shared.fs.trusted import ensure_private_directory
from foundations.adapters.tarball.packing import packed_files
from foundations.errors import BundleError
from foundations.version import __version__

_OURS = "foundations"
_LEFT_OUT = ("testing", "cli")
_ENDINGS = (".py", ".pyi", ".sh", ".typed")


class Runtime(NamedTuple):
    """A packed runtime: where it lies, its size in bytes and its SHA-256 in hexadecimal."""

    path: Path
    size: int
    digest: str


_of_this_process: dict[tuple[tuple[str, ...], Path], tuple[Runtime, tuple[int, ...]]] = {}


def packed_runtime(packages: tuple[str, ...], store: Path) -> Runtime:
    """Return the packed runtime of these import packages, as they are installed now.

    Made once for each state of their files; shared objects are left out, licences come along. A runtime with this
    package is looked for once a process: an SDK that is installed later is not the one that this process runs.

    Args:
        packages: Import packages.
        store: A private directory that keeps what was made.

    Raises:
        BundleError: One is not installed as a directory of files.
    """
    ensure_private_directory(store)
    runtime, seen = _of_this_process.get((packages, store), (None, ()))
    if runtime is None or seen != _stamp(runtime.path):
        runtime = _packed(packages, store)
        if _OURS in packages:
            _of_this_process[packages, store] = runtime, _stamp(runtime.path)
    return runtime


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        return stamp(path.stat())
    except FileNotFoundError:
        return ()


def _packed(packages: tuple[str, ...], store: Path) -> Runtime:
    files = [found for package in packages for found in _package_files(package)]
    key = hashlib.sha256(json.dumps([__version__, *packages, *(list(found) for found in files)]).encode()).hexdigest()
    packed, about = store / f"{key[:32]}.tgz", store / f"{key[:32]}.json"
    known = _known(packed, about)
    if known is not None:
        return known
    listed = sorted([*((path, location) for path, location, *_ in files), *_licences(packages)])
    data = packed_files((path, Path(location).read_bytes(), 0o644) for path, location in listed)
    digest = digest_of(data)
    write_atomically(packed, [data])
    write_atomically(about, [json.dumps({"size": len(data), "sha256": digest}).encode()])
    return Runtime(packed, len(data), digest)


def _known(packed: Path, about: Path) -> Runtime | None:
    try:
        noted: Any = json.loads(about.read_bytes())
        with packed.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest == noted["sha256"]:
            return Runtime(packed, noted["size"], digest)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None  # never made, or its maker died in between: it is made again
    return None  # damaged since: likewise


def _package_files(package: str) -> list[tuple[str, str, int, int]]:
    """Return path in the runtime, location, size and time of each file of an import package."""
    module = sys.modules.get(package)
    if module is None:
        import importlib.util

        spec = importlib.util.find_spec(package)
        origin = spec.origin if spec is not None else None
    else:
        origin = getattr(module, "__file__", None)
    if origin is None or not origin.endswith("__init__.py"):
        raise BundleError(f"the package {package!r} is not installed as files, so it cannot be bundled: {origin}")
    found = []
    pending = [(os.path.dirname(origin), package)]
    while pending:
        location, path = pending.pop()
        with os.scandir(location) as entries:
            for entry in entries:
                if entry.is_dir():
                    if entry.name != "__pycache__" and (package != _OURS or entry.name not in _LEFT_OUT):
                        pending.append((entry.path, f"{path}/{entry.name}"))
                elif entry.name.endswith(_ENDINGS):
                    status = entry.stat()
                    found.append((f"{path}/{entry.name}", entry.path, status.st_size, status.st_mtime_ns))
    return sorted(found)


def _licences(packages: tuple[str, ...]) -> list[tuple[str, str]]:
    from importlib import metadata

    owners = metadata.packages_distributions()
    found = set()
    for name in {owner for package in packages for owner in owners.get(package, ())}:
        for file in metadata.files(name) or ():
            if ".dist-info/" in str(file) and file.name.upper().startswith(("LICEN", "COPYING", "NOTICE")):
                location = Path(str(file.locate()))
                if location.is_file():
                    found.add((f"licences/{name}/{file.name}", str(location)))
    return sorted(found)
