"""What of a project directory goes into a bundle: a walk that leaves out what the ignore file names."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import NamedTuple

from foundations import events
from foundations.adapters._shared.bundle.ignoring import IGNORE_FILE, ignored
from foundations.adapters._shared.bundle.manifest import check_link
from foundations.errors import BundleError
from foundations.ports.bundling import BundleContents, extra_source_member

SECRET_NAMES = frozenset(
    {"id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".netrc", ".pypirc", ".pgpass", ".git-credentials", "credentials"}
)
SECRET_ENDINGS = (".pem", ".key", ".p12", ".pfx", ".kdbx")
LARGEST_PROJECT = 4 * 2**30
MOST_FILES = 250_000
_SEEN_AT_ONCE = 10_000


class SourceFile(NamedTuple):
    """One entry of a project.

    Attributes:
        path: ``/``-separated, relative to the project.
        location: Where it lies.
        kind: ``file``, ``directory`` or ``link``.
        size: Bytes; 0 for what is no file.
        mode: 0o755 for directories and what its owner may execute, 0o644 otherwise.
        target: A link's target.
        stamp: What tells that a file is still the same: see :func:`stamp`.
    """

    path: str
    location: str
    kind: str
    size: int
    mode: int
    target: str = ""
    stamp: tuple[int, ...] = ()


stamp: Callable[[os.stat_result], tuple[int, ...]] = attrgetter("st_size", "st_ino", "st_mtime_ns", "st_ctime_ns")
"""Returns a file's size, inode number, and times of its last change and of its status's, in nanoseconds."""


def bundled_files(contents: BundleContents, own: Path | None = None) -> list[SourceFile]:
    """Return what goes into the packed project: its own files, and the extra source paths' beside them.

    Args:
        contents: What to bundle.
        own: Where foundations keeps what it stores, which is no part of a project that it lies in.

    Raises:
        BundleError: As :func:`project_files`.
    """
    sources = project_files(contents.project, own=own)
    for number, extra in enumerate(contents.extra_source_paths):
        prefix = extra_source_member(number)
        sources += [SourceFile(prefix, str(extra), "directory", 0, 0o755), *project_files(extra, prefix + "/", own)]
    if contents.extra_source_paths:
        sources.append(SourceFile(extra_source_member(0).partition("/")[0], "", "directory", 0, 0o755))
        sources.sort(key=itemgetter(0))
    return sources


def project_files(root: Path, prefix: str = "", own: Path | None = None) -> list[SourceFile]:
    """Return what of `root` goes into a bundle, sorted by path.

    Sockets, FIFOs and devices are passed over, said in the log. Symbolic links stay links.

    Args:
        root: A directory.
        prefix: What each path begins with, ending in ``/``.
        own: A directory that stays out, said in the log.

    Raises:
        BundleError: A directory cannot be read, a name cannot be told, a link leads out of `root`, or `root` is of
            unreasonable size.
    """
    _refuse_place(root)
    found: list[SourceFile] = []
    size = 0
    for inside in _walk(root, prefix, None if own is None else os.path.realpath(own)):
        found += inside
        size += sum([entry.size for entry in inside])
        if size > LARGEST_PROJECT or len(found) > MOST_FILES:
            budget = _Budget(root)
            for seen in found:
                budget.spend(seen.path[len(prefix) :], seen.size)
    found.sort(key=itemgetter(0))
    return found


def _walk(root: Path, prefix: str, own: str | None) -> Iterator[list[SourceFile]]:
    """Iterate over what goes into the bundle, a directory or a part of a large one at a time."""
    is_ignored = ignored(root)
    pending = [(str(root), "")]
    while pending:
        location, inside = pending.pop()
        try:
            with os.scandir(location) as entries:
                listed = list(entries)
        except OSError as error:
            raise BundleError(
                f"{location}: cannot be read: {error.strerror}. Make it readable, or name it in {IGNORE_FILE}.",
                path=location,
            ) from error
        found: list[SourceFile] = []
        if inside:
            if os.path.lexists(f"{location}/pyvenv.cfg"):
                continue  # a virtual environment, whatever its name
            found.append(SourceFile(prefix + inside[:-1], location, "directory", 0, 0o755))
        for entry in listed:
            name = entry.name
            path = inside + name
            directory = entry.is_dir(follow_symlinks=False)
            if is_ignored(path, name, directory):
                continue
            if not name.isascii():
                _check_name(entry)
            if directory:
                if own is not None and name == os.path.basename(own) and os.path.realpath(entry.path) == own:
                    events.info("not_bundled", path=entry.path, reason="foundations keeps there what it stores")
                    continue
                pending.append((entry.path, path + "/"))
                continue
            try:
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    mode = 0o755 if status.st_mode & 0o100 else 0o644
                    if name in SECRET_NAMES or name.endswith(SECRET_ENDINGS) or name.startswith(".env."):
                        _warn_of_secret(entry)
                    file = SourceFile(prefix + path, entry.path, "file", status.st_size, mode, "", stamp(status))
                    found.append(file)
                    if len(found) == _SEEN_AT_ONCE:
                        yield found
                        found = []
                elif stat.S_ISLNK(status.st_mode):
                    target = _target(entry.path, str(root), path)
                    found.append(SourceFile(prefix + path, entry.path, "link", 0, 0o644, target))
                else:
                    events.info("not_bundled", path=entry.path, reason="it is no file, directory or link")
            except OSError as error:
                raise BundleError(f"{entry.path}: cannot be read: {error.strerror}", path=entry.path) from error
        yield found


def _warn_of_secret(entry: os.DirEntry[str]) -> None:
    events.warning(
        "secret_bundled",
        path=entry.path,
        reason="its name looks like a secret's, and it goes into the bundle and the source archive",
        remedy=f"name it in {IGNORE_FILE}",
    )


def _target(location: str, root: str, inside: str) -> str:
    target = os.readlink(location)
    if target == root or target.startswith(root + "/"):
        target = os.path.relpath(target, os.path.dirname(location))
    try:
        return check_link(inside, target)
    except ValueError:
        raise BundleError(
            f"{location}: the link leads to {target!r}, out of the project, and would lead nowhere in the job."
            f" Copy what it leads to into the project, or name it in {IGNORE_FILE}.",
            path=location,
        ) from None


def _check_name(entry: os.DirEntry[str]) -> None:
    try:
        entry.name.encode()
    except UnicodeEncodeError as error:
        raise BundleError(
            f"{entry.path!r}: the name is not valid UTF-8, so it cannot be bundled. Rename it, or name its directory in"
            f" {IGNORE_FILE}. (Where other programs show it rightly, this Python runs in another locale than UTF-8.)",
            path=entry.path,
        ) from error


def _refuse_place(root: Path) -> None:
    """Refuse the root of the file system and the home directory, unless an ignore file says what to leave out."""
    if (root / IGNORE_FILE).exists():
        return
    for place, called in ((Path("/"), "the root of the file system"), (_home(), "your home directory")):
        if place is not None and root.resolve() == place.resolve():
            budget = _Budget(root)
            try:
                _survey(root, budget)
            except BundleError as error:  # it is as large as no project may be
                raise budget.refused(f"it is {called}") from error
            raise budget.refused(f"it is {called}")


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None


def _survey(root: Path, budget: _Budget) -> None:
    """Add up what lies in `root`, as far as it can be seen and is on its file system."""
    device = root.stat().st_dev
    for location, directories, names in os.walk(root):
        for name in (*directories, *names):
            path = os.path.join(location, name)
            try:
                status = os.lstat(path)
            except OSError:  # it is gone, or nothing that this user may look at
                continue
            if status.st_dev != device and name in directories:
                directories.remove(name)
            elif stat.S_ISREG(status.st_mode):
                budget.spend(os.path.relpath(path, root), status.st_size)


class _Budget:
    """Adds up what a project holds, and refuses one of unreasonable size before much of it is walked."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._sizes: dict[str, int] = {}
        self._total = self._count = 0

    def spend(self, path: str, size: int) -> None:
        top = path.partition("/")[0]
        self._sizes[top] = self._sizes.get(top, 0) + size
        self._total += size
        self._count += 1
        if self._total > LARGEST_PROJECT:
            raise self.refused(f"it holds more than {LARGEST_PROJECT // 2**30} GiB")
        if self._count > MOST_FILES:
            raise self.refused(f"it holds more than {MOST_FILES:,} files")

    def refused(self, why: str) -> BundleError:
        largest = sorted(self._sizes.items(), key=lambda item: -item[1])[:5]
        sizes = ", ".join(f"{name} ({size / 2**20:,.0f} MiB)" for name, size in largest)
        lines = "".join(f"\n    /{name}" for name, _ in largest)
        return BundleError(
            f"{self._root}: the working directory is bundled whole, and {why}. Run from the project's own directory,"
            f" or leave out what the job does not need. The largest entries seen: {sizes}. To leave them out, add to"
            f" {self._root / IGNORE_FILE}:{lines}",
            path=str(self._root),
        )
