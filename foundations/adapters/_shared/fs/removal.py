"""Removal of directories that users have filled."""

from __future__ import annotations

import errno
import os


def remove_tree(path: str | os.PathLike[str]) -> None:
    """Remove a directory and everything in it; of a symbolic link, remove the link alone.

    It is no error where the directory does not exist, or where another process removes it at the same time. Two kinds
    of directories are left to chmod and rm: those that may not be written, and those deeper than Python's limits, until
    3.12, of recursion and open files.

    Raises:
        OSError: A part of it cannot be removed; the rest is removed.
    """
    if os.path.islink(path):  # which chmod would follow
        os.unlink(path)
        return
    while True:
        try:
            _remove(path)
        except FileNotFoundError:
            if os.path.lexists(path):
                continue  # another process removes it too, and has already removed a part
        except (RecursionError, OSError):
            break
        return
    for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
        message = _run([*command, "--", os.fspath(path)])
    if os.path.lexists(path):
        raise OSError(errno.EIO, f"cannot be removed whole: {message}", os.fspath(path))


def _remove(path: str | os.PathLike[str], parent: int | None = None) -> None:
    """Remove a directory as shutil.rmtree does; importing shutil would load two compressors in every job."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        with os.scandir(descriptor) as entries:
            for entry in list(entries):
                if entry.is_dir(follow_symlinks=False):
                    _remove(entry.name, descriptor)
                else:
                    os.unlink(entry.name, dir_fd=descriptor)
    finally:
        os.close(descriptor)
    os.rmdir(path, dir_fd=parent)


def _run(command: list[str]) -> str:
    """Run a command and return its error output."""
    import subprocess  # every job's supervisor loads this module, and few get here

    try:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    except OSError as error:
        return f"{command[0]} cannot be run: {error.strerror}"
    return done.stderr.decode(errors="replace").strip()[:500]
