import io
import json
import os
import sys

import pytest

from foundations.cli import output
from foundations.ports.cache import CacheEntry

COLUMNS = [output.Column("size", right=True), output.Column("stage"), output.Column("key", shortest=12)]
ROWS = [("1.2 GB", "train", "a" * 64), ("9 B", "évaluer", "b" * 64)]


class Terminal(io.StringIO):
    """A stream that says that it leads to a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Print a table on a terminal of 60 columns, and return the lines that came there."""
    for name, value in {"COLUMNS": "60", "LINES": "24", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def lines_on_terminal():
        stream = Terminal()
        monkeypatch.setattr(sys, "stdout", stream)
        output.write_table(COLUMNS, ROWS)
        return [line.rstrip() for line in stream.getvalue().splitlines()]

    return lines_on_terminal


def test_a_table_in_a_file_has_whole_cells_in_columns(capsys):
    output.write_table(COLUMNS, ROWS)
    expected = ["  size  stage    key", f"1.2 GB  train    {'a' * 64}", f"   9 B  évaluer  {'b' * 64}"]
    assert expected == capsys.readouterr().out.splitlines()


def test_a_table_without_rows_is_its_heading(capsys):
    output.write_table(COLUMNS, [])
    assert "size  stage  key\n" == capsys.readouterr().out


def test_a_table_on_a_terminal_is_shortened_where_it_may_be(terminal):
    heading, *lines = terminal()
    assert "\x1b[1m" in heading
    assert [f"1.2 GB  train    {'a' * 42}…", f"   9 B  évaluer  {'b' * 42}…"] == lines


def test_a_table_that_does_not_fit_a_terminal_keeps_what_may_not_be_shortened(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "10")
    assert [f"1.2 GB  train    {'a' * 11}…", f"   9 B  évaluer  {'b' * 11}…"] == terminal()[1:]


def test_of_columns_that_may_be_shortened_the_last_comes_first(terminal, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "COLUMNS", [output.Column("stage", shortest=4), COLUMNS[2]])
    monkeypatch.setattr(sys.modules[__name__], "ROWS", [("a" * 50, "b" * 50)])
    assert f"{'a' * 45}…  {'b' * 11}…" == terminal()[1]
    monkeypatch.setenv("COLUMNS", "90")
    assert f"{'a' * 50}  {'b' * 37}…" == terminal()[1]


def test_a_table_that_fits_a_terminal_is_whole(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert f"1.2 GB  train    {'a' * 64}" == terminal()[1]


def test_a_dumb_terminal_gets_no_escape_sequences(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in "".join(terminal())


@pytest.mark.parametrize(
    ("answer", "agreed"), [("y\n", True), (" YES \n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_only_yes_is_agreement(answer, agreed, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    assert agreed == output.confirm("Remove all?")
    assert ("", "Remove all? [y/N] " + ("" if answer else "\n")) == capsys.readouterr()


def test_no_stream_is_no_terminal():
    assert not output.is_terminal(None)


def test_attrs_objects_and_named_tuples_become_objects_of_one_json_document(capsys):
    output.write_json({"columns": (output.Column("é"),), "none": None, "entry": CacheEntry("k", 1, 2.0, 3.0)})
    printed = capsys.readouterr().out
    assert {
        "columns": [{"heading": "é", "right": False, "shortest": None}],
        "none": None,
        "entry": {"key": "k", "size": 1, "created_at": 2.0, "last_used_at": 3.0},
    } == json.loads(printed)
    assert printed.isascii()


def test_what_was_to_be_written_to_an_abandoned_stream_goes_nowhere(tmp_path):
    with open(tmp_path / "output", "w") as file:
        file.write("text")
        output.discard(file)
        assert os.path.samestat(os.fstat(file.fileno()), os.stat(os.devnull))
    assert "" == (tmp_path / "output").read_text()


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_a_stream_without_a_descriptor_can_be_abandoned(stream):
    output.discard(stream)
