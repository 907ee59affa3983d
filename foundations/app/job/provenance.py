"""The provenance of a result: code, configuration, environment, parameters, versions."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from foundations.app.config.settings import Settings
from foundations.app.job.facts.interpreter import describe_random_states, list_distributions
from foundations.app.job.facts.machine import describe_machine, host_name, user_name
from foundations.app.job.stage_arguments import secret_hyperparameters
from foundations.domain.jobs.job import Job
from foundations.domain.pipeline.functions import short_name
from foundations.domain.text.redaction import REDACTED, redact
from foundations.domain.text.representation import short_repr
from foundations.version import __version__

if TYPE_CHECKING:  # a submitter, who needs another function of this module, loads no job
    from foundations.app.project.job_loading import LoadedJob

RECORDED_VARIABLES = (
    *("CUDA_VISIBLE_DEVICES", "HOSTNAME", "LANG", "LC_ALL", "MKL_NUM_THREADS", "OMP_NUM_THREADS"),
    *("OPENBLAS_NUM_THREADS", "PYTHONHASHSEED", "TZ", "USER", "VIRTUAL_ENV", "CONDA_DEFAULT_ENV"),
)


def describe_provenance(
    loaded: LoadedJob,
    settings: Settings,
    environ: Mapping[str, str],
    outside_modules: Sequence[Mapping[str, Any]] = (),
    start: Mapping[str, float | None] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the provenance of a job as JSON's own types.

    The environment is recorded by an allow-list, and values whose names look like secrets are left out.

    Args:
        loaded: The job, and what differs in its process from where it was submitted.
        settings: Its configuration.
        environ: The environment variables of its process.
        outside_modules: The modules that are in no bundle, each as a document.
        start: How long the parts of the job's start took, in seconds.
    """
    job = loaded.job
    packages, origins = list_distributions(sys.path)
    return {
        "format": 1,
        "job_name": job.name,
        "foundations": __version__,
        "python": {
            "version": platform.python_version(),
            "implementation": sys.implementation.name,
            "executable": sys.executable,
        },
        "platform": {"system": os.uname().sysname, "release": os.uname().release, "machine": os.uname().machine},
        "host": host_name(),
        "user": user_name(),
        "submitter": dict(job.submitter),
        "machine": describe_machine(),
        "start": dict(start),
        "project_directory": job.project,
        "commit": job.commit,
        "repository": job.repository,
        "parameters": recorded_parameters(job.parameters, secret_hyperparameters(job.pipeline)),
        "stages": _describe_stages(job),
        "configuration": redact(settings.to_json()),
        "environment": {name: environ[name] for name in RECORDED_VARIABLES if name in environ},
        "packages": packages,
        "direct_urls": origins,
        "random_states": describe_random_states(),
        "outside_modules": list(outside_modules),
        "differing_attributes": [difference._asdict() for difference in loaded.attributes],
        "differing_settings": [difference._asdict() for difference in loaded.settings],
    }


def _describe_stages(job: Job) -> dict[str, Any]:
    nodes = job.pipeline.nodes
    return {
        "uuids": [node.uuid for node in nodes],
        "names": [job.pipeline.name(index) for index in range(len(nodes))],
        "functions": _functions(job),
        "upstream": [list(node.upstream) for node in nodes],
    }


def recorded_parameters(parameters: Mapping[str, Any], secret: Collection[str] = ()) -> dict[str, Any]:
    """Return hyperparameters as JSON's own types; others abbreviated, those named like secrets left out.

    Args:
        parameters: Values by name.
        secret: The names of further secrets.
    """
    shown = redact({name: REDACTED if name in secret else value for name, value in parameters.items()})
    return {name: value if _is_plain(value) else short_repr(value) for name, value in shown.items()}


def _is_plain(value: object) -> bool:
    if isinstance(value, int):
        return value.bit_length() <= 1024  # not every reader of JSON takes longer ones
    if isinstance(value, float):
        return value == value and value not in (float("inf"), float("-inf"))
    if isinstance(value, list):
        return len(value) <= 100 and all(_is_plain(item) for item in value)
    if isinstance(value, dict):
        return len(value) <= 100 and all(isinstance(name, str) and _is_plain(item) for name, item in value.items())
    return value is None or (isinstance(value, str) and len(value) <= 1000)


def _functions(job: Job) -> list[str]:
    names: dict[int, str] = {}
    found = []
    for node in job.pipeline.nodes:
        function = node.function
        if id(function) not in names:
            module = getattr(function, "__module__", None) or type(function).__module__
            names[id(function)] = f"{module}.{short_name(function)}"
        found.append(names[id(function)])
    return found


def current_commit(project: Path) -> str | None:
    """Return the commit that is checked out in a directory; None where it is in no git repository, or on no commit."""
    for directory in (project, *project.parents):
        place = directory / ".git"
        if place.exists():
            try:
                return _commit(place)
            except (OSError, ValueError):  # not a layout of git's that is known here
                return None
    return None


def _commit(place: Path) -> str | None:
    """Return the commit of a ``.git``, which is a file in worktrees and submodules (see gitrepository-layout(5))."""
    if place.is_file():
        place = place.parent / place.read_text().strip().removeprefix("gitdir: ")
    head = (place / "HEAD").read_text().strip()
    if not head.startswith("ref: "):
        return head
    shared = place / "commondir"
    common = place / shared.read_text().strip() if shared.exists() else place
    name = head.removeprefix("ref: ")
    if (common / name).exists():
        return (common / name).read_text().strip()
    packed = (common / "packed-refs").read_text().splitlines()
    return next((line.split()[0] for line in packed if line.endswith(f" {name}")), None)
