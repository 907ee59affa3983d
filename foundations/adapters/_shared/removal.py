"""Removing directories that users have filled."""

from __future__ import annotations

import errno
import os


def remove_tree(path: str | os.PathLike[str]) -> None:
    """Remove a directory and what is in it; nothing where it is gone, or where somebody else removes it meanwhile.

    What stands in the way of shutil is left to chmod and rm: directories that may not be written, and those deeper
    than Python, until 3.13, can call itself or have files open.

    Raises:
        OSError: Something of it cannot be removed; the rest is.
    """
    import shutil

    while True:
        try:
            shutil.rmtree(path)
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


def _run(command: list[str]) -> str:
    import subprocess  # every job's supervisor removes a directory, and hardly one gets here

    try:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    except OSError as error:
        return f"{command[0]} cannot be run: {error.strerror}"
    return done.stderr.decode(errors="replace").strip()[:500]
