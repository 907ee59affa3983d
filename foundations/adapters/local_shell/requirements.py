"""Whether the submitting interpreter satisfies the project's ``requirements.txt``."""

from __future__ import annotations

from pathlib import Path

from foundations.errors import MissingRequirementsError


def check_requirements(project: Path) -> None:
    """Raise unless every requirement of ``requirements.txt`` is installed in a version that fits.

    Options (``-r``, ``--index-url`` ...), and requirements by path or URL, are not checked.

    Raises:
        MissingRequirementsError: ``missing`` lists each one that is not satisfied, and what is there instead.
    """
    path = project / "requirements.txt"
    if not path.is_file():
        return
    from importlib import metadata

    from packaging.requirements import InvalidRequirement, Requirement

    try:
        lines = path.read_text(encoding="utf-8-sig").replace("\\\n", " ").splitlines()
    except (OSError, ValueError) as error:
        raise MissingRequirementsError(f"{path} cannot be read: {error}. Nothing was run.") from error
    missing: list[str] = []
    for number, line in enumerate(lines, 1):
        text = line.split(" #")[0].split(" --hash")[0].strip()
        if not text or text.startswith(("#", "-", ".", "/")) or "://" in text.split("@")[0]:
            continue
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise MissingRequirementsError(
                f"{path}:{number}: {text!r} is not a requirement: {str(error).splitlines()[0]}"
            ) from error
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            found = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            missing.append(f"{text} (not installed)")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            missing.append(f"{text} (installed: {found})")
    if missing:
        raise MissingRequirementsError(
            f"{path} lists packages that this interpreter does not have: {', '.join(missing)}. The local"
            " shell runs jobs under the interpreter that submits them: run `python -m pip install -r requirements.txt`"
            " with it, or edit the file. Nothing was run.",
            missing=tuple(missing),
        )
