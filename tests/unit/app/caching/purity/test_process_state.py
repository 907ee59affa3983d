import decimal
import os
import random
import sys
import types

import numpy.random  # which is not loaded by NumPy itself
import pytest

from foundations.app.caching.purity.process_state import process_state, what_changed


def test_a_process_that_nobody_changed_is_the_same():
    assert what_changed(process_state()) is None


def test_generators_that_are_used_are_named():
    before = process_state()
    random.random()
    assert "the generator behind random.random()" == what_changed(before)
    before = process_state()
    numpy.random.rand()
    assert "the generator behind numpy.random.rand()" == what_changed(before)


@pytest.mark.parametrize("asked", ["by memory", "by Python"])
@pytest.mark.parametrize(
    ("use", "is_seen"),
    [
        (lambda: None, False),
        (lambda: random.random(), True),
        (lambda: random.gauss(0, 1), True),
        (lambda: random.shuffle([1, 2]), True),
        (lambda: random.seed(1), True),
        (lambda: random.setstate(random.getstate()), False),
        (lambda: random.Random(1).random(), False),
    ],
)
def test_the_use_of_pythons_generator_is_seen(monkeypatch, asked, use, is_seen):
    if asked == "by Python":
        monkeypatch.delitem(sys.modules, "ctypes")
    random.seed(7)
    for _ in range(3):
        before = process_state()
        use()
        assert ("the generator behind random.random()" if is_seen else None) == what_changed(before)
        if use.__code__.co_names[:2] == ("random", "seed"):
            random.seed(7)


def test_each_number_that_pythons_generator_gives_is_seen():
    random.seed(1)
    for _ in range(700):  # a few more than a state has words
        before = process_state()
        random.getrandbits(32)
        assert "the generator behind random.random()" == what_changed(before)


def test_what_pythons_generator_keeps_for_the_next_call_is_a_part_of_its_state():
    random.seed(1)
    random.gauss(0, 1)
    before = process_state()
    random.gauss(0, 1)  # it was drawn with the one before
    assert "the generator behind random.random()" == what_changed(before)


def test_what_numpy_keeps_for_the_next_call_is_a_part_of_its_state():
    numpy.random.seed(1)
    assert what_changed(process_state()) is None
    numpy.random.randn()
    before = process_state()
    numpy.random.randn()  # it was drawn with the one before
    assert "the generator behind numpy.random.rand()" == what_changed(before)


def test_numpys_generator_may_be_of_another_kind():
    usual = numpy.random.get_bit_generator()
    try:
        numpy.random.set_bit_generator(numpy.random.PCG64(1))
        before = process_state()
        assert what_changed(before) is None
        numpy.random.rand()
        assert "the generator behind numpy.random.rand()" == what_changed(before)
    finally:
        numpy.random.set_bit_generator(usual)


def test_numpy_seeded_as_it_was_is_the_same():
    numpy.random.seed(1)
    before = process_state()
    numpy.random.rand()
    numpy.random.seed(1)
    assert what_changed(before) is None


def test_generators_of_ones_own_do_not_matter():
    before = process_state()
    random.Random(1).random()
    numpy.random.default_rng(1).random()
    assert what_changed(before) is None


def test_variables_that_are_set_changed_or_removed_are_named(monkeypatch):
    monkeypatch.setenv("THERE", "1")
    monkeypatch.delenv("NEW", raising=False)
    for change in (
        lambda: monkeypatch.setenv("NEW", "1"),
        lambda: monkeypatch.setenv("THERE", "2"),
        lambda: monkeypatch.delenv("THERE"),
    ):
        before = process_state()
        change()
        assert what_changed(before) in {f"the environment variable {name} (os.environ)" for name in ("NEW", "THERE")}


def test_a_variable_that_an_imported_library_adds_is_its_own(monkeypatch):
    monkeypatch.delenv("OF_A_LIBRARY", raising=False)
    monkeypatch.setenv("THERE", "1")
    before = process_state()
    monkeypatch.setitem(sys.modules, "a_library", types.ModuleType("a_library"))
    monkeypatch.setenv("OF_A_LIBRARY", "1")
    assert what_changed(before) is None
    monkeypatch.setenv("THERE", "2")
    assert "the environment variable THERE (os.environ)" == what_changed(before)
    assert "1" == os.environ["OF_A_LIBRARY"]


def test_the_working_directory_and_the_context_of_decimals_are_named(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inner").mkdir()
    with decimal.localcontext():
        for change, expected in (
            (lambda: setattr(decimal.getcontext(), "prec", 5), "decimal.getcontext()"),
            (lambda: setattr(decimal.getcontext(), "capitals", 0), "decimal.getcontext()"),
            (lambda: decimal.getcontext().traps.update({decimal.Inexact: True}), "decimal.getcontext()"),
            (lambda: os.chdir("inner"), "the working directory"),
            ((tmp_path / "inner").rmdir, "the working directory"),
        ):
            before = process_state()
            change()
            assert expected == what_changed(before)


def test_flags_of_decimals_that_an_operation_sets_do_not_matter():
    with decimal.localcontext() as context:
        context.clear_flags()
        before = process_state()
        assert decimal.Decimal(1) / 3
        assert context.flags[decimal.Inexact]
        assert what_changed(before) is None


def test_decimals_that_are_imported_later_are_as_python_sets_them_up(monkeypatch):
    with decimal.localcontext(decimal.Context()) as context:
        with monkeypatch.context() as patched:
            patched.delitem(sys.modules, "decimal")
            before = process_state()
        assert what_changed(before) is None
        context.prec = 5
        assert "decimal.getcontext()" == what_changed(before)
