"""The least that a job in a process of its own can cost, to compare with. Imports no more than it needs."""

import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import cloudpickle

CHILD = """\
import sys
import cloudpickle
with open(sys.argv[1], "rb") as file:
    function, arguments = cloudpickle.load(file)
with open(sys.argv[2], "wb") as file:
    cloudpickle.dump(function(*arguments), file)
"""


def run_child(directory: Path, working_directory: Path, function: Callable[..., str], *arguments: str) -> str:
    call, result = directory / "call.pkl", directory / "result.pkl"
    call.write_bytes(cloudpickle.dumps((function, arguments)))
    subprocess.run([sys.executable, "-c", CHILD, str(call), str(result)], cwd=working_directory, check=True)
    return cloudpickle.loads(result.read_bytes())


def floor(function: Callable[..., str], *arguments: str) -> str:
    """A bare interpreter and cloudpickle: what any job in a process of its own costs."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        return run_child(directory, directory, function, *arguments)


def floor_tgz(function: Callable[..., str], *arguments: str) -> str:
    """The floor, in a copy of the working directory that went through a .tgz."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        bundle, project = directory / "project.tgz", directory / "project"
        with tarfile.open(bundle, "w:gz", compresslevel=6) as archive:
            archive.add(".", "project")
        with tarfile.open(bundle) as archive:
            archive.extractall(directory, filter="data")
        return run_child(directory, project, function, *arguments)
