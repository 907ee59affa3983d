"""Many scripts, each in a process of its own, for little: forks of one that has imported what all of them import."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

_SERVER = """
import contextlib, importlib, json, os, sys, tempfile, traceback, warnings

def ran(script, place, out, err):
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    status = 1
    try:
        os.chdir(place)
        exec(script, {"__name__": "__main__"})
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of modules that nobody imports by their names
    for name in json.loads(sys.stdin.readline()):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
for question in sys.stdin:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            ran(*json.loads(question), out, err)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        print(json.dumps([status, out.read().decode(), err.read().decode()]), flush=True)
"""


class Ran(NamedTuple):
    """What came of a script."""

    status: int
    stdout: str
    stderr: str


class Forks:
    """Runs scripts in processes that have imported modules, but have called and read nothing else.

    Args:
        typical: One of the scripts; what it imports of installed packages is imported once for all of them.
        place: Where it runs.
    """

    def __init__(self, typical: str, place: Path) -> None:
        loaded = subprocess.run(
            [
                sys.executable,
                "-B",
                "-P",
                "-c",
                f"{typical}\nimport json, sys\nprint()\nprint(json.dumps([*sys.modules]))",
            ],
            cwd=place,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        self._server = subprocess.Popen(  # -P: nothing is imported from the working directory
            [sys.executable, "-B", "-P", "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._write(loaded.stdout.splitlines()[-1])

    def run(self, script: str, place: Path) -> Ran:
        """Run a script in a working directory."""
        self._write(json.dumps([script, str(place)]))
        assert self._server.stdout is not None
        return Ran(*json.loads(self._server.stdout.readline()))

    def close(self) -> None:
        """End the process that forks."""
        with self._server:
            self._server.kill()

    def _write(self, line: str) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write(line + "\n")
        self._server.stdin.flush()
