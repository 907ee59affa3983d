import sys

import pytest


@pytest.fixture
def script(in_memory, monkeypatch):
    """Write a script, which becomes the process's own when it is run; undone afterwards."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(sys, "argv", list(sys.argv))

    def write(text, name="train.py"):
        file = in_memory / name
        file.write_text(text)
        return name

    return write
