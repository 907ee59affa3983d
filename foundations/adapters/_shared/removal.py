"""Removing directories that users have filled."""

from __future__ import annotations

import errno
import os
import subprocess

_TOO_DEEP = (errno.EMFILE, errno.ENAMETOOLONG)


def remove_tree(path: str | os.PathLike[str]) -> None:
    """Remove a directory and what is in it, however deep that goes; nothing where it is gone.

    Raises:
        OSError: Something of it cannot be removed.
    """
    import shutil

    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        if os.path.lexists(path):  # another process removes it too, and was faster at some of it
            remove_tree(path)
    except (RecursionError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _TOO_DEEP:
            raise
        # shutil goes down by recursion, with a descriptor a level, until Python 3.13; rm does neither
        done = subprocess.run(["/bin/rm", "-rf", "--", os.fspath(path)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(errno.EIO, done.stderr.strip(), os.fspath(path)) from error
