"""The modules that a job has imported from outside its bundle, other than installed packages, for its provenance."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

from foundations.app.code_origin import is_library, is_standard_library

_CODE = (".py", ".so", ".pyd")
_SCRIPTS = ("__main__", "__mp_main__")  # importing multiprocessing gives the first the second name


def describe_outside_modules(project: Path) -> list[dict[str, Any]]:
    """Return the modules of this process that are neither the project's nor installed: in editable mode or on a path.

    Args:
        project: The extracted project directory.

    Returns:
        For each top-level module: ``module``, ``path``, ``version`` (None where no distribution has it) and ``sha256``,
        the digest of its code. Modules that a stage imports later are not among them.
    """
    root = os.path.realpath(project) + os.sep
    outside: dict[str, str] = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if not isinstance(file, str) or name in _SCRIPTS or is_standard_library(file) or is_library(file):
            continue
        if os.path.isabs(file) and not os.path.realpath(file).startswith(root):
            outside.setdefault(name.partition(".")[0], file)
    return [_describe(name, outside[name]) for name in sorted(outside)]


def _describe(name: str, file: str) -> dict[str, Any]:
    from foundations.app.caching import distributions  # takes 20 ms, and few jobs have such a module

    is_package = os.path.basename(file).partition(".")[0] == "__init__"
    path = Path(file).parent if is_package else Path(file)
    return {"module": name, "path": str(path), "version": distributions.version(name), "sha256": _digest(path)}


def _digest(path: Path) -> str:
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.suffix in _CODE)
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(os.fsencode(f"{file.relative_to(path)}\0{len(content)}\0") + content)
    return digest.hexdigest()
