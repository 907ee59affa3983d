"""All commands of the command line, in the order in which help lists them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Command(NamedTuple):
    """A command.

    Attributes:
        module: Its module within ``foundations.cli``; it has a function of the same name, and ``EXAMPLES``. It is
            imported when the command runs.
        summary: The first line of the function's docstring, so that help imports no module.
    """

    module: str
    summary: str


class Group(NamedTuple):
    """Commands that share their first word.

    Attributes:
        summary: One line about them.
        details: What else there is to say; may be empty.
        examples: Lines of a shell.
        commands: By name.
    """

    summary: str
    details: str
    examples: tuple[str, ...]
    commands: Mapping[str, Command | Group]


CACHE = Group(
    "Look at the cache, and make room in it.",
    "It is the one that the configuration of this directory names.",
    (
        "foundations cache ls --order size --limit 10",
        "foundations cache why train-20261125-090452-ym4yn",
        "foundations cache gc --max-size 20GB",
        "foundations cache stats --environment staging --json",
    ),
    {
        "stats": Command("cache.stats", "Show the cache in numbers."),
        "ls": Command("cache.ls", "List the entries of the cache."),
        "why": Command("cache.why", "Explain what the cache did for a job's stages."),
        "gc": Command("cache.gc", "Remove what is unused or finds no room."),
        "clear": Command("cache.clear", "Remove all entries."),
    },
)
CONFIG = Group(
    "Look at the configuration of this directory, and decide about its files.",
    "",
    ("foundations config show --environment staging", "foundations config trust local.config.yaml"),
    {
        "show": Command("config.show", "Show every value of the configuration, and where it comes from."),
        "check": Command("config.check", "Check whatever a run would find wrong, without running anything."),
        "trust": Command("config.trust", "Trust a configuration file that another user could have written."),
    },
)
BUNDLE = Group(
    "Look at what jobs of this directory carry.",
    "",
    ("foundations bundle ls", "foundations bundle ls --excluded"),
    {"ls": Command("bundle.ls", "List the files that a job would carry, the largest first.")},
)
JOBS = Group(
    "Look at jobs, wait for them, end them.",
    "They are those of the listing that the configuration of this directory names.",
    (
        "foundations jobs logs train-20261125-090452-ym4yn --follow",
        "foundations jobs wait train-20261125-090452-ym4yn --timeout 30m",
    ),
    {
        "show": Command("jobs.show", "Show what is recorded about a job."),
        "logs": Command("jobs.logs", "Show what a job has written."),
        "wait": Command("jobs.wait", "Wait until a job has ended."),
        "cancel": Command("jobs.cancel", "End jobs, politely at first."),
    },
)
COMMANDS = Group(
    "Run pipelines as jobs, and look after what they leave.",
    "",
    (
        "foundations init wine",
        "foundations run train.py -p rate=0.1 --follow",
        "foundations cache gc --max-size 20GB --older-than 30d --dry-run",
    ),
    {
        "init": Command("project.init", "Write a project that runs."),
        "run": Command("project.run", "Run the pipeline of a script as a job."),
        "jobs": JOBS,
        "doctor": Command("project.doctor", "Examine whether jobs can run here, and say what to do where they cannot."),
        "adapters": Command("project.adapters", "List the shipped adapters, and those that the configuration names."),
        "bundle": BUNDLE,
        "cache": CACHE,
        "config": CONFIG,
    },
)
