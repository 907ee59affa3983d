"""Write the help text of every command to tests/unit/cli/help, with which a test compares it.

Run it by the Python of the environment that has the locked packages, and read the difference:
.venv/bin/python tools/write_help.py
"""

import os
import subprocess
import sys
from pathlib import Path

from foundations.cli.commands import COMMANDS, Group

TARGET = Path(__file__).resolve().parent.parent / "tests" / "unit" / "cli" / "help"


def words(group, first=("foundations",)):
    """Iterate over the words of every group and command."""
    yield first
    for name, entry in group.commands.items():
        if isinstance(entry, Group):
            yield from words(entry, (*first, name))
        else:
            yield (*first, name)


TARGET.mkdir(exist_ok=True)
for each in words(COMMANDS):
    done = subprocess.run(
        [sys.executable, "-m", *each, "--help"],
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    text = done.stdout.replace("Usage: python -m foundations", "Usage: foundations")
    (TARGET / f"{'-'.join(each)}.txt").write_text(text, encoding="utf-8")
