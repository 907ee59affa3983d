"""The use case behind ``foundations doctor``: whether jobs can run here, and what to do where they cannot."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Literal

from foundations.app.config.settings import Settings
from foundations.app.use_cases.freeze_job import resolve_extra_source_paths
from foundations.app.use_cases.project.check_configuration import check_configuration
from foundations.app.use_cases.project.findings import Finding, Findings
from foundations.app.use_cases.project.show_configuration import describe_adapter
from foundations.app.wiring import Wiring
from foundations.errors import FoundationsError
from foundations.home import foundations_home
from foundations.ownership import find_weakness

_LITTLE_SPACE = 2_000_000_000  # bytes
_NO_SPACE = 100_000_000
_LARGE_BUNDLE = 500_000_000
_LATE = 60.0  # seconds by which a clock may differ


def examine(
    settings: Callable[[str | None], Settings], chosen: str | None, environments: Callable[[], list[str]], project: Path
) -> list[Finding]:
    """Return what was found of everything that a job needs; nothing is written.

    Args:
        settings: Returns the configuration with a named environment, or with none.
        chosen: The named environment to examine whole; of the others, whether jobs could be sent there.
        environments: Returns the names of all environments.
        project: The project directory, an absolute path.
    """
    findings = Findings()
    _examine_python(findings)
    places = _examine_home(findings)
    with findings.examine("configuration") as is_ok:
        configured = settings(chosen)
        is_ok("every file was read")
        roots = _roots(configured)
        places |= set(map(_nearest_directory, roots))
        findings.found += check_configuration(configured, project)
        _examine_bundle(findings, configured, project, roots)
    with findings.examine("environments"):
        for name in environments():
            if name != chosen:
                _examine_environment(findings, name, settings, project)
    _examine_space(findings, places)
    _examine_clock(findings, places)
    return findings.found


def _examine_python(findings: Findings) -> None:
    version = f"Python {platform.python_version()} on {sys.platform}"
    if sys.platform == "linux":
        findings.add("python", "ok", version)
    else:
        findings.add("python", "warning", f"{version}: the local shell runs jobs on Linux. Use a container or WSL.")


def _examine_home(findings: Findings) -> set[Path]:
    """Examine the directory of foundations; return it, or the nearest one above it that is there."""
    places = set()
    with findings.examine("home") as is_ok:
        home = foundations_home()
        nearest = _nearest_directory(home)
        places.add(nearest)
        weakness = find_weakness(nearest)
        if weakness is not None:
            place = f"another user could write {weakness.path}: {weakness.reason}"
            remedy = f"chmod go-w {weakness.path}" if weakness.is_own else "set FOUNDATIONS_HOME to another directory"
            findings.add("home", "error", f"{home}: {place}. What to do: {remedy}")
        elif not os.access(nearest, os.W_OK | os.X_OK):
            findings.add("home", "error", f"{home} cannot be written. Set FOUNDATIONS_HOME to another directory.")
        else:
            is_ok(str(home) if home.exists() else f"{home}, which is made when it is needed")
    return places


def _roots(settings: Settings) -> tuple[Path, ...]:
    """Return the directories of the stores; none where an adapter cannot be constructed, which is a finding itself."""
    try:
        return Wiring(settings=settings).directories()
    except FoundationsError:
        return ()


def _examine_bundle(findings: Findings, settings: Settings, project: Path, roots: tuple[Path, ...]) -> None:
    with findings.examine("bundle") as is_ok:
        paths = resolve_extra_source_paths(project, settings)
        listed = Wiring(settings=settings).bundler.list_files(project, paths, roots)
        sizes = [file.size or 0 for file in listed if file.reason is None]
        amount = f"{len(sizes):,} files, {sum(sizes) / 1e6:,.1f} MB before compression"
        if sum(sizes) < _LARGE_BUNDLE:
            is_ok(amount)
        else:
            remedy = "`foundations bundle ls` lists the largest; name what no job needs in .foundationsignore"
            findings.add("bundle", "warning", f"{amount}, which each job carries: {remedy}.")


def _examine_environment(
    findings: Findings, name: str, settings: Callable[[str | None], Settings], project: Path
) -> None:
    with findings.examine(f"environment {name}") as is_ok:
        configured = settings(name)
        Wiring(settings=configured).environment.check(project)
        is_ok(describe_adapter(configured.deployment))


def _examine_space(findings: Findings, places: Collection[Path]) -> None:
    devices = {place.stat().st_dev: place for place in sorted(places, reverse=True)}
    for place in sorted(devices.values()):
        free = shutil.disk_usage(place).free
        amount = f"{free / 1e9:,.1f} GB free at {place}"
        if free >= _LITTLE_SPACE:
            findings.add("space", "ok", amount)
        else:
            status: Literal["warning", "error"] = "warning" if free >= _NO_SPACE else "error"
            findings.add("space", status, f"{amount}: make room, as with `foundations cache gc`.")


def _examine_clock(findings: Findings, places: Collection[Path]) -> None:
    """Compare this machine's clock with those that wrote into the places, and with when this package was installed."""
    now = time.time()
    written = {place: place.stat().st_mtime for place in (*places, Path(__file__))}
    latest = max(written, key=lambda place: written[place])
    ahead = written[latest] - now
    if ahead <= _LATE:
        findings.add("clock", "ok", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now)))
    else:
        findings.add(
            "clock",
            "warning",
            f"this machine's clock is {ahead:,.0f} s behind the one that wrote {latest}: the order of jobs, ages and"
            " leases would be wrong. Synchronise the clocks of the machines, as with NTP.",
        )


def _nearest_directory(path: Path) -> Path:
    """Return a directory, or the nearest one above it that is there."""
    while not path.is_dir():
        path = path.parent
    return path
