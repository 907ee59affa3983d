"""What is installed around the project: how a code closure tells packages and files by their content."""

from __future__ import annotations

import errno
import hashlib
import importlib
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType
from typing import Any

from foundations import events
from foundations.app.code_origin import BUNDLED, is_installed, is_standard_library, is_standard_module
from foundations.version import __version__

PYTHON = str(sys.implementation.cache_tag)
"""The implementation of Python and its minor version, as in ``cpython-311``."""

_COMPILED = tuple(EXTENSION_SUFFIXES)


class InstalledPackages:
    """The environment of code in this process; see :class:`foundations.domain.caching.code.closure.CodeEnvironment`.

    Args:
        project: The project directory, which relative paths begin at.
        digest: Digests a buffer.
        origin: Where the project lay when the pipeline was made.
    """

    def __init__(self, project: Path, digest: Any, origin: str | None = None) -> None:
        self.project = str(project)
        self._origin = origin or self.project
        self._digest = digest
        self._packages: dict[str, Mapping[str, str] | None] = {}
        self._portions: dict[str, str] = {}

    def packages_of(self, module: str) -> Mapping[str, str] | None:
        """Return the versions of the installed package that a module belongs to, and of those it needs, by name.

        None for a module of the project; nothing for one of Python's own.
        """
        portion = self._portions.get(module)
        if portion is None:
            portion = self._portions[module] = _portion(module)
        if portion not in self._packages:
            self._packages[portion] = _packages(portion)
        return self._packages[portion]

    def compiled_digest(self, module: str) -> bytes | None:
        """Return a digest of the file of a module that was compiled from C or its like; None for any other."""
        file = getattr(sys.modules.get(module), "__file__", None)
        return self._file(Path(file)) if isinstance(file, str) and file.endswith(_COMPILED) else None

    def environment_variable(self, name: str) -> str | None:
        """Return the value of an environment variable; None where it is not set."""
        return os.environ.get(name)

    def import_module(self, name: str) -> ModuleType | None:
        """Return a module, imported where it has not been; None where that fails."""
        try:
            return importlib.import_module(name)
        except (Exception, SystemExit) as error:  # whatever the user's module raises; the function may expect it
            events.debug("not_imported", module=name, reason=f"{type(error).__name__}: {error}")
            return None

    def resolve_path(self, path: str) -> str:
        """Return the absolute path of a file or directory; one of the project lies in the project's present place."""
        expanded = os.path.expanduser(path)
        if f"{expanded}/".startswith(f"{self._origin}/"):
            expanded = expanded[len(self._origin) :].strip("/")
        return os.path.abspath(os.path.join(self.project, expanded))

    def content_digest(self, path: str) -> bytes:
        """Return a digest of a file's bytes, or of the names and bytes of all files in a directory."""
        place = Path(self.resolve_path(path))
        if not place.is_dir():
            return self._file(place)
        digest = hashlib.sha256(b"directory")
        for file in _files_in(place):
            digest.update(os.fsencode(f"{file.relative_to(place)}\0") + self._file(file))
        return digest.digest()

    def file_signature(self, path: str) -> object:
        """Return what tells fast whether a file or directory has changed: names, times, sizes and inodes."""
        place = Path(self.resolve_path(path))
        files = _files_in(place) if place.is_dir() else iter([place])
        found = ((str(file), file.stat()) for file in files)
        return tuple((name, status.st_mtime_ns, status.st_size, status.st_ino) for name, status in found)

    def _file(self, place: Path) -> bytes:
        import mmap

        if not stat.S_ISREG(place.stat().st_mode):
            raise OSError(errno.EINVAL, "it is neither a file nor a directory", str(place))
        with place.open("rb") as stream:
            if not os.fstat(stream.fileno()).st_size:  # then it cannot be mapped
                return bytes(self._digest(b""))
            # not closed here: an error of the digest still refers to the content, and closing it would hide the error
            return bytes(self._digest(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)))


def _files_in(place: Path) -> Iterator[Path]:
    """Yield the files below a directory in order, those behind symbolic links too; each directory once."""
    seen: set[tuple[int, int]] = set()
    for directory, directories, files in os.walk(place, followlinks=True):
        status = os.stat(directory)
        if (status.st_dev, status.st_ino) in seen:
            directories.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        directories.sort()
        yield from (Path(directory, name) for name in sorted(files))


def _portion(module: str) -> str:
    """Return the first of a module's packages that is no namespace, which several distributions and the project share.

    >>> _portion("json.decoder")
    'json'
    """
    parts = module.split(".")
    for count in range(1, len(parts)):
        name = ".".join(parts[:count])
        if not _is_namespace(name):
            return name
    return module


def _packages(portion: str) -> Mapping[str, str] | None:
    if portion == "__main__":
        return None
    if portion == "foundations":
        return {"foundations": __version__}
    file = _file_of(portion)
    if is_standard_module(portion) and (file is None or is_standard_library(file)):
        return {}
    # Importing what it needs takes 20 ms, which only cached stages are worth.
    from foundations.app.caching import distributions

    if portion in BUNDLED:
        return distributions.bundled(BUNDLED[portion])
    if file is None or not is_installed(file):
        return None  # the project's own, whatever its name; an editable install; a namespace
    return distributions.installed(portion)


def _file_of(name: str) -> str | None:
    """Return the file of a module, imported or not; None for one built in, a namespace, or what is not there."""
    module = sys.modules.get(name)
    if module is not None:
        file: str | None = getattr(module, "__file__", None)
        return file
    spec = _spec(name)
    return spec.origin if spec is not None and spec.has_location else None


def _is_namespace(name: str) -> bool:
    module = sys.modules.get(name)
    if module is not None:
        return getattr(module, "__file__", None) is None and hasattr(module, "__path__")
    spec = _spec(name)
    return spec is not None and spec.origin is None and spec.submodule_search_locations is not None


def _spec(name: str) -> Any:
    from importlib.util import find_spec

    try:
        return find_spec(name) if name else None
    except (ImportError, ValueError):  # __main__, or what a module has put into sys.modules
        return None
