"""What the documentation shows is run, and what it names exists."""

import ast
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import attrs
import pytest
import typer.main

import foundations
import foundations.testing
from foundations import errors
from foundations.app.config.file import read_config_file
from foundations.app.config.settings import TOP_LEVEL_KEYS, SourceBundleSettings
from foundations.app.use_cases.jobs.describe import JobDescription
from foundations.app.use_cases.manage_cache import (
    CacheListing,
    CacheStatistics,
    EntryDescription,
    FailedRemoval,
    RemovalReport,
    RemovedEntry,
    SizeClass,
)
from foundations.app.use_cases.project.findings import Finding
from foundations.app.use_cases.project.list_adapters import AdapterDescription
from foundations.app.use_cases.project.list_bundle import BundleListing
from foundations.app.use_cases.project.show_configuration import ConfiguredValue
from foundations.cli.main import app
from foundations.domain.jobs import archive_layout as archives
from foundations.domain.jobs.result_document import CONTEXT_DEFAULTS
from foundations.ports.execution import Capabilities
from foundations.ports.job import EndCause, JobEnd, JobState

ROOT = Path(__file__).resolve().parent.parent.parent
RUNNER = Path(__file__).with_name("page_runner.py")
PAGES = [
    *(ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
ERRORS = [name for name, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, Exception)]
CLI = typer.main.get_command(app)
COMMANDS = [
    CLI,
    *CLI.commands.values(),
    *(command for group in CLI.commands.values() for command in getattr(group, "commands", {}).values()),
]
NOT_HERE = ("make ", "git ", "pip install", "python -m venv", "./build.sh", "cd ")
NAMED = re.compile(r"# (?P<path>[\w./-]*\w+\.\w+|\.foundationsignore)$")
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL)
CHANGES = [
    (re.compile(r"-\d{8}-\d{6}-[a-z0-9]{5}"), "-NAME"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"\b\d+(\.\d+)? (ms|s)\b|\b\d+(\.\d+)?s\b"), "TIME"),
    (re.compile(r"\d{4}-\d{2}-\d{2}T[\d:.]+Z"), "DATE"),
]


class Block(NamedTuple):
    """One fenced block of a page."""

    language: str
    content: str
    line: int
    path: str | None
    follows: bool
    """Whether it stands right below the block before it."""


def options_of(command):
    """Return the options of a command of the command line."""
    return [option for parameter in command.params for option in parameter.opts if option.startswith("-")]


def page_id(page):
    return str(page.relative_to(ROOT))


def blocks_of(page):
    text = page.read_text()
    found, end = [], 0
    for match in FENCE.finditer(text):
        first = match["content"].partition("\n")[0]
        named = NAMED.match(first)
        follows = bool(found) and not text[end : match.start()].strip()
        line = text.count("\n", 0, match.start()) + 2
        found.append(Block(match["language"], match["content"], line, named and named["path"], follows))
        end = match.end()
    return found


def steps_of(page):
    """Return what a reader of the page does, and the output that it promises for each."""
    steps, promised = [], []
    for block in blocks_of(page):
        where = f"{page.name}:{block.line}"
        if block.path:
            steps.append({"kind": "write", "path": block.path, "content": block.content, "where": where})
            promised.append("")
        elif block.language == "python":
            steps.append({"kind": "interpreter", "content": block.content, "where": where})
            promised.append("...")
        elif block.language == "console":
            for part in re.split(r"^\$ ", block.content, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                if not command.startswith(NOT_HERE):
                    steps.append({"kind": "shell", "content": command, "where": where})
                    promised.append(output)
        elif block.language == "text" and block.follows and steps and steps[-1]["kind"] == "interpreter":
            promised[-1] = block.content
    return steps, promised


def comparable(text):
    """Return text without what differs from run to run."""
    for pattern, instead in CHANGES:
        text = pattern.sub(instead, text)
    return [" ".join(line.split()) for line in text.strip().splitlines()]


def fits(promised, printed):
    lines = [re.escape(line).replace(r"\.\.\.", ".*") for line in comparable(promised)]
    return re.fullmatch("\n".join(lines), "\n".join(comparable(printed)), re.DOTALL) is not None


def run_steps(steps, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "steps.json").write_text(json.dumps(steps))
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        "FOUNDATIONS_HOME": str(tmp_path / "home"),
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        [sys.executable, str(RUNNER), str(tmp_path / "steps.json")],
        cwd=project,
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
        timeout=100,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("page", [page for page in PAGES if steps_of(page)[0]], ids=page_id)
def test_what_a_page_shows_runs_and_prints_what_the_page_says(page, tmp_path):
    steps, promised = steps_of(page)
    outcomes = run_steps(steps, tmp_path)
    wrong = [
        f"{step['where']}: {'failed' if outcome['failed'] else 'printed'}\n{outcome['output']}"
        for step, text, outcome in zip(steps, promised, outcomes, strict=True)
        if (outcome["failed"] and step["kind"] == "interpreter") or not fits(text, outcome["output"])
    ]
    assert "" == "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_yaml_block_is_a_configuration(page, tmp_path):
    for number, block in enumerate(block for block in blocks_of(page) if block.language == "yaml"):
        file = tmp_path / f"{number}.config.yaml"
        file.write_text(block.content)
        assert read_config_file(file, required=True) is not None


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_link_within_the_repository_leads_somewhere(page):
    text = FENCE.sub("", page.read_text())
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", link)]
    broken = []
    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert [] == broken


def anchors(page):
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_is_in_the_index():
    linked = {link.partition("#")[0] for link in re.findall(r"\]\(([^)]+\.md[^)]*)\)", read("README.md"))}
    pages = {str(page.relative_to(ROOT / "docs")) for page in PAGES if ROOT / "docs" in page.parents} - {"README.md"}
    assert pages - linked == set()


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("reference/api.md", foundations.__all__),
        ("reference/api.md", foundations.testing.__all__),
        ("reference/configuration.md", TOP_LEVEL_KEYS),
        ("reference/configuration.md", SourceBundleSettings._fields),
        ("reference/results.md", [*CONTEXT_DEFAULTS, "provenance", "global_stage_context", "stage_contexts"]),
        ("reference/states.md", [state.value for state in JobState]),
        ("reference/states.md", [cause.value for cause in EndCause]),
        ("reference/job-directory.md", JobEnd._fields),
        ("reference/archive-items.md", [archives.RESULT, archives.END, archives.EXCEPTION, archives.PROVENANCE]),
        (
            "reference/archive-items.md",
            [archives.SOURCE, archives.stream_item("stdout"), archives.stream_item("stderr")],
        ),
        ("how-to/write-an-adapter.md", list(attrs.fields_dict(Capabilities))),
        ("reference/errors.md", ERRORS),
        ("reference/command-line.md", [option for command in COMMANDS for option in options_of(command)]),
        *(
            ("reference/command-line.md", list(attrs.fields_dict(values)))
            for values in (
                AdapterDescription,
                BundleListing,
                CacheStatistics,
                ConfiguredValue,
                SizeClass,
                CacheListing,
                EntryDescription,
                RemovalReport,
                RemovedEntry,
                FailedRemoval,
                Finding,
                JobDescription,
            )
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_the_reference_names_all_there_is(page, names):
    told = set(re.findall(r"`([^`\n]+)`", FENCE.sub("", read(page))))
    told |= {name.partition("(")[0].rpartition(".")[2] for name in told}
    assert [] == [name for name in names if name not in told]


def read(page):
    return (ROOT / "docs" / page).read_text()


def test_every_test_that_a_page_names_exists():
    named = re.findall(r"`((?:tests|foundations)/[\w/]+\.py)::(\w+)`", "".join(page.read_text() for page in PAGES))
    assert [] == [(path, name) for path, name in named if name not in names_of_tests(ROOT / path)]


def names_of_tests(path):
    if not path.exists():
        return set()
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_every_command_that_is_not_run_here_is_one_of_the_makefiles_or_a_file():
    commands = [
        line.removeprefix("$ ").split()
        for page in PAGES
        for block in blocks_of(page)
        if block.language == "console"
        for line in block.content.splitlines()
        if line.startswith("$ ")
    ]
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {words[1] for words in commands if words[0] == "make" and len(words) > 1} - targets == set()
    assert [] == [words[0] for words in commands if words[0].startswith("./") and not shutil.which(ROOT / words[0])]
