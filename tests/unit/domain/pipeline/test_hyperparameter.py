import pytest

from foundations.domain.pipeline.hyperparameter import Hyperparameter, check_parameters, merge_parameters
from foundations.errors import HyperparameterError


def test_a_hyperparameter_is_its_name():
    assert Hyperparameter("a") == Hyperparameter("a")
    assert Hyperparameter("a") != Hyperparameter("b")
    assert Hyperparameter("a") != "a"
    assert {Hyperparameter("a")} == {Hyperparameter("a"), Hyperparameter("a")}


@pytest.mark.parametrize("name", ["", None, 3, b"a"])
def test_a_name_is_a_string_that_is_not_empty(name):
    with pytest.raises(HyperparameterError, match="must be a non-empty string"):
        Hyperparameter(name)


def test_both_sources_are_merged():
    given = {"a": 1}
    assert {"a": 1, "b": 2} == merge_parameters(given, {"b": 2})
    assert {"b": 2} == merge_parameters(None, {"b": 2})
    assert {"a": 1} == given


def test_what_is_given_twice_is_named():
    with pytest.raises(HyperparameterError, match=r"given twice.*'a', 'b'") as raised:
        merge_parameters({"b": 1, "a": 1, "c": 1}, {"a": 1, "b": 2})
    assert ("a", "b") == raised.value.twice


@pytest.mark.parametrize("params_dict", ["name", [("a", 1)], 3])
def test_params_dict_is_a_mapping(params_dict):
    with pytest.raises(HyperparameterError, match=f"of type {type(params_dict).__name__}"):
        merge_parameters(params_dict, {})


def test_names_in_params_dict_are_strings():
    with pytest.raises(HyperparameterError, match="params_dict has 3"):
        merge_parameters({3: 1}, {})


def test_exactly_the_wanted_ones_pass():
    check_parameters([], {})
    check_parameters({"a", "b"}, {"b": 1, "a": None})


@pytest.mark.parametrize(
    ("wanted", "given", "missing", "unknown", "has"),
    [
        (["b", "a"], {}, ("a", "b"), (), "The pipeline has 'a', 'b'"),
        (["a"], {"a": 1, "y": 1, "x": 1}, (), ("x", "y"), "The pipeline has 'a'"),
        ([], {"x": 1}, (), ("x",), "The pipeline has none"),
        (["alpha"], {"alhpa": 1}, ("alpha",), ("alhpa",), "'alpha'"),
    ],
)
def test_missing_and_unknown_ones_are_named(wanted, given, missing, unknown, has):
    with pytest.raises(HyperparameterError, match=has) as raised:
        check_parameters(wanted, given)
    assert (missing, unknown) == (raised.value.missing, raised.value.unknown)
    assert all(repr(name) in str(raised.value) for name in (*missing, *unknown))
