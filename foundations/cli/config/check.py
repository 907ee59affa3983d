"""``foundations config check``."""

from __future__ import annotations

from pathlib import Path

from foundations.cli.configuration import read_settings
from foundations.cli.findings import write_findings
from foundations.cli.options import AsJson, ConfigFiles, EnvironmentName

EXAMPLES = """\b
Examples:
  foundations config check
  foundations config check --environment staging"""


def check(as_json: AsJson = False, environment: EnvironmentName = None, config: ConfigFiles = None) -> None:
    """Check whatever a run would find wrong, without running anything.

    Each adapter is constructed and checked as a run would do; nothing is written, and no store is made. The exit code
    is 1 where something would stop a run.
    """
    from foundations.app.use_cases.project.check_configuration import check_configuration
    from foundations.app.use_cases.project.findings import Findings

    findings = Findings()
    with findings.examine("configuration") as is_ok:
        settings = read_settings(environment, config)
        is_ok("every file was read")
        findings.found += check_configuration(settings, Path.cwd())
    write_findings(findings.found, as_json=as_json)
