import doctest
import importlib
import pkgutil

import pytest

import foundations

# Plain modules alone: the runner is a script, and contract classes are pytest's to collect.
NAMES = sorted(
    module.name
    for module in pkgutil.walk_packages(foundations.__path__, "foundations.")
    if not module.name.startswith(("foundations.resources.", "foundations.testing.contracts"))
)


@pytest.mark.parametrize("name", ["foundations", *NAMES])
def test_the_examples_in_docstrings_are_true(name):
    module = importlib.import_module(name)
    assert 0 == doctest.testmod(module, report=True).failed


def test_there_are_examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = sum(bool(test.examples) for name in NAMES for test in finder.find(importlib.import_module(name)))
    assert found >= 10
