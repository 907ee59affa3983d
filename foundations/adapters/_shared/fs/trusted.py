"""Directories that nobody but the user can write, so that what lies there may be unpickled (see SECURITY.md)."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from foundations.adapters._shared.fs.files import translating_os_errors
from foundations.errors import StorageUnavailableError, UntrustedLocationError

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_LINKS_FOLLOWED = 40  # as many as the kernel
_ways_found_trusted: set[tuple[str, int]] = set()


def ensure_private_directory(path: Path) -> None:
    """Make `path` and its missing parents with mode 0700, or find it made, and vouch for it.

    The directory itself is looked at each time; the way to it once a process.

    Raises:
        UntrustedLocationError: It is a symbolic link, belongs to a user other than this one and root, or can be
            written by its group or by others; or that holds for a directory above it that is not sticky.
        StorageUnavailableError: It cannot be made or looked at.
    """
    if is_private_directory(path):
        return
    with translating_os_errors(path, "make the directory"):
        missing = _missing(path)
        _check_way(missing[-1].parent)
        for directory in reversed(missing):
            try:
                directory.mkdir(mode=0o700)
            except FileExistsError:  # another process was faster; whose it is, the check below tells
                continue
    if not is_private_directory(path):
        raise StorageUnavailableError(f"cannot use {path}: it was removed meanwhile.", path=str(path))


def check_private_directory(path: Path) -> None:
    """Raise what :func:`ensure_private_directory` would raise and can be told without making anything.

    Where `path` does not exist, the nearest directory above it that does must be trusted and writable.
    """
    nearest = path
    if not is_private_directory(path):
        with translating_os_errors(path, "use"):
            nearest = _missing(path)[-1].parent
            _check_way(nearest)
    if not nearest.is_dir():
        raise _not_a_directory(nearest)
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise StorageUnavailableError(
            f"cannot use {path}: this user cannot write {nearest}. Give yourself access to it, or configure "
            "another place.",
            path=str(path),
        )


def is_private_directory(path: Path) -> bool:
    """Return whether `path` exists, and vouch for it where it does.

    Raises:
        UntrustedLocationError: As :func:`ensure_private_directory`.
        StorageUnavailableError: It is no directory, or cannot be looked at.
    """
    with translating_os_errors(path, "use"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                raise _explained(path) from error
            raise
        try:
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        _check(path, status, sticky_is_fine=False)
        _check_way(path.parent)
    return True


def could_be_foreign(status: os.stat_result) -> bool:
    """Return whether a user other than this one and root could have written the file of this `status`."""
    return bool(status.st_mode & _WRITABLE_BY_OTHERS) or status.st_uid not in (0, os.geteuid())


def _missing(path: Path) -> list[Path]:
    """Return `path` and the directories above it that do not exist, innermost first."""
    missing = [path]
    while not os.path.lexists(missing[-1].parent):
        missing.append(missing[-1].parent)
    return missing


def _check_way(directory: Path) -> None:
    """Vouch for `directory` and everything that leads to it, symbolic links on the way included."""
    known = (str(directory), os.geteuid())
    if known in _ways_found_trusted:
        return
    for path, status in _steps(directory):
        _check(path, status, sticky_is_fine=True)
    _ways_found_trusted.add(known)


def _check(path: Path, status: os.stat_result, *, sticky_is_fine: bool) -> None:
    if status.st_uid not in (0, os.geteuid()):
        reason = f"it belongs to user {status.st_uid}"
        remedy = f"Make it yours (chown {os.geteuid()} {path}) where you trust all that it holds"
    elif stat.S_ISLNK(status.st_mode):
        return
    elif status.st_mode & 0o022 and not (sticky_is_fine and status.st_mode & stat.S_ISVTX):
        reason = f"its group or others can write it (mode {stat.S_IMODE(status.st_mode):04o})"
        remedy = f"Close it (chmod go-w {path}) where you trust all that it holds"
    else:
        return
    raise _untrusted(path, reason, f"{remedy}, move it away, or configure another place.")


def _steps(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield every directory and symbolic link on the way to `directory`, as the kernel would follow it."""
    current = Path("/")
    yield current, current.lstat()
    ahead = list(reversed(directory.parts[1:]))
    links = 0
    while ahead:
        name = ahead.pop()
        if name == "..":
            current = current.parent
            continue
        step = current / name
        status = step.lstat()
        yield step, status
        if not stat.S_ISLNK(status.st_mode):
            current = step
            continue
        links += 1
        if links > _LINKS_FOLLOWED:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target = step.readlink()
        if target.is_absolute():
            current = Path("/")
        ahead.extend(reversed(target.parts[1:] if target.is_absolute() else target.parts))


def _explained(path: Path) -> UntrustedLocationError | StorageUnavailableError:
    """Return why `path` cannot be opened as a directory: it is a link, or a file is in the way."""
    if path.is_symlink():
        return _untrusted(path, "it is a symbolic link", "Configure the directory that it leads to.")
    return _not_a_directory(path)


def _not_a_directory(path: Path) -> StorageUnavailableError:
    return StorageUnavailableError(
        f"cannot use {path}: something other than a directory is there or above it. Move it away, or configure "
        "another place.",
        path=str(path),
    )


def _untrusted(path: Path, reason: str, remedy: str) -> UntrustedLocationError:
    return UntrustedLocationError(
        f"{path} is not trusted: {reason}. Nothing was read from it or written to it. {remedy}",
        path=str(path),
        reason=reason,
        remedy=remedy,
    )
