"""Selection of a project's files for its bundle: a walk that leaves out what the ignore file names."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Collection, Iterator
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import NamedTuple, TypeAlias

from foundations import events
from foundations.adapters._shared.bundle.manifest import check_link
from foundations.adapters._shared.fs.files import identity_of
from foundations.adapters._shared.project.ignoring import IGNORE_FILE, ignore_predicate, report_ignored
from foundations.adapters._shared.project.project_size import (
    LARGE_PROJECT,
    ProjectLimits,
    ProjectSize,
    describe_largest,
)
from foundations.errors import BundleError
from foundations.ports.bundling import BundleContents, extra_source_member

_BATCH = 10_000
_DEFAULT_LIMITS = ProjectLimits()
IGNORED = "it is ignored by its name"
STORE = "foundations stores its data there"
ENVIRONMENT = "it is an environment of Python or conda"
NO_FILE = "it is not a file, directory or link"
LeftOut: TypeAlias = Callable[[os.DirEntry[str], str, str], None]
VANISHED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ESTALE)
"""The errors of opening a file that another process has removed, or replaced by something else than a file."""


class SourceFile(NamedTuple):
    """One entry of a project.

    Attributes:
        path: The path relative to the project, separated by ``/``.
        location: The path on this machine.
        kind: ``file``, ``directory`` or ``link``.
        size: The size of a file in bytes; 0 for other kinds.
        mode: 0o755 for directories and for files that their owner may execute, 0o644 otherwise.
        target: A link's target.
        stamp: The stamp of a file, by which a change of it is detected: see :func:`stamp`.
    """

    path: str
    location: str
    kind: str
    size: int
    mode: int
    target: str = ""
    stamp: tuple[int, ...] = ()


stamp: Callable[[os.stat_result], tuple[int, ...]] = attrgetter("st_size", "st_ino", "st_mtime_ns", "st_ctime_ns")
"""Return a file's size, inode number, and times of its last change and of its status's, in nanoseconds."""


def files_to_bundle(
    contents: BundleContents, excluded: Collection[Path] = (), limits: ProjectLimits = _DEFAULT_LIMITS
) -> list[SourceFile]:
    """Return the files of the packed project, with those of the extra source paths; report a large one in the log.

    Args:
        contents: The contents of the bundle.
        excluded: Directories that are left out beside those that `contents` name.
        limits: What the project, and each extra source path, may be at most.

    Raises:
        BundleError: As :func:`project_files`.
    """
    excluded = (*excluded, *contents.excluded)
    sources = project_files(contents.project, excluded=excluded, limits=limits)
    for number, extra in enumerate(contents.extra_source_paths):
        prefix = extra_source_member(number)
        sources.append(SourceFile(prefix, str(extra), "directory", 0, 0o755))
        sources += project_files(extra, prefix + "/", excluded, limits)
    if contents.extra_source_paths:
        sources.append(SourceFile(extra_source_member(0).partition("/")[0], "", "directory", 0, 0o755))
        sources.sort(key=itemgetter(0))
    size = sum([source.size for source in sources])
    events.debug("project_listed", path=str(contents.project), entries=len(sources), size=f"{size:,} bytes")
    if size > LARGE_PROJECT:
        events.info(
            "large_project",
            path=str(contents.project),
            size=f"{size / 1e6:,.0f} MB",
            largest=describe_largest([(source.path, source.size) for source in sources]),
            remedy=f"name what the job does not need in {IGNORE_FILE}",
        )
    return sources


def project_files(
    root: Path,
    prefix: str = "",
    excluded: Collection[Path] = (),
    limits: ProjectLimits = _DEFAULT_LIMITS,
    left_out: LeftOut = lambda *_: None,
) -> list[SourceFile]:
    """Return the entries of `root` that belong in a bundle, sorted by path.

    Sockets, FIFOs and devices are left out and logged. Symbolic links stay links.

    Args:
        root: A directory.
        prefix: The beginning of each path, which ends in ``/``.
        excluded: Directories that are left out and logged.
        limits: What `root` may be at most.
        left_out: Called with each entry that is left out, its path relative to `root`, and the reason.

    Raises:
        BundleError: A directory cannot be read, a name is not valid UTF-8, a link leads out of `root`, or `root` is too
            large.
    """
    _refuse_root_or_home(root, limits)
    files: list[SourceFile] = []
    size = 0
    identities = {found for path in excluded if (found := identity_of(os.path.realpath(path))) is not None}
    for batch in _walk(root, prefix, identities, left_out):
        files += batch
        size += sum([file.size for file in batch])
        if size > limits.size or len(files) > limits.files:
            total = ProjectSize(root, limits)
            for file in files:
                total.add(file.path[len(prefix) :], file.size)
    files.sort(key=itemgetter(0))
    return files


def _walk(  # noqa: C901
    root: Path, prefix: str, excluded: Collection[tuple[int, int]], left_out: LeftOut
) -> Iterator[list[SourceFile]]:
    """Iterate over the entries that belong in the bundle: one list per directory, several for a large one.

    What is excluded counts by its identity, so it is found under any name: through links and mounts, too.
    """
    is_ignored = ignore_predicate(root)
    ignored: list[str] = []
    pending = [(str(root), "")]
    while pending:
        location, inside = pending.pop()
        entries = _list_directory(location, is_root=not inside)
        if entries is None:
            continue
        files: list[SourceFile] = []
        if inside:
            files.append(SourceFile(prefix + inside[:-1], location, "directory", 0, 0o755))
        for entry in entries:
            path = inside + (name := entry.name)
            is_directory = entry.is_dir(follow_symlinks=False)
            if is_ignored(path, name, is_directory):
                events.debug("not_bundled", path=entry.path, reason=IGNORED)
                ignored.append(path)
                left_out(entry, path, IGNORED)
                continue
            if not name.isascii():
                _check_name(entry)
            if (is_directory or entry.is_symlink()) and identity_of(entry.path) in excluded:
                events.info("not_bundled", path=entry.path, reason=STORE)
                left_out(entry, path, STORE)
            elif not is_directory:
                file = _source_file(entry, prefix, path, root)
                if file is not None:
                    files.append(file)
                else:
                    left_out(entry, path, NO_FILE)
                if len(files) == _BATCH:
                    yield files
                    files = []
            elif _is_environment(entry.path):
                events.debug("not_bundled", path=entry.path, reason=ENVIRONMENT)
                left_out(entry, path, ENVIRONMENT)
            else:
                pending.append((entry.path, path + "/"))
        yield files
    report_ignored(root, ignored)


def _list_directory(location: str, *, is_root: bool) -> list[os.DirEntry[str]] | None:
    """Return the entries of a directory; None where it has vanished since it was seen in another one."""
    try:
        with os.scandir(location) as entries:
            return list(entries)
    except OSError as error:
        if error.errno in VANISHED and not is_root:
            _report_vanished(location)
            return None
        raise BundleError(
            f"{location}: cannot be read: {error.strerror}. Make it readable, or, if no job needs it, add it to"
            f" {IGNORE_FILE}.",
            path=location,
        ) from error


def _is_environment(location: str) -> bool:
    """Return whether a directory is an environment of Python's own or of conda's, whatever its name."""
    return os.path.lexists(f"{location}/pyvenv.cfg") or os.path.lexists(f"{location}/conda-meta")


def _source_file(entry: os.DirEntry[str], prefix: str, path: str, root: Path) -> SourceFile | None:
    """Return the source file of an entry that is not a directory; None where it is neither a file nor a link."""
    try:
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISREG(status.st_mode):
            mode = 0o755 if status.st_mode & 0o100 else 0o644
            return SourceFile(prefix + path, entry.path, "file", status.st_size, mode, "", stamp(status))
        if stat.S_ISLNK(status.st_mode):
            return SourceFile(prefix + path, entry.path, "link", 0, 0o644, _link_target(entry.path, str(root), path))
    except OSError as error:
        if error.errno in VANISHED:
            _report_vanished(entry.path)
            return None
        raise BundleError(f"{entry.path}: cannot be read: {error.strerror}", path=entry.path) from error
    events.info("not_bundled", path=entry.path, reason=NO_FILE)
    return None


def report_vanished(source: SourceFile) -> None:
    """Report a file that was listed and is not there any more."""
    events.warning("not_bundled", path=source.location, reason="it vanished while the project was bundled")


def _report_vanished(location: str) -> None:
    events.info("not_bundled", path=location, reason="it vanished while the project was listed")


def _link_target(location: str, root: str, path: str) -> str:
    """Return the target of a link, relative to the link where it is an absolute path into the project."""
    target = os.readlink(location)
    if target == root or target.startswith(root + "/"):
        target = os.path.relpath(target, os.path.dirname(location))
    try:
        return check_link(path, target)
    except ValueError:
        raise BundleError(
            f"{location}: the link points to {target!r}, outside the project, and would be broken in the job."
            f" Copy its target into the project, or, if no job needs it, add the link to {IGNORE_FILE}.",
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


def _refuse_root_or_home(root: Path, limits: ProjectLimits) -> None:
    """Refuse the root of the file system and the home directory, unless an ignore file says what to leave out."""
    if (root / IGNORE_FILE).exists():
        return
    for place, description in ((Path("/"), "the root of the file system"), (_home(), "your home directory")):
        if place is not None and root.resolve() == place.resolve():
            size = ProjectSize(root, limits)
            try:
                _add_everything(root, size)
            except BundleError as error:  # it is larger than a project may be
                raise size.error(f"it is {description}") from error
            raise size.error(f"it is {description}")


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None


def _add_everything(root: Path, size: ProjectSize) -> None:
    """Add every readable file of `root` that is on the same file system."""
    device = root.stat().st_dev
    for location, directories, names in os.walk(root):
        for name in (*directories, *names):
            path = os.path.join(location, name)
            try:
                status = os.lstat(path)
            except OSError:  # it was removed, or this user has no access
                continue
            if status.st_dev != device and name in directories:
                directories.remove(name)
            elif stat.S_ISREG(status.st_mode):
                size.add(os.path.relpath(path, root), status.st_size)
