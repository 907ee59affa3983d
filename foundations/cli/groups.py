"""Groups of commands that import a command's module only when that command is the one that runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from foundations.cli.commands import Command, Group
from foundations.cli.conversion import Reader, convert_directly, readers_of

# Plain help: half the time to show, nothing cut, and the same in a file as on a terminal.
STYLE: dict[str, Any] = {
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}


class CommandGroup(TyperGroup):
    """A group of registered commands, which help lists without importing any.

    Args:
        group: What is registered.
        options: As of Typer's groups.
    """

    def __init__(self, group: Group, **options: Any) -> None:
        help_text = "\n\n".join(filter(None, (group.summary, group.details)))
        epilog = "\n".join(["\b", "Examples:", *(f"  {example}" for example in group.examples)])
        self._registered = group.commands
        super().__init__(**{**options, "commands": _LoadedCommands(group), "help": help_text, "epilog": epilog})

    def get_params(self, context: Any) -> list[Any]:
        """Return the parameters, with values converted without Typer."""
        return convert_directly(super().get_params(context), {})

    def list_commands(self, _: Any) -> list[str]:
        """Return the names in the order of their registration."""
        return list(self._registered)

    def format_commands(self, _: Any, formatter: Any) -> None:
        """Write the names with their summaries."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self._registered.items()])


class _SingleCommand(TyperCommand):
    """A command whose values are converted without Typer."""

    readers: Mapping[str, Reader] = {}

    def get_params(self, context: Any) -> list[Any]:
        return convert_directly(super().get_params(context), self.readers)


class _LoadedCommands(Mapping[str, Any]):
    """The commands of a group by name, each loaded when it is looked up."""

    def __init__(self, group: Group) -> None:
        self._registered = group.commands

    def __getitem__(self, name: str) -> Any:
        entry = self._registered[name]
        if isinstance(entry, Group):
            return CommandGroup(entry, name=name, no_args_is_help=True, **STYLE)
        return _load(name, entry)

    def __iter__(self) -> Iterator[str]:
        return iter(self._registered)

    def __len__(self) -> int:
        return len(self._registered)


def _load(name: str, entry: Command) -> Any:
    module = import_module(f"foundations.cli.{entry.module}")
    alone = typer.Typer(add_completion=False, **STYLE)
    function = getattr(module, entry.module.rpartition(".")[2])
    alone.command(name, cls=_SingleCommand, epilog=cast(str, module.EXAMPLES))(function)
    command = typer.main.get_command(alone)
    cast(_SingleCommand, command).readers = readers_of(function)
    return command
