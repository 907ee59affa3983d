import sys

import pytest

from foundations.app.project.script import load_script
from foundations.errors import ScriptError


@pytest.fixture(autouse=True)
def process(monkeypatch):
    """What loading a script replaces in this process, put back afterwards."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture
def load(tmp_path):
    def load_text(text):
        script = tmp_path / "script.py"
        script.write_text(text)
        return load_script(script)

    return load_text


def test_functions_of_a_script_are_those_of_main(load, tmp_path):
    module = load("def f():\n    pass\nname = __name__\n")
    assert ("__main__", "__main__", str(tmp_path / "script.py")) == (module.f.__module__, module.name, module.__file__)
    assert (module, [str(tmp_path / "script.py")]) == (sys.modules["__main__"], sys.argv)


def test_a_script_imports_what_is_beside_it(load, tmp_path):
    (tmp_path / "beside_the_script.py").write_text("value = 3\n")
    assert 3 == load("from beside_the_script import value\n").value
    del sys.modules["beside_the_script"]


def test_imports_look_beside_the_script_instead_of_beside_the_program(load, tmp_path, monkeypatch):
    program = tmp_path / "bin" / "foundations"
    monkeypatch.setattr(sys, "argv", [str(program), "run"])
    monkeypatch.setattr(sys, "path", [str(program.parent), "/elsewhere"])
    load("")
    assert [str(tmp_path), "/elsewhere"] == sys.path


@pytest.mark.parametrize(
    "guard",
    [
        'if __name__ == "__main__":',
        "if '__main__' == __name__:",
        'if __name__ == "__main__" and True:',
        'if not done and __name__ == "__main__":',
        'try:\n  pass\nfinally:\n if __name__ == "__main__":',
    ],
)
def test_what_only_a_script_that_is_run_does_is_left_out(load, guard):
    assert not load(f"done = False\n{guard}\n    done = True\n").done


@pytest.mark.parametrize(
    "condition", ['if __name__ != "__main__2":', 'if __name__ == "another" or True:', "if not done:"]
)
def test_other_conditions_are_those_of_a_script(load, condition):
    assert load(f"done = False\n{condition}\n    done = True\n").done


def test_a_guard_in_a_function_is_the_functions_own(load):
    assert load('def f():\n    if __name__ == "__main__":\n        return 3\n').f() == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = (\n", "is not Python:\n  File "),
        ("x = 1 / 0\n", "cannot be loaded: Traceback (most recent call last):\n  File "),
        ("import sys\nsys.exit('no arguments')\n", "ended itself with exit code 'no arguments' while it was loaded."),
        ("from foundations import *\npipeline.stage(len, []).run()\n", "itself runs a pipeline when it is loaded"),
    ],
)
def test_a_script_that_cannot_be_loaded_is_told_with_the_reason(load, tmp_path, text, expected):
    with pytest.raises(ScriptError) as raised:
        load(text)
    assert str(raised.value).startswith(f"{tmp_path}/script.py {expected}")
    assert str(tmp_path / "script.py") == raised.value.path


def test_a_traceback_begins_with_the_script(load):
    with pytest.raises(ScriptError) as raised:
        load("def f():\n    return 1 / 0\nf()\n")
    frames = [line for line in str(raised.value).splitlines() if line.startswith("  File ")]
    assert [", line 3, in <module>", ", line 2, in f"] == [line.partition('script.py"')[2] for line in frames]


def test_a_script_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ScriptError) as raised:
        load_script(tmp_path / "missing.py")
    assert f"{tmp_path}/missing.py cannot be read: No such file or directory." == str(raised.value)
