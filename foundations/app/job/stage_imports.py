"""What the modules of stages import, read from their source."""

from __future__ import annotations

import ast
import functools
import linecache
import sys
from collections.abc import Iterator
from typing import Any

from foundations.domain.pipeline.graph import Pipeline

_FORGIVING = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


def imported_modules(pipeline: Pipeline) -> set[str]:
    """Return the dotted names of what the modules of the stages import, wherever in the module, and of their packages.

    ``from a.b import c`` gives ``a``, ``a.b`` and ``a.b.c``, since nothing shows whether ``c`` is a module.

    Imports that the module does without are left out: those in a ``try`` that catches their failure, and those for type
    checkers. So are relative ones, and those of modules without source.
    """
    files = {file for node in pipeline.nodes for file in _files(node.function)}
    names: set[str] = set()
    for file in files:
        try:
            tree = ast.parse("".join(linecache.getlines(file)))
        except (SyntaxError, ValueError):  # a notebook's cell with commands of its own
            continue
        for name in _imports(tree):
            while name:
                names.add(name)
                name = name.rpartition(".")[0]
    return names


def names_in(statement: ast.AST) -> list[str]:
    """Return the dotted names that an import statement names; none for a relative import or another statement."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    if isinstance(statement, ast.ImportFrom) and not statement.level and statement.module:
        return [f"{statement.module}.{alias.name}" for alias in statement.names]
    return []


def _files(function: Any) -> Iterator[str]:
    """Iterate over the files of a function, and of its module where it has one."""
    while isinstance(function, functools.partial):
        function = function.func
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is not None:
        yield code.co_filename
    file = getattr(sys.modules.get(getattr(function, "__module__", None) or ""), "__file__", None)
    if isinstance(file, str) and file.endswith(".py"):
        yield file


def _imports(node: ast.AST) -> Iterator[str]:
    yield from names_in(node)
    for child in _needed(node):
        yield from _imports(child)


def _needed(node: ast.AST) -> list[ast.AST]:
    """Return the parts of a statement that run without a fallback."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return list(node.orelse)
    if isinstance(node, ast.Try) and any(_is_forgiving(handler) for handler in node.handlers):
        return [*node.orelse, *node.finalbody]
    return list(ast.iter_child_nodes(node))


def _is_forgiving(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(name.id in _FORGIVING for name in ast.walk(handler.type) if isinstance(name, ast.Name))
