"""Installed distributions: which of them a module belongs to, what it needs, and what tells two installations apart."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata


def bundled(distribution: str) -> Mapping[str, str]:
    """Return the version of a distribution that bundles carry, by its name."""
    try:
        return {distribution: metadata.version(distribution)}
    except metadata.PackageNotFoundError:
        return {distribution: "bundled"}


def version(portion: str) -> str | None:
    """Return the version of the distribution that has a module, also in editable mode; None where there is none."""
    found = _distribution(portion)
    return None if found is None else found.version


def installed(portion: str) -> Mapping[str, str] | None:
    """Return the version of the distribution that installed a module, and of those it needs, by name.

    None where no distribution owns the module.
    """
    found = _distribution(portion)
    if found is None:
        return None
    return {**_needed(found, {}), found.metadata["Name"]: f"{found.version} {_files(found)}"}


def _needed(distribution: metadata.Distribution, known: dict[str, str]) -> dict[str, str]:
    """Return the versions of what a distribution needs, and of what that needs, as far as it is installed."""
    for requirement in distribution.requires or ():
        name = re.match(r"[\w.-]+", requirement)
        if name is None or "extra ==" in requirement or name[0] in known:
            continue
        try:
            found = metadata.distribution(name[0])
        except metadata.PackageNotFoundError:
            continue
        known[name[0]] = found.version
        _needed(found, known)
    return known


def _distribution(portion: str) -> metadata.Distribution | None:
    """Return the distribution that a module was installed by: the one of its name, or the one that has it."""
    with suppress(metadata.PackageNotFoundError):
        found = metadata.distribution(portion)
        if _owns(found, portion):
            return found
    return next((found for found in metadata.distributions() if _owns(found, portion)), None)


def _owns(distribution: metadata.Distribution, portion: str) -> bool:
    names = distribution.read_text("top_level.txt")
    if names is not None and "." not in portion:
        return portion in names.split()
    record, path = "\n" + (distribution.read_text("RECORD") or ""), portion.replace(".", "/")
    return f"\n{path}/" in record or f"\n{path}.py" in record


def _files(distribution: metadata.Distribution) -> str:
    """Return the SHA-256 of what was installed: the same version may have been installed again with other code.

    Byte code, scripts (which name their interpreter) and what the installer itself has written are left out.
    """
    record = distribution.read_text("RECORD") or ""
    lines = [
        line
        for line in record.splitlines()
        if not line.startswith("..") and ".pyc," not in line and ".dist-info/" not in line
    ]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
