"""Directories and files that nobody but the user can write, so that they may be unpickled (see SECURITY.md)."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from foundations.adapters._shared.fs.files import translating_os_errors
from foundations.errors import StorageUnavailableError, UntrustedLocationError
from foundations.ownership import WRITABLE_BY_OTHERS, components

_trusted_ancestors: set[tuple[str, int]] = set()


def ensure_private_directory(path: Path) -> None:
    """Create `path` and its missing parents with mode 0700, and check that nobody else can write them.

    The directory itself is checked at each call, the directories above it once per process.

    Raises:
        UntrustedLocationError: The directory is a symbolic link, belongs to a user other than this one and root, or is
            writable by its group or by others; or the same holds for a directory above it that is not sticky.
        StorageUnavailableError: The directory cannot be created or examined.
    """
    if is_private_directory(path):
        return
    with translating_os_errors(path, "make the directory"):
        missing = _missing_directories(path)
        _check_ancestors(missing[-1].parent)
        for directory in reversed(missing):
            try:
                directory.mkdir(mode=0o700)
            except FileExistsError:  # another process was faster; the check below finds out whose directory it is
                continue
    if not is_private_directory(path):
        raise StorageUnavailableError(f"cannot use {path}: it was removed meanwhile.", path=str(path))


def check_private_directory(path: Path) -> None:
    """Raise the errors of :func:`ensure_private_directory` that can be predicted without creating anything.

    Where `path` does not exist, the nearest existing directory above it must be trusted and writable.
    """
    nearest = path
    if not is_private_directory(path):
        with translating_os_errors(path, "use"):
            nearest = _missing_directories(path)[-1].parent
            _check_ancestors(nearest)
    if not nearest.is_dir():
        raise _not_a_directory(nearest)
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise StorageUnavailableError(
            f"cannot use {path}: this user cannot write {nearest}. Give yourself access to it, or configure "
            "another place.",
            path=str(path),
        )


def is_private_directory(path: Path) -> bool:
    """Return whether `path` exists; where it does, check that nobody else can write it.

    Raises:
        UntrustedLocationError: As :func:`ensure_private_directory`.
        StorageUnavailableError: It is not a directory, or cannot be examined.
    """
    with translating_os_errors(path, "use"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            if path.is_symlink():
                remedy = "Configure the directory that it leads to."
                raise _untrusted(path, "it is a symbolic link", remedy) from error
            raise _not_a_directory(path) from error
        try:
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        _check_directory(path, status, allow_sticky=False)
        _check_ancestors(path.parent)
    return True


def check_private_file(path: Path, status: os.stat_result) -> None:
    """Check that no other user could have written the file `path`, whose status is `status`.

    Raises:
        UntrustedLocationError: Another user could have.
    """
    if is_writable_by_others(status):
        reason = "another user could have written it"
        raise _untrusted(path, reason, "Look at what it is, and move it away, or configure another place.")


def is_writable_by_others(status: os.stat_result) -> bool:
    """Return whether a user other than this one and root could have written the file of this `status`."""
    return bool(status.st_mode & WRITABLE_BY_OTHERS) or status.st_uid not in (0, os.geteuid())


def _missing_directories(path: Path) -> list[Path]:
    """Return `path` and the directories above it that do not exist, innermost first."""
    missing = [path]
    while not os.path.lexists(missing[-1].parent):
        missing.append(missing[-1].parent)
    return missing


def _check_ancestors(directory: Path) -> None:
    """Check `directory` and every directory and symbolic link on the way to it."""
    key = (str(directory), os.geteuid())
    if key in _trusted_ancestors:
        return
    for path, status in components(directory):
        _check_directory(path, status, allow_sticky=True)
    _trusted_ancestors.add(key)


def _check_directory(path: Path, status: os.stat_result, *, allow_sticky: bool) -> None:
    if status.st_uid not in (0, os.geteuid()):
        reason = f"it belongs to user {status.st_uid}"
        remedy = f"Make it yours (chown {os.geteuid()} {path}) where you trust all that it holds"
    elif stat.S_ISLNK(status.st_mode):
        return
    elif status.st_mode & WRITABLE_BY_OTHERS and not (allow_sticky and status.st_mode & stat.S_ISVTX):
        reason = f"its group or others can write it (mode {stat.S_IMODE(status.st_mode):04o})"
        remedy = f"Close it (chmod go-w {path}) where you trust all that it holds"
    else:
        return
    raise _untrusted(path, reason, f"{remedy}, move it away, or configure another place.")


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
