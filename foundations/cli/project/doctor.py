"""``foundations doctor``."""

from __future__ import annotations

from pathlib import Path

from foundations.cli.configuration import read_settings
from foundations.cli.findings import write_findings
from foundations.cli.options import AsJson, ConfigFiles, EnvironmentName

EXAMPLES = """\b
Examples:
  foundations doctor
  foundations doctor --environment staging --json"""


def doctor(as_json: AsJson = False, environment: EnvironmentName = None, config: ConfigFiles = None) -> None:
    """Examine whether jobs can run here, and say what to do where they cannot.

    That is Python, the directory of foundations, the configuration with each store and the execution environment, the
    other named environments, the size of a bundle, the space on the disks, and the clock. Nothing is written. The exit
    code is 1 where something would stop a run.
    """
    from foundations.app.config.manager import ConfigManager
    from foundations.app.use_cases.project.examine import examine

    project = Path.cwd()
    findings = examine(
        settings=lambda name: read_settings(name, config),
        chosen=environment,
        environments=lambda: ConfigManager().environment_names(project),
        project=project,
    )
    write_findings(findings, as_json=as_json)
