"""``foundations adapters``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foundations.cli import output
from foundations.cli.configuration import read_settings
from foundations.cli.options import AsJson, ConfigFiles, EnvironmentName

if TYPE_CHECKING:
    from foundations.app.use_cases.project.list_adapters import AdapterDescription

EXAMPLES = """\b
Examples:
  foundations adapters
  foundations adapters --json"""

_COLUMNS = [
    output.Column("port"),
    output.Column("adapter"),
    output.Column("configured as", shortest=16),
    output.Column("capabilities", shortest=16),
]


def adapters(as_json: AsJson = False, environment: EnvironmentName = None, config: ConfigFiles = None) -> None:
    """List the shipped adapters, and those that the configuration names.

    By port, each with the keys that name it and what it can do.
    """
    from foundations.app.use_cases.project.list_adapters import list_adapters

    found = list_adapters(read_settings(environment, config))
    if as_json:
        output.write_json({"adapters": found})
        return
    output.write_table(_COLUMNS, [_row(adapter) for adapter in found])
    for adapter in found:
        if adapter.problem is not None:
            output.write_error(adapter.problem)


def _row(adapter: AdapterDescription) -> tuple[str, ...]:
    names = [key.removesuffix("_implementation") for key in adapter.keys]
    keys = ", ".join(names) if len(names) < 3 else f"{len(names)} archives"
    can = ", ".join(name.replace("_", " ") for name, is_so in adapter.capabilities.items() if is_so)
    return adapter.port, adapter.type_name, keys, can
