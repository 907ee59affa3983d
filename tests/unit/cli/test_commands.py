import inspect
from importlib import import_module

import pytest

from foundations.cli.commands import COMMANDS, Group


def registered(group, words=("foundations",)):
    """Return the words of each command, with its registration."""
    for name, entry in group.commands.items():
        if isinstance(entry, Group):
            yield from registered(entry, (*words, name))
        else:
            yield (*words, name), entry


ALL = dict(registered(COMMANDS))


def described(words):
    return import_module(f"foundations.cli.{ALL[words].module}")


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_the_registered_summary_is_the_first_line_of_the_commands_docstring(words):
    function = getattr(described(words), ALL[words].module.rpartition(".")[2])
    assert inspect.getdoc(function).splitlines()[0] == ALL[words].summary


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_example_of_a_command_is_one_of_itself(words):
    marker, heading, *examples = described(words).EXAMPLES.splitlines()
    assert ("\b", "Examples:") == (marker, heading)
    assert examples == [line for line in examples if line.startswith(f"  {' '.join(words)}")]
