"""The libraries whose classes and functions a pickle names, with the versions that are installed here."""

from __future__ import annotations

import pickletools
from contextlib import suppress
from importlib import metadata

from foundations.ports.frames import Buffer

_LONGEST_NAME = 200


def installed_versions(data: Buffer) -> dict[str, str | None]:
    """Return the versions that are installed here of the distributions that a pickle may name, by their names.

    A name is followed by None where no distribution of that name is installed.
    """
    modules: dict[str, None] = {}
    with suppress(ValueError):  # it is damaged; what was read of it names enough
        for _, argument, _ in pickletools.genops(bytes(data)):
            if isinstance(argument, str) and len(argument) <= _LONGEST_NAME:
                modules.setdefault(argument.partition(".")[0])
    distributions = metadata.packages_distributions()
    found: dict[str, str | None] = {}
    for module in filter(str.isidentifier, modules):
        for name in distributions.get(module, (module,)):
            found[name] = _version(name)
    return found


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
