"""``foundations config trust``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foundations.cli import output
from foundations.escaping import escape_unprintable

EXAMPLES = """\b
Examples:
  foundations config trust local.config.yaml"""


def trust(file: Annotated[Path, typer.Argument(metavar="FILE", help="The configuration file.")]) -> None:
    """Trust a configuration file that another user could have written.

    Read it first: it can have any code run as you. It is trusted as it is now; once it changes, it is refused again.
    """
    from foundations.app.config import trust as trusting
    from foundations.app.config.content import read_content
    from foundations.home import foundations_home

    trusting.trust(file, read_content(file), foundations_home())
    output.write_note(f"Trusted as it is now: {escape_unprintable(str(file.absolute()))}")
