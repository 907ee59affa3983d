"""The lock files have a fitting version, with hashes, of all that pyproject.toml and the examples require."""

import re
import tomllib
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS = PROJECT["dependency-groups"]
BUILD = [*PROJECT["build-system"]["requires"], *GROUPS["build"]]
EXAMPLES = [
    line for path in ROOT.glob("examples/*/requirements.txt") for line in path.read_text(encoding="utf-8").splitlines()
]
REQUIRED = {
    "build": BUILD,
    "dev": [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["dev"],
        *BUILD,
        *filter(None, EXAMPLES),
    ],
    "tools": GROUPS["tools"],
}
LOCKS = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "locks").iterdir()}
PIN = re.compile(r"(?P<pin>[a-z0-9-]+==[^\s;]+(?: ; [^\\\n/]+)?) \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+")


def pins(lock: str) -> list[str]:
    return [found["pin"].strip() for found in PIN.finditer(LOCKS[lock])]


def environments() -> Iterable[dict[str, str]]:
    for python, machine in product(("3.11", "3.12", "3.13"), ("x86_64", "aarch64")):
        yield {
            **default_environment(),
            "extra": "",
            "implementation_name": "cpython",
            "os_name": "posix",
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_full_version": f"{python}.0",
            "python_version": python,
            "sys_platform": "linux",
        }


def not_satisfied(required: Iterable[str], locked: Iterable[str]) -> list[str]:
    """Return the requirements for which some supported environment gets no locked version, several, or a wrong one."""
    found = []
    for environment in environments():
        versions: dict[str, list[str]] = {}
        for pin in map(Requirement, locked):
            if pin.marker is None or pin.marker.evaluate(environment):
                (specifier,) = pin.specifier
                versions.setdefault(canonicalize_name(pin.name), []).append(specifier.version)
        for requirement in map(Requirement, required):
            if requirement.marker is None or requirement.marker.evaluate(environment):
                fitting = versions.get(canonicalize_name(requirement.name), [])
                if len(fitting) != 1 or not requirement.specifier.contains(fitting[0], prereleases=True):
                    found.append(str(requirement))
    return sorted(set(found))


def test_there_is_a_lock_file_for_all_that_is_installed_and_no_other():
    assert sorted(REQUIRED) == sorted(LOCKS)


@pytest.mark.parametrize("lock", sorted(REQUIRED))
def test_a_lock_file_satisfies_what_is_required(lock):
    missing = not_satisfied(REQUIRED[lock], pins(lock))
    assert missing == [], f"locks/{lock}.txt does not satisfy these: run `make lock`, and commit locks/"


@pytest.mark.parametrize("lock", sorted(REQUIRED))
def test_a_lock_file_has_nothing_but_versions_with_hashes(lock):
    rest = re.sub(r"^#.*\n", "", PIN.sub("", LOCKS[lock]), flags=re.MULTILINE)
    assert "" == rest


def test_wheels_are_built_with_the_versions_that_are_tested():
    assert set() == set(pins("build")) - set(pins("dev"))


@pytest.mark.parametrize(
    ("required", "locked"),
    [
        ("attrs>=23.2", []),
        ("attrs>=23.2", ["attrs==23.1"]),
        ("attrs>=23.2", ["attrs==26.1 ; python_full_version >= '3.12'"]),
        ("attrs>=23.2", ["attrs==26.1", "attrs==26.2 ; platform_machine == 'aarch64'"]),
    ],
)
def test_a_requirement_without_one_fitting_version_everywhere_is_found(required, locked):
    assert [required] == not_satisfied([required], locked)


@pytest.mark.parametrize(
    ("required", "locked"),
    [
        ("types-PyYAML>=6", ["types-pyyaml==6.0.12.20261122"]),
        ("numpy>=2", ["numpy==2.4 ; python_full_version < '3.12'", "numpy==2.5 ; python_full_version >= '3.12'"]),
        ("colorama>=1; sys_platform == 'win32'", []),
    ],
)
def test_a_requirement_that_is_satisfied_wherever_it_holds_is_not_found(required, locked):
    assert [] == not_satisfied([required], locked)
