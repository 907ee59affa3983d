"""``runtime.tgz``: the SDK and its pure-Python dependencies, so that a bare Python can run a job."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

from foundations.adapters._shared.bundle.manifest import digest_of
from foundations.adapters._shared.fs.files import write_atomically
from foundations.adapters._shared.fs.trusted import ensure_private_directory
from foundations.adapters._shared.project.project_files import stamp
from foundations.adapters.tarball.packing import pack_files
from foundations.errors import BundleError
from foundations.version import __version__

_OURS = "foundations"
_LEFT_OUT = ("testing", "cli")
_ENDINGS = (".py", ".pyi", ".sh", ".typed")


class Runtime(NamedTuple):
    """A packed runtime: its file, its size in bytes and its SHA-256 in hexadecimal."""

    path: Path
    size: int
    digest: str


_packed_before: dict[tuple[tuple[str, ...], Path], tuple[Runtime, tuple[int, ...]]] = {}
"""The runtimes with this package that this process has packed, by import packages and store, with their stamps."""


def pack_runtime(packages: tuple[str, ...], store: Path) -> Runtime:
    """Return the packed runtime of these import packages, as they are installed now.

    It is made once for each state of their files, with licences and without shared objects. A runtime with this package
    is searched for once a process: an SDK that is installed later is not the one that this process runs.

    Args:
        packages: Import packages.
        store: A private directory for packed runtimes.

    Raises:
        BundleError: One is not installed as a directory of files.
    """
    ensure_private_directory(store)
    runtime, seen = _packed_before.get((packages, store), (None, ()))
    if runtime is None or seen != _stamp(runtime.path):
        runtime = _pack(packages, store)
        if _OURS in packages:
            _packed_before[packages, store] = runtime, _stamp(runtime.path)
    return runtime


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        return stamp(path.stat())
    except FileNotFoundError:
        return ()


def _pack(packages: tuple[str, ...], store: Path) -> Runtime:
    files = [file for package in packages for file in _package_files(package)]
    key = hashlib.sha256(json.dumps([__version__, *packages, *map(list, files)]).encode()).hexdigest()
    path, note = store / f"{key[:32]}.tgz", store / f"{key[:32]}.json"
    stored = _read_stored(path, note)
    if stored is not None:
        return stored
    members = sorted([*((member, location) for member, location, *_ in files), *_licences(packages)])
    data = pack_files((member, Path(location).read_bytes(), 0o644) for member, location in members)
    digest = digest_of(data)
    write_atomically(path, [data])
    write_atomically(note, [json.dumps({"size": len(data), "sha256": digest}).encode()])
    return Runtime(path, len(data), digest)


def _read_stored(path: Path, note: Path) -> Runtime | None:
    """Return a runtime that was packed before; None where there is none, or its maker died, or it is damaged."""
    try:
        noted: Any = json.loads(note.read_bytes())
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return Runtime(path, noted["size"], digest) if digest == noted["sha256"] else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _package_files(package: str) -> list[tuple[str, str, int, int]]:
    """Return path in the runtime, location, size in bytes and time of change of each file of an import package."""
    files = []
    pending = [(_package_directory(package), package)]
    while pending:
        location, path = pending.pop()
        with os.scandir(location) as entries:
            for entry in entries:
                if entry.is_dir():
                    if entry.name != "__pycache__" and (package != _OURS or entry.name not in _LEFT_OUT):
                        pending.append((entry.path, f"{path}/{entry.name}"))
                elif entry.name.endswith(_ENDINGS):
                    status = entry.stat()
                    files.append((f"{path}/{entry.name}", entry.path, status.st_size, status.st_mtime_ns))
    return sorted(files)


def _package_directory(package: str) -> str:
    """Return the directory of an import package, which need not have been imported."""
    module = sys.modules.get(package)
    if module is None:
        import importlib.util

        spec = importlib.util.find_spec(package)
        origin = spec.origin if spec is not None else None
    else:
        origin = getattr(module, "__file__", None)
    if origin is None or not origin.endswith("__init__.py"):
        raise BundleError(f"the package {package!r} is not installed as files, so it cannot be bundled: {origin}")
    return os.path.dirname(origin)


def _licences(packages: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return path in the runtime and location of the licences of the distributions that import packages are of."""
    from importlib import metadata

    owners = metadata.packages_distributions()
    licences = set()
    for name in {owner for package in packages for owner in owners.get(package, ())}:
        for file in metadata.files(name) or ():
            if ".dist-info/" in str(file) and file.name.upper().startswith(("LICEN", "COPYING", "NOTICE")):
                location = Path(str(file.locate()))
                if location.is_file():
                    licences.add((f"licences/{name}/{file.name}", str(location)))
    return sorted(licences)
