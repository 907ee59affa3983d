"""Whether the submitting interpreter satisfies the project's ``requirements.txt``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from foundations import events
from foundations.adapters.local_shell.requirements_file import RequirementLine, read_requirements
from foundations.concealment import conceal
from foundations.errors import MissingRequirementsError
from foundations.package_names import modules_of, normalise_name

if TYPE_CHECKING:
    from packaging.requirements import Requirement


def check_requirements(project: Path, imported: Callable[[], Collection[str]]) -> None:
    """Raise unless every requirement of ``requirements.txt`` that the stages need is installed in a version that fits.

    A warning names the other missing requirements, and what cannot be judged: files that cannot be read, lines that are
    no requirements, paths and URLs.

    Args:
        project: The project directory.
        imported: Returns the dotted names of what the stages' modules import, and of the packages of these; called only
            where something is missing.

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
            (
                constraints.setdefault(normalise_name(requirement.name), []) if line.is_constraint else requirements
            ).append(requirement)
    for requirement in requirements:
        problem = _problem(requirement, constraints.get(normalise_name(requirement.name), ()))
        if problem is not None:
            missing[problem] = requirement.name
    if missing:
        _report(path, missing, imported())


def _parse(line: RequirementLine) -> Requirement | None:
    """Return the requirement of a line; None where it does not apply here, or is none, which is reported."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(line.text)
        return requirement if requirement.marker is None or requirement.marker.evaluate({"extra": ""}) else None
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


def _modules(name: str) -> frozenset[str]:
    """Return the dotted names of the modules of a distribution: as its files say, where it is installed."""
    from importlib import metadata

    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return modules_of(name)
    paths = [file.parts for file in distribution.files or () if file.suffix in (".py", ".so")]
    packages = {path[:-1] for path in paths if path[-1] == "__init__.py"}
    modules = {_module(path, packages) for path in paths if not path[0].startswith(("..", "__editable__"))}
    stated = (distribution.read_text("top_level.txt") or "").split()  # of one in editable mode
    return frozenset(modules or stated) or modules_of(name)


def _module(path: tuple[str, ...], packages: Collection[tuple[str, ...]]) -> str:
    """Return the dotted name of the outermost module that a file is of, where a namespace package is none."""
    for count in range(1, len(path)):
        if path[:count] in packages:
            return ".".join(path[:count])
    return ".".join((*path[:-1], path[-1].partition(".")[0]))
