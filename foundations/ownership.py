"""Who could have written a file: the owners and modes of everything on the way to it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_MAX_LINKS = 40  # the kernel follows as many
_ACCESS_LIST = "system.posix_acl_access"


class Weakness(NamedTuple):
    """The place through which another user could have written a file.

    Attributes:
        path: The file itself, or a directory or symbolic link on the way to it.
        reason: Why, as in "it belongs to user 1001".
        is_own: Whether it belongs to this user, who can close it.
    """

    path: Path
    reason: str
    is_own: bool


def find_weakness(path: Path) -> Weakness | None:
    """Return how a user other than this one and root could have written the file `path`; None where nobody could.

    A group that contains only its user is private: that such a group can write is no weakness. A directory on the way
    may be sticky.

    Args:
        path: An absolute path.

    Raises:
        OSError: A part of the path cannot be examined.
    """
    for part, status in components(path):
        weakness = _weakness(part, status)
        if weakness is not None:
            return weakness
    return None


def components(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield every directory and symbolic link on the way to `path`, as the kernel would follow it, and `path` itself.

    Raises:
        OSError: One of them cannot be examined, or the links form a loop.
    """
    current = Path("/")
    yield current, current.lstat()
    remaining = list(reversed(path.parts[1:]))
    links = 0
    while remaining:
        name = remaining.pop()
        if name == "..":
            current = current.parent
            continue
        component = current / name
        status = component.lstat()
        yield component, status
        if not stat.S_ISLNK(status.st_mode):
            current = component
            continue
        links += 1
        if links > _MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target = component.readlink()
        if target.is_absolute():
            current = Path("/")
        remaining.extend(reversed(target.parts[1:] if target.is_absolute() else target.parts))


def _weakness(path: Path, status: os.stat_result) -> Weakness | None:
    if status.st_uid not in (0, os.geteuid()):
        return Weakness(path, f"it belongs to user {status.st_uid}", is_own=False)
    mode = status.st_mode
    if stat.S_ISLNK(mode) or (stat.S_ISDIR(mode) and mode & stat.S_ISVTX):
        return None
    if mode & stat.S_IWOTH:
        reason = f"all users can write it (mode {stat.S_IMODE(mode):04o})"
    elif mode & stat.S_IWGRP and not (_is_private_group(status.st_gid) and not _has_access_list(path)):
        reason = f"its group {status.st_gid} can write it (mode {stat.S_IMODE(mode):04o})"
    else:
        return None
    return Weakness(path, reason, is_own=status.st_uid == os.geteuid())


def _is_private_group(group: int) -> bool:
    """Return whether a group is the private group of this user or of root: it has the user's name and nobody else.

    The name counts because a directory service need not list who else has the group as the primary one.
    """
    import grp
    import pwd

    try:
        entry = grp.getgrgid(group)
        user = pwd.getpwnam(entry.gr_name)
    except KeyError:
        return False
    others = [other for other in pwd.getpwall() if other.pw_gid == group and other.pw_uid != user.pw_uid]
    return (
        user.pw_uid in (0, os.geteuid())
        and user.pw_gid == group
        and set(entry.gr_mem) <= {user.pw_name, "root"}
        and not others
    )


def _has_access_list(path: Path) -> bool:
    """Return whether an access control list gives further users or groups access."""
    if not hasattr(os, "getxattr"):
        return False
    try:
        os.getxattr(path, _ACCESS_LIST)
    except OSError as error:
        return error.errno not in (errno.ENODATA, errno.EOPNOTSUPP)
    return True
