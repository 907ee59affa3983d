"""Runs what a page of the documentation shows, step by step, as a reader would: in one interpreter, one directory."""

import contextlib
import io
import json
import linecache
import subprocess
import sys
import traceback
from pathlib import Path
from types import ModuleType


def _in_interpreter(main, code, where):
    linecache.cache[where] = (len(code), None, code.splitlines(keepends=True), where)
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        try:
            exec(compile(code, where, "exec"), vars(main))
        except Exception:
            traceback.print_exc()
            return {"output": shown.getvalue(), "failed": True}
    return {"output": shown.getvalue(), "failed": False}


def _in_shell(command):
    done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=50)
    return {"output": done.stdout, "failed": done.returncode != 0}


def _written(path, content):
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content)
    return {"output": "", "failed": False}


def main():
    """Run the steps of the JSON file that is named, and print what came of each as JSON."""
    steps = json.loads(Path(sys.argv[1]).read_text())
    sys.path[0] = ""
    sys.argv = [""]
    main_module = sys.modules["__main__"] = ModuleType("__main__")
    kinds = {
        "write": lambda step: _written(step["path"], step["content"]),
        "interpreter": lambda step: _in_interpreter(main_module, step["content"], step["where"]),
        "shell": lambda step: _in_shell(step["content"]),
    }
    outcomes = [kinds[step["kind"]](step) for step in steps]
    print(json.dumps(outcomes), file=sys.__stdout__)


if __name__ == "__main__":
    main()
