"""A script that is loaded to run its pipeline, without what it does itself when it is run."""

from __future__ import annotations

import ast
import builtins
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from foundations.errors import ScriptError

_loading: list[str] = []


def load_script(path: Path) -> ModuleType:
    """Execute a script as ``python SCRIPT`` would, but for what is under ``if __name__ == "__main__":``.

    The script becomes the ``__main__`` of this process, its directory the first place of imports, and ``sys.argv`` has
    its path alone: so its functions are those of a script, for jobs and for child processes.

    Args:
        path: The script.

    Returns:
        Its module.

    Raises:
        ScriptError: It cannot be read, is not Python, raises an exception, ends the process or runs a pipeline.
    """
    code = _compile(path)
    module = ModuleType("__main__")
    file = os.path.abspath(path)
    loader = SourceFileLoader("__main__", file)
    vars(module).update(__builtins__=builtins, __file__=file, __loader__=loader, __package__=None, __cached__=None)
    sys.modules["__main__"] = module
    _replace_first_place(path)
    sys.argv = [str(path)]
    with _marked_as_loading(path):
        try:
            exec(code, vars(module))  # noqa: S102 - its user asks for it
        except ScriptError:
            raise
        except SystemExit as error:
            raise ScriptError(
                f"{path} ended itself with exit code {error.code!r:.200} while it was loaded. Put what parses arguments"
                ' or ends the process below `if __name__ == "__main__":`, which `foundations run` leaves out.',
                path=str(path),
            ) from error
        except Exception as error:
            raise ScriptError(f"{path} cannot be loaded: {describe_exception(error)}", path=str(path)) from error
    return module


def _replace_first_place(script: Path) -> None:
    """Have imports look beside the script first, instead of beside the program that this process was started with."""
    if sys.path[:1] == [os.path.dirname(os.path.realpath(sys.argv[0]))]:
        del sys.path[0]
    if not sys.flags.safe_path:
        sys.path.insert(0, os.path.dirname(os.path.realpath(script)))


def describe_exception(error: BaseException) -> str:
    """Return the traceback of an error in a script, from the script's own frame on."""
    own = error.__traceback__.tb_next if error.__traceback__ else None
    return "".join(traceback.TracebackException(type(error), error, own).format()).rstrip()


def check_not_loading() -> None:
    """Raise :class:`ScriptError` where a script is being loaded, and so must run no pipeline itself."""
    if _loading:
        raise ScriptError(
            f"{_loading[-1]} itself runs a pipeline when it is loaded, so its job would be submitted twice. Put the"
            ' call of run() below `if __name__ == "__main__":`, which `foundations run` leaves out. Nothing was run.',
            path=_loading[-1],
        )


@contextmanager
def _marked_as_loading(path: Path) -> Iterator[None]:
    _loading.append(str(path))
    try:
        yield
    finally:
        _loading.pop()


def _compile(path: Path) -> Any:
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except OSError as error:
        raise ScriptError(f"{path} cannot be read: {error.strerror or error}.", path=str(path)) from error
    except (SyntaxError, ValueError) as error:  # ValueError: it has a null byte
        problem = "".join(traceback.format_exception_only(error)).rstrip()
        raise ScriptError(f"{path} is not Python:\n{problem}", path=str(path)) from error
    return compile(_WithoutGuards().visit(tree), os.path.abspath(path), "exec", dont_inherit=True)


class _WithoutGuards(ast.NodeTransformer):
    """Leaves out what only a script that is run does."""

    def visit_If(self, node: ast.If) -> ast.AST:
        if not _asks_whether_it_is_run(node.test):
            return self.generic_visit(node)
        return ast.copy_location(ast.Pass(), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return node


def _asks_whether_it_is_run(test: ast.expr) -> bool:
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(map(_asks_whether_it_is_run, test.values))
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], ast.Eq):
        return False
    sides = [test.left, *test.comparators]
    return any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides) and any(
        isinstance(side, ast.Constant) and side.value == "__main__" for side in sides
    )
