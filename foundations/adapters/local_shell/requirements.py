"""Whether the submitting interpreter satisfies the project's ``requirements.txt``."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from foundations import events
from foundations.adapters.local_shell.requirements_file import RequirementLine, read_requirements
from foundations.concealment import conceal
from foundations.errors import MissingRequirementsError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_IMPORT_NAMES = {
    "attrs": ("attr", "attrs"),
    "beautifulsoup4": ("bs4",),
    "faiss-cpu": ("faiss",),
    "faiss-gpu": ("faiss",),
    "msgpack-python": ("msgpack",),
    "opencv-contrib-python": ("cv2",),
    "opencv-python": ("cv2",),
    "opencv-python-headless": ("cv2",),
    "pillow": ("PIL",),
    "protobuf": ("google",),
    "psycopg2-binary": ("psycopg2",),
    "pyjwt": ("jwt",),
    "pymongo": ("pymongo", "bson", "gridfs"),
    "pytorch-lightning": ("pytorch_lightning", "lightning"),
    "pyyaml": ("yaml",),
    "scikit-image": ("skimage",),
    "scikit-learn": ("sklearn",),
    "tensorflow-cpu": ("tensorflow",),
}
"""The modules of distributions that are not installed, where they are not called like the distribution."""


def check_requirements(project: Path, imported: Callable[[], Collection[str]]) -> None:
    """Raise unless every requirement of ``requirements.txt`` that the stages need is installed in a version that fits.

    A warning names the other missing requirements, and what cannot be judged: files that cannot be read, lines that are
    no requirements, paths and URLs.

    Args:
        project: The project directory.
        imported: Returns the top-level names that the stages' modules import; called only where something is missing.

    Raises:
        MissingRequirementsError: ``missing`` lists each one that is not satisfied, and what is there instead.
    """
    path = project / "requirements.txt"
    if not path.is_file():
        return
    missing: dict[str, str] = {}  # the requirement and what is there instead, and its package
    constraints: dict[str, list[Requirement]] = {}
    requirements: list[Requirement] = []
    for line in read_requirements(path):
        if not isinstance(line, RequirementLine):
            events.warning("requirement_not_checked", place=line.place, reason=line.reason)
            continue
        requirement = _parse(line)
        if requirement is not None:
            (constraints.setdefault(_normalise(requirement.name), []) if line.is_constraint else requirements).append(
                requirement
            )
    for requirement in requirements:
        problem = _problem(requirement, constraints.get(_normalise(requirement.name), ()))
        if problem is not None:
            missing[problem] = requirement.name
    if missing:
        _report(path, missing, imported())


def _parse(line: RequirementLine) -> Requirement | None:
    """Return the requirement of a line; None where it does not apply here, or is none, which is reported."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(line.text)
        return requirement if requirement.marker is None or requirement.marker.evaluate() else None
    except (InvalidRequirement, ValueError) as error:  # a marker may name what this version of packaging does not know
        reason = f"{conceal(line.text)!r:.100} is not a requirement: {str(error).splitlines()[0]}"
        events.warning("requirement_not_checked", place=line.place, reason=reason)
        return None


def _problem(requirement: Requirement, constraints: Iterable[Requirement]) -> str | None:
    """Return a requirement that is not satisfied, and what is there instead; None where it is satisfied."""
    from importlib import metadata  # slow to import, and only projects with requirements need it

    try:
        found = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement} (not installed)"
    for demanded in (requirement, *constraints):
        if not demanded.specifier.contains(found, prereleases=True):
            return f"{demanded} (installed: {found})"
    return None


def _report(path: Path, missing: dict[str, str], imported: Collection[str]) -> None:
    """Raise for what is missing and imported; warn of the rest."""
    needed = [problem for problem, name in missing.items() if not _modules(name).isdisjoint(imported)]
    if needed:
        raise MissingRequirementsError(
            f"{path} lists packages that this interpreter does not have: {', '.join(needed)}. The local"
            " shell runs jobs under the interpreter that submits them: run `python -m pip install -r requirements.txt`"
            " with it, or edit the file. To run without this check, set `check_requirements: false` among the"
            " constructor_keyword_arguments of the deployment_implementation in the YAML. Nothing was run.",
            missing=tuple(needed),
        )
    events.warning(
        "requirements_missing",
        file=str(path),
        missing=", ".join(missing),
        consequence="the job runs, since no module of its stages imports them",
    )


def _modules(name: str) -> set[str]:
    """Return what the modules of a distribution may be called: as it says where it is installed."""
    from importlib import metadata

    normalised = _normalise(name)
    modules = set(_IMPORT_NAMES.get(normalised, ()))
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        plain = normalised.replace("-", "_")
        return modules or {plain, plain.removeprefix("python_"), name.replace("-", "_")}
    modules.update((distribution.read_text("top_level.txt") or "").split())
    modules.update(file.parts[0].removesuffix(".py") for file in distribution.files or ())
    return modules


def _normalise(name: str) -> str:
    """Return the normalised name of a distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
