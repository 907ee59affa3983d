"""The limits that keep the code readable: width of folders, length of modules and functions, branches."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

import foundations

PACKAGE = Path(foundations.__file__).parent
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
SOURCES = {path: (PACKAGE / path).read_text(encoding="utf-8") for path in MODULES}
WIDEST_FOLDER = 12
LONGEST_MODULE = 300
LONGEST_FUNCTION = 50
COMPLEX_FUNCTIONS = 14


def functions(path):
    return [
        node for node in ast.walk(ast.parse(SOURCES[path])) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]


def lines(function):
    return function.end_lineno - function.lineno + 1


def limited(path):
    """Contract classes list promises, and the internals of caching have limits of their own."""
    return "testing" not in path.parts and "caching" not in path.parts


@pytest.mark.parametrize("folder", sorted({path.parent for path in MODULES}), ids=str)
def test_a_folder_holds_few_modules(folder):
    count = Counter(path.parent for path in MODULES if path.name != "__init__.py")[folder]
    assert count <= WIDEST_FOLDER


def test_modules_are_short():
    assert {} == {
        str(path): count
        for path, source in SOURCES.items()
        if limited(path) and (count := source.count("\n")) > LONGEST_MODULE
    }


def test_functions_are_short():
    assert {} == {
        f"{path}:{function.name}": lines(function)
        for path in MODULES
        if limited(path)
        for function in functions(path)
        if lines(function) > LONGEST_FUNCTION
    }


def test_few_functions_have_many_branches():
    """Ruff refuses a function of a complexity above 10 unless its line says otherwise."""
    exceptions = [
        f"{path}:{number}"
        for path, source in SOURCES.items()
        for number, line in enumerate(source.split("\n"), 1)
        if re.search(r"# noqa:.*\bC901\b", line)
    ]
    assert len(exceptions) <= COMPLEX_FUNCTIONS


@pytest.mark.parametrize("folder", sorted({path.parent for path in MODULES} - {Path("resources")}), ids=str)
def test_a_package_begins_with_its_catalogue(folder):
    """A paragraph on its subject, and each of its modules or sub-packages by name where there are several."""
    described = ast.get_docstring(ast.parse(SOURCES[folder / "__init__.py"])) or ""
    assert len(described) > 20
