"""Fuzz one format, guided by the code that is covered; what is new goes into its corpus, which the tests replay.

python tests/torture/fuzz.py                   list the formats
python tests/torture/fuzz.py FORMAT SECONDS
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["foundations", "json", "tarfile", "gzip", "yaml", "pathspec"]):
    from fuzz_targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"


def fuzz(name: str, seconds: str) -> None:
    """Fuzz a format, beginning with its corpus, which whatever covers more is added to."""
    limits = ["-max_len=4096", "-timeout=20", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], str(CORPUS / name), f"-max_total_time={seconds}", *limits], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(*TARGETS)
    else:
        fuzz(*sys.argv[1:])
