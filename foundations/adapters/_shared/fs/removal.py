"""Removing directories that users have filled."""

from __future__ import annotations

import errno
import os


def remove_tree(path: str | os.PathLike[str]) -> None:
    """Remove a directory and what is in it; nothing where it is gone, or where somebody else removes it meanwhile.

    Of a link the link alone.

    What stands in the way is left to chmod and rm: directories that may not be written, and those deeper than Python,
    until 3.12, can call itself or have files open.

    Raises:
        OSError: Something of it cannot be removed; the rest is.
    """
    if os.path.islink(path):  # which chmod would follow
        os.unlink(path)
        return
    while True:
        try:
            _remove(path)
        except FileNotFoundError:
            if os.path.lexists(path):
                continue  # another process removes it too, and was faster at some of it
        except (RecursionError, OSError):
            break
        return
    for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
        said = _run([*command, "--", os.fspath(path)])
    if os.path.lexists(path):
        raise OSError(errno.EIO, f"cannot be removed whole: {said}", os.fspath(path))


def _remove(path: str | os.PathLike[str], parent: int | None = None) -> None:
    """Remove a directory as shutil.rmtree does, which every job would have to load for it, with two compressors."""
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
    import subprocess  # every job's supervisor removes a directory, and hardly one gets here

    try:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    except OSError as error:
        return f"{command[0]} cannot be run: {error.strerror}"
    return done.stderr.decode(errors="replace").strip()[:500]
