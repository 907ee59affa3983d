"""Hints for exceptions that a plain run of the same functions would not raise, or whose message does not help."""

from __future__ import annotations

import ast
import linecache
import os
import re
import sys
from collections.abc import Callable, Iterable
from itertools import islice
from types import TracebackType
from typing import NamedTuple

from foundations.app.job.stage_imports import names_in
from foundations.package_names import distribution_of

_MOST_ENTRIES = 10_000
_FILE_IN_MESSAGE = r"\bname = '([^']+)'|\(os error 2\): (.+)|\A(.+) not found\.?\Z|\A(\S+)\Z"
"""How HDF5, polars, NumPy and Arrow name a missing file, whose errors have it in the message alone."""


class JobPlace(NamedTuple):
    """Where a job runs.

    Attributes:
        project: The working directory, an extracted copy of the project directory; None where it is no copy.
        original: The project directory of the submitter; None where it is not known.
        explain_exclusion: Returns why a path, relative to the project directory, is left out of the bundle.
    """

    project: str | None
    original: str | None
    explain_exclusion: Callable[[str], str | None]


def find_hints(error: BaseException, place: JobPlace) -> list[str]:
    """Return what the report of `error` adds to its message: what is different in a job, and what to do."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return [_explain_missing_module(error, error.name, place)]
    if isinstance(error, ImportError) and error.name and "(unknown location)" in str(error):
        return _name_distribution(error, error.name)  # as of `google`, which many distributions share
    name = _missing_file(error) if isinstance(error, FileNotFoundError) else None
    if name is not None:
        return _explain_missing_file(name, error.__traceback__, place)
    if _is_debugger(error):
        return [
            "A job has no terminal, so a debugger cannot stop in it. Debug the pipeline in your own process, with"
            " run_same_process() in place of run()."
        ]
    if isinstance(error, EOFError) and str(error) == "EOF when reading a line":
        return ["A job has no terminal, so there is no input. Pass the value as an argument or a hyperparameter."]
    return []


def _missing_file(error: FileNotFoundError) -> str | None:
    """Return the name of the file that was not found; None where neither the error nor its message has it."""
    if error.filename is not None:
        return os.fsdecode(error.filename)
    found = re.search(_FILE_IN_MESSAGE, str(error))
    return None if found is None else found[found.lastindex or 0]


def _is_debugger(error: BaseException) -> bool:
    if type(error).__module__ == "bdb":
        return True
    return isinstance(error, SystemExit) and any(  # since Python 3.14
        os.path.basename(file) == "pdb.py" for file in _files(error.__traceback__)
    )


def _files(trace: TracebackType | None) -> Iterable[str]:
    while trace is not None:
        yield trace.tb_frame.f_code.co_filename
        trace = trace.tb_next


def _explain_missing_module(error: ImportError, name: str, place: JobPlace) -> str:
    top = name.partition(".")[0]
    for relative in (f"{top}.py", top):
        left_out = _explain_absence(relative, place)
        if left_out is not None:
            return left_out
    names = [] if place.project is None else [entry.removesuffix(".py") for entry in _entries(place.project)]
    start = f"The job runs under {sys.executable}, which does not find the module {name!r}."
    advice = _name_distribution(error, name)
    found = "" if advice or top in sys.modules else _find_module(top, place)
    if advice or found:
        return f"{start} {found or advice[0]}"
    return (
        f"{start}{_did_you_mean(top, names)} If it belongs to a package, install that with `{sys.executable} -m pip"
        " install`. If it is your own, put it into the project directory, or add its directory to `extra_source_paths`"
        " of `job_source_bundle` in the YAML."
    )


def _name_distribution(error: ImportError, name: str) -> list[str]:
    """Return the command that installs a module whose distribution has another name; none where it is not known."""
    wanted = _imported_name(error.__traceback__, name)
    distribution = distribution_of(wanted)
    if distribution is None:
        return []
    return [f"{wanted!r} belongs to {distribution}: install it with `{sys.executable} -m pip install {distribution}`."]


def _imported_name(trace: TracebackType | None, name: str) -> str:
    """Return the whole name in the statement that did not find `name`, as ``google.cloud.storage`` for ``google``."""
    if trace is None:
        return name
    while trace.tb_next is not None:
        trace = trace.tb_next
    try:
        tree = ast.parse("".join(linecache.getlines(trace.tb_frame.f_code.co_filename)))
    except (SyntaxError, ValueError):  # a notebook's cell with commands of its own
        return name
    names = [
        found
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and node.lineno <= trace.tb_lineno <= (node.end_lineno or 0)
        for found in names_in(node)
        if f"{found}.".startswith(f"{name}.")
    ]
    return max(names, key=len, default=name)


def _find_module(name: str, place: JobPlace) -> str:
    """Return where the project has a module in a directory that is not on the import path, and what to do."""
    project = place.project or place.original
    path = None if project is None else _find_in(project, f"{name}.py") or _find_in(project, f"{name}/__init__.py")
    if path is None or project is None:
        return ""
    path = path.removesuffix("/__init__.py")
    directory = os.path.dirname(path)
    if not directory:
        return ""
    remedies = [
        f"call run() with {directory} on the import path, as with PYTHONPATH={directory}: the job then has it, too",
        "install the project in editable mode, with a pyproject.toml that names this directory",
    ]
    if os.path.exists(os.path.join(project, directory, "__init__.py")):
        remedies.insert(0, f"import it as {path.removesuffix('.py').replace(os.sep, '.')}")
    start = f"The project has {path}, but modules are not imported from {directory}."
    return f"{start} Do one of these: {'; '.join(remedies)}."


def _explain_missing_file(name: str, trace: TracebackType | None, place: JobPlace) -> list[str]:
    if os.sep not in name and "subprocess.py" in {os.path.basename(file) for file in _files(trace)}:
        return [
            f"No directory of the job's PATH has the program {name!r}. Set PATH in `run_script_environment` of the"
            " YAML, or give the program's absolute path."
        ]
    path = os.path.abspath(name)
    if place.project is not None and place.original is not None:
        relative = os.path.relpath(path, place.project)
        if relative.split(os.sep)[0] == os.pardir:
            if os.path.isabs(name) and not path.startswith(os.path.join(os.path.dirname(place.project), "")):
                return _explain_nearest(path, place)
            there = os.path.normpath(os.path.join(place.original, relative))
            found = "" if os.path.lexists(there) else ", which does not exist either"
            return [
                f"The job runs in a copy of the project directory, and {name!r} leads out of it. From the project"
                f" directory {place.original} it leads to {there}{found}. Pass the file's absolute path to the stage,"
                " or move the file into the project directory."
            ]
        left_out = _explain_absence(relative, place)
        if left_out is not None:
            return [left_out]
    return _explain_nearest(path, place)


def _explain_absence(relative: str, place: JobPlace) -> str | None:
    """Return why the job's copy lacks a file that the project directory has; None where it is not so."""
    if place.project is None or place.original is None:
        return None
    there = os.path.join(place.original, relative)
    if not os.path.lexists(there) or os.path.lexists(os.path.join(place.project, relative)):
        return None
    reason = place.explain_exclusion(relative)
    if reason is None:
        return (
            f"{there} exists, but the job's copy of the project directory does not have it: it was created after run()"
            " was called, or left out of the bundle (see the log of run())."
        )
    return f"{there} exists, but {reason} leaves it out of the job's copy of the project directory."


def _explain_nearest(path: str, place: JobPlace) -> list[str]:
    """Return a hint with the most similar name in the directory, or the same name elsewhere in the project."""
    parent, missing = os.path.split(path)
    while parent != os.path.dirname(parent) and not os.path.isdir(parent):
        parent, missing = os.path.split(parent)
    same = None if place.project is None else _find_in(place.project, os.path.basename(path))
    advice = f" The project has {same!r}." if same is not None else _did_you_mean(missing, _entries(parent))
    if not advice and missing == os.path.basename(path):
        return []
    shown = "the job's working directory" if parent == place.project else parent
    return [f"There is no {missing!r} in {shown}.{advice}"]


def _did_you_mean(name: str, names: Iterable[str]) -> str:
    import difflib

    by_lower_case = {known.lower(): known for known in names}
    nearest = difflib.get_close_matches(name.lower(), by_lower_case, n=1)
    return f" Did you mean {by_lower_case[nearest[0]]!r}?" if nearest else ""


def _entries(directory: str) -> list[str]:
    with os.scandir(directory) as entries:
        return [entry.name for entry in islice(entries, _MOST_ENTRIES)]


def _find_in(project: str, name: str) -> str | None:
    """Return the path of a file, relative to the project; None where the first entries have none.

    Args:
        project: A directory.
        name: The file's name, or the end of its path.
    """
    seen = 0
    inside, _, file = name.rpartition("/")
    for directory, directories, files in os.walk(project):
        if file in files and f"{directory}/".endswith(f"/{inside}/" if inside else "/"):
            return os.path.relpath(os.path.join(directory, file), project)
        seen += len(files) + len(directories)
        if seen > _MOST_ENTRIES:
            break
    return None
