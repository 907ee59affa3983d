"""Imports: what `from foundations import *` costs, and what it loads.

    python benchmarks/imports.py [--rounds N] [--sample]

Compared with importing what the SDK depends on.
"""

import subprocess
import sys

from measuring import arguments, take_turns

CONTENDERS = {
    "from foundations import *": "from foundations import *",
    "attrs, yaml, cloudpickle, structlog": "import attrs, yaml, cloudpickle, structlog",
    "import foundations": "import foundations",
    "python -c pass": "pass",
}


def run(statement: str) -> None:
    subprocess.run([sys.executable, "-c", statement], check=True)


def main() -> None:
    options, report = arguments(__doc__, rounds=20)
    report.title("a process that imports")
    calls = {name: lambda statement=statement: run(statement) for name, statement in CONTENDERS.items()}
    medians = report.table(take_turns(calls, options.rounds))
    nothing = medians["python -c pass"]
    report.bar(
        "foundations / its dependencies",
        (medians["from foundations import *"] - nothing) / (medians["attrs, yaml, cloudpickle, structlog"] - nothing),
        1.0,
    )
    report.close()


if __name__ == "__main__":
    main()
