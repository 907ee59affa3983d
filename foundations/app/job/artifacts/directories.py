"""A directory as one item: an uncompressed tar, replaced as a whole, written and read in bounded memory."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from foundations import events
from foundations.errors import FoundationsError


def pack_directory(source: Path, target: Path, report_packed: Callable[[Path], None] = lambda path: None) -> None:
    """Write the files and directories below `source` to the new tar `target`.

    A link to a file is stored as the file. Links to directories, sockets and the like are left out, with a warning.

    Args:
        source: The directory.
        target: The tar.
        report_packed: Receives each file that was packed.
    """
    with tarfile.open(target, "x", format=tarfile.PAX_FORMAT) as tar:
        for path, name in _walk(source):
            status = path.stat()
            member = tarfile.TarInfo(name)
            member.mode = 0o755 if status.st_mode & 0o100 else 0o644
            member.mtime = int(status.st_mtime)
            if stat.S_ISDIR(status.st_mode):
                member.type = tarfile.DIRTYPE
                tar.addfile(member)
                continue
            with path.open("rb") as stream:
                member.size = os.fstat(stream.fileno()).st_size
                tar.addfile(member, stream)
            _forget_members(tar)
            report_packed(path)


def _walk(source: Path) -> Iterator[tuple[Path, str]]:
    """Yield what is packed, directories before what is in them, each with its name in the tar."""
    for place, directories, files in os.walk(source, onerror=_raise):
        for name in sorted(directories):
            path = Path(place, name)
            if path.is_symlink():
                events.warning("link_not_saved", path=str(path), reason="it leads to a directory")
            else:
                yield path, path.relative_to(source).as_posix()
        directories.sort()
        for name in sorted(files):
            path = Path(place, name)
            if path.is_file():
                yield path, path.relative_to(source).as_posix()
            else:
                events.warning("file_not_saved", path=str(path), reason="it is neither a file nor a link to one")


def _raise(error: OSError) -> None:
    raise error


def unpack_directory(source: Path, target: Path) -> None:
    """Write what :func:`pack_directory` has packed to the new directory `target`, which nobody sees half written.

    Raises:
        FileExistsError: `target` exists.
        FoundationsError: The tar is damaged, or has what no artifact has.
    """
    if os.path.lexists(target):
        raise FileExistsError(f"{target} exists")
    unfinished = target.with_name(f".{target.name}.{os.urandom(4).hex()}")
    unfinished.mkdir()
    try:
        with _opened(source) as tar:
            for member in _members(tar):
                path = unfinished / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                if member.isdir():
                    path.mkdir(exist_ok=True)
                else:
                    _extract(tar, member, path)
        unfinished.rename(target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def unpack_file(source: Path, name: str, target: Path) -> bool:
    """Write one file of a packed directory to the new file `target`; return whether there is one of this name.

    Raises:
        FileExistsError: `target` exists.
        FoundationsError: The tar is damaged, or has what no artifact has.
    """
    with _opened(source) as tar:
        for member in _members(tar):
            if member.name == name and not member.isdir():
                _extract(tar, member, target)
                return True
    return False


@contextmanager
def _opened(source: Path) -> Iterator[tarfile.TarFile]:
    """Yield a packed directory; raise of a damaged one that it is damaged."""
    try:
        if source.stat().st_size % tarfile.RECORDSIZE:
            raise tarfile.ReadError("its end is missing")
        with tarfile.open(source, "r:") as tar:
            yield tar
    except tarfile.TarError as error:
        raise FoundationsError(f"the archived directory is damaged: {error}") from error


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (member := tar.next()) is not None:
        parts = PurePosixPath(member.name).parts
        if not (member.isreg() or member.isdir()) or member.name.startswith("/") or ".." in parts or not parts:
            raise FoundationsError(
                f"{member.name!r:.200} in the archived directory is not what foundations packs, and was not written"
            )
        yield member
        _forget_members(tar)


def _forget_members(tar: tarfile.TarFile) -> None:
    """Have `tar` forget the members so far, all of which it remembers otherwise."""
    cast("Any", tar).members.clear()


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = cast("IO[bytes]", tar.extractfile(member))  # which returns None for what is no file
    with content, path.open("xb") as stream:
        shutil.copyfileobj(content, stream, 2**20)
    path.chmod(stat.S_IMODE(path.stat().st_mode) | (member.mode & 0o100))
    os.utime(path, (member.mtime, member.mtime))
