"""``foundations config show``."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from foundations.cli import output
from foundations.cli.configuration import read_configuration
from foundations.cli.options import AsJson, ConfigFiles, EnvironmentName

if TYPE_CHECKING:
    from foundations.app.use_cases.project.show_configuration import ConfiguredValue

EXAMPLES = """\b
Examples:
  foundations config show
  foundations config show --environment staging
  foundations config show --json"""

_COLUMNS = [output.Column("key"), output.Column("value", shortest=16), output.Column("from", shortest=16)]


def show(as_json: AsJson = False, environment: EnvironmentName = None, config: ConfigFiles = None) -> None:
    """Show every value of the configuration, and where it comes from.

    That is a line of a file, an environment variable or a default. ${VAR} is shown as it is written, with a remark
    where VAR is not set; values whose names look like those of secrets are concealed.
    """
    from foundations.app.use_cases.project.show_configuration import list_values

    values = list_values(read_configuration(environment, config), os.environ)
    if as_json:
        output.write_json({"values": values})
    else:
        output.write_table(
            _COLUMNS, [(each.key, _text(each.value), _source(each)) for each in values if _matters(each)]
        )


def _matters(each: ConfiguredValue) -> bool:
    """Return whether a value tells something; an empty list of arguments that nobody wrote does not."""
    return each.source != "default" or each.value not in ([], {}) or "." not in each.key


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)


def _source(each: ConfiguredValue) -> str:
    if each.source == "environment":
        return f"environment variable {', '.join(each.variables)}"
    place = f"{os.path.relpath(each.file)}:{each.line}" if each.file is not None else each.source
    missing = [name for name, is_set in each.variables.items() if not is_set]
    return f"{place} ({', '.join(missing)} is not set)" if missing else place
