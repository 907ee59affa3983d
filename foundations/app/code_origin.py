"""Where code comes from: the SDK, Python itself or an installed package; anything else is the user's own."""

from __future__ import annotations

import os
import sys

BUNDLED = {"attr": "attrs", "attrs": "attrs", "cloudpickle": "cloudpickle", "structlog": "structlog", "yaml": "PyYAML"}
"""Packages that a job has from its bundle, each with its distribution; they are of the version that was installed."""

_INSTALLED = frozenset({"site-packages", "dist-packages"})  # the latter on Debian


def _directories(file: str, *names: str) -> tuple[str, ...]:
    """Return directories beside `file` as prefixes of paths, both as Python shows them and without symbolic links."""
    places = {os.path.dirname(os.path.abspath(file)), os.path.dirname(os.path.realpath(file))}
    return tuple(os.path.join(place, name, "") for place in sorted(places) for name in names)


_STANDARD_LIBRARY = _directories(os.__file__, "")
_SDK = _directories(os.path.dirname(__file__), "")
_COMES_WITH_THE_SDK = _directories(os.path.dirname(os.path.dirname(__file__)), *BUNDLED)


def is_sdk(path: str) -> bool:
    """Return whether a file or directory is the SDK's own."""
    return f"{path}{os.sep}".startswith(_SDK)


def is_sdk_or_bundled(path: str) -> bool:
    """Return whether a file or directory is the SDK's own, or of a package that comes with it in a bundle."""
    return f"{path}{os.sep}".startswith((*_SDK, *_COMES_WITH_THE_SDK))


def is_installed(path: str) -> bool:
    """Return whether a file or directory is one of an installed package."""
    return not _INSTALLED.isdisjoint(path.split(os.sep))


def is_library(path: str) -> bool:
    """Return whether a file or directory is the SDK's, a bundled package's or an installed one's."""
    return is_installed(path) or is_sdk_or_bundled(path)


def is_standard_library(file: str) -> bool:
    """Return whether a source file is one of Python's own."""
    return file.startswith("<frozen ") or (file.startswith(_STANDARD_LIBRARY) and not is_installed(file))


def is_standard_module(name: str) -> bool:
    """Return whether a module has the name of one of Python's own, or is a part of one with such a name."""
    return name.partition(".")[0] in sys.stdlib_module_names
