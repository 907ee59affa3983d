"""Look up the known vulnerabilities of all versions in lock files, with pip-audit.

    python tools/audit.py [--if-reachable] [--ignore-vuln ID]... [--osv-url URL] LOCK...

Exits with 0 if there are none, and with 1 if there are some. If the vulnerability service cannot be reached, a message
reports that nothing was audited, and the exit code is 1, or 0 with ``--if-reachable``.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

OSV_URL = "https://api.osv.dev/v1/query"
TIMEOUT_SECONDS = 15
PIN = re.compile(r"^([\w.-]+)==([^\s;]+)(?: ;[^\\\n]*)?( \\\n(?: +--hash=.*\n)+)", re.MULTILINE)


def distribute_pins(locks: list[str]) -> list[str]:
    """Return requirements files that have each pin of the lock files, without its marker, and no name twice in one.

    pip-audit looks up only what applies to its own interpreter, and refuses two versions of one package.
    """
    files: list[dict[str, str]] = []
    pins = {
        (name, version): f"{name}=={version}{hashes}" for text in locks for name, version, hashes in PIN.findall(text)
    }
    for (name, _), pin in pins.items():
        file = next((file for file in files if name not in file), None)
        if file is None:
            files.append(file := {})
        file[name] = pin
    return ["".join(file.values()) for file in files]


def connection_error(url: str) -> str | None:
    """Return why the vulnerability service at the URL cannot be reached, or None if it answers, whatever it answers."""
    query = json.dumps({"package": {"name": "pip", "ecosystem": "PyPI"}, "version": "0"}).encode()
    try:
        urllib.request.urlopen(url, data=query, timeout=TIMEOUT_SECONDS).close()
    except urllib.error.HTTPError:
        return None
    except OSError as error:
        return str(getattr(error, "reason", error))
    return None


def main() -> int:
    """Audit the lock files that the command line names, and return the exit code."""
    parser = argparse.ArgumentParser(description="Audit lock files with pip-audit.")
    parser.add_argument("--if-reachable", action="store_true", help="only warn where the service cannot be reached")
    parser.add_argument("--ignore-vuln", metavar="ID", action="append", default=[], help="accept this vulnerability")
    parser.add_argument("--osv-url", default=OSV_URL, help="the vulnerability service (default: %(default)s)")
    parser.add_argument("locks", nargs="+", type=Path)
    arguments = parser.parse_args()
    if error := connection_error(arguments.osv_url):
        locks = ", ".join(map(str, arguments.locks))
        print(
            f"{'!' * 80}\n"
            f"NOT AUDITED: the vulnerability service {arguments.osv_url} cannot be reached from here: {error}.\n"
            f"Known vulnerabilities of the versions in {locks} were not looked up.\n"
            "Run `make audit` on a machine that reaches the service.\n"
            f"{'!' * 80}",
            file=sys.stderr,
        )
        return 0 if arguments.if_reachable else 1
    audit = [sys.executable, "-m", "pip_audit", "--vulnerability-service", "osv", "--osv-url", arguments.osv_url]
    audit += ["--strict", "--disable-pip", "--progress-spinner", "off"]
    audit += [f"--ignore-vuln={vulnerability}" for vulnerability in arguments.ignore_vuln]
    failed = False
    with tempfile.TemporaryDirectory() as directory:
        for pins in distribute_pins([path.read_text(encoding="utf-8") for path in arguments.locks]):
            (requirements := Path(directory, "requirements.txt")).write_text(pins, encoding="utf-8")
            print(f"Auditing {pins.count('==')} versions", flush=True)
            failed |= subprocess.run([*audit, "--requirement", str(requirements)]).returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
