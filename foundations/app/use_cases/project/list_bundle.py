"""The use case behind ``foundations bundle ls``: what a job of this directory would carry, and what it would not."""

from __future__ import annotations

import os
from pathlib import Path

import attrs

from foundations.app.config.settings import Settings
from foundations.app.use_cases.freeze_job import resolve_extra_source_paths
from foundations.app.wiring import Wiring
from foundations.ports.bundling import ListedFile


@attrs.frozen
class BundleListing:
    """The files of a project.

    Attributes:
        files: Those that a bundle would hold, the largest first.
        size: Their total size in bytes, before they are compressed.
        excluded: The files and directories that a bundle would leave out, sorted by path, with the reasons.
    """

    files: tuple[ListedFile, ...]
    size: int
    excluded: tuple[ListedFile, ...]


def list_bundle(settings: Settings, project: Path) -> BundleListing:
    """Return the files that a bundle of a project would hold now; nothing is packed.

    Args:
        settings: The configuration.
        project: The project directory, an absolute path.

    Raises:
        ConfigurationError: An adapter cannot be constructed, or an extra source path is not there.
        BundleError: Something cannot be packed, or the ignore file is not valid.
        CapabilityError: The bundler cannot list files.
    """
    wiring = Wiring(settings=settings)
    extra_source_paths = resolve_extra_source_paths(project, settings)
    listed = wiring.bundler.list_files(project, extra_source_paths, wiring.directories())
    files = sorted((file for file in listed if file.reason is None), key=lambda file: (-(file.size or 0), file.path))
    stores = _stores(wiring)
    excluded = (_named(file, project, stores) for file in listed if file.reason is not None)
    return BundleListing(tuple(files), sum(file.size or 0 for file in files), tuple(excluded))


def _stores(wiring: Wiring) -> dict[str, list[str]]:
    """Return the top-level keys whose adapters store in a directory, by the real path of that."""
    found: dict[str, list[str]] = {}
    for entry, root in wiring.roots():
        found.setdefault(os.path.realpath(root), []).append(entry.key)
    return found


def _named(file: ListedFile, project: Path, stores: dict[str, list[str]]) -> ListedFile:
    """Return an excluded file with the store that it is, where it is one."""
    keys = stores.get(os.path.realpath(project / file.path))
    return file if keys is None or file.size is not None else file._replace(reason=f"the store of {', '.join(keys)}")
