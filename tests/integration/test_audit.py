"""`make audit`: which versions are looked up, and what is reported if the vulnerability service is out of reach."""

import runpy
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

AUDIT = Path(__file__).parents[2] / "tools" / "audit.py"
HASH = " \\\n    --hash=sha256:00\n"


@pytest.fixture
def unreachable() -> Iterator[str]:
    """The URL of a port at which nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/"


def audit(lock: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    lock.write_text(f"attrs==26.1.0{HASH}", encoding="utf-8")
    return subprocess.run([sys.executable, AUDIT, *arguments, lock], capture_output=True, text=True, timeout=60)


def test_every_version_is_audited_whatever_its_marker() -> None:
    locks = [
        f"# made by make lock\nnumpy==2.4{HASH}numpy==2.5 ; python_full_version >= '3.12'{HASH}attrs==26.1{HASH}",
        f"attrs==26.1{HASH}tomli==2.5 ; python_full_version < '3.11'{HASH}",
    ]
    files = [f"numpy==2.4{HASH}attrs==26.1{HASH}tomli==2.5{HASH}", f"numpy==2.5{HASH}"]
    assert files == runpy.run_path(str(AUDIT))["distribute_pins"](locks)


def test_a_service_that_cannot_be_reached_is_a_failure_that_is_named(tmp_path: Path, unreachable: str) -> None:
    done = audit(tmp_path / "lock.txt", "--osv-url", unreachable)
    assert (1, True) == (done.returncode, f"NOT AUDITED: the vulnerability service {unreachable} cannot" in done.stderr)


def test_where_it_is_no_failure_it_is_reported_all_the_same(tmp_path: Path, unreachable: str) -> None:
    done = audit(tmp_path / "lock.txt", "--if-reachable", "--osv-url", unreachable)
    assert (0, True) == (done.returncode, f"NOT AUDITED: the vulnerability service {unreachable} cannot" in done.stderr)
