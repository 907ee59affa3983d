"""The use case behind ``foundations config check``: whatever a run would find wrong, found without running anything."""

from __future__ import annotations

from pathlib import Path

from foundations.app.config.settings import ADAPTER_KEYS, Settings
from foundations.app.use_cases.freeze_job import resolve_extra_source_paths, resolve_run_script_environment
from foundations.app.use_cases.project.findings import Finding, Findings
from foundations.app.use_cases.project.show_configuration import describe_adapter
from foundations.app.wiring import Wiring
from foundations.errors import StorageError, UntrustedLocationError


def check_configuration(settings: Settings, project: Path) -> list[Finding]:
    """Return a finding for each adapter and each section that a run would use; nothing is written.

    Args:
        settings: The configuration.
        project: The project directory, an absolute path.
    """
    findings = Findings()
    wiring = Wiring(settings=settings)
    for key, name in ADAPTER_KEYS.items():
        with findings.examine(key) as is_ok:
            refusal = _check_adapter(wiring, name, project)
            if refusal is None:
                is_ok(describe_adapter(getattr(settings, name)))
            else:
                findings.add(key, "warning", f"{refusal} Until then, nothing is cached.")
    if not any(finding.status == "error" for finding in findings.found):
        with findings.examine("capabilities") as is_ok:
            wiring.check_capabilities()
            is_ok("the execution environment reaches the storage and takes the bundles")
    with findings.examine("job_source_bundle") as is_ok:
        paths = resolve_extra_source_paths(project, settings)
        is_ok(f"{settings.job_source_bundle.member}, with {len(paths)} extra source paths")
    with findings.examine("run_script_environment") as is_ok:
        is_ok(", ".join(resolve_run_script_environment(settings)) or "no variables")
    return findings.found


def _check_adapter(wiring: Wiring, name: str, project: Path) -> str | None:
    """Raise what using an adapter would raise; return why a cache is refused, without which jobs run all the same."""
    adapter = wiring.adapter(name)
    if name == "deployment":
        adapter.check(project)
        adapter.check_requirements(project, frozenset)
    elif name == "cache":
        try:
            adapter.check()
        except (StorageError, UntrustedLocationError) as error:
            return str(error)
    elif name != "job_bundler":
        adapter.check()
    return None
