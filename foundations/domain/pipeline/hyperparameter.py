"""Hyperparameters: named holes in a stage's arguments, filled when the pipeline is run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from foundations.errors import HyperparameterError


class Hyperparameter:
    """A named hole in a stage's arguments.

    Args:
        name: The name under which ``run()`` is given the value.

    >>> Hyperparameter("learning_rate")
    Hyperparameter('learning_rate')
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name:
            raise HyperparameterError(
                f"a hyperparameter's name must be a non-empty string, not {name!r}; write Hyperparameter('alpha')"
            )
        self.name = name

    def __repr__(self) -> str:
        return f"Hyperparameter({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hyperparameter) and self.name == other.name

    def __hash__(self) -> int:
        return hash((Hyperparameter, self.name))


def merge_parameters(params_dict: Mapping[str, Any] | None, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return both sources of hyperparameters as one.

    Raises:
        HyperparameterError: A name is given in both, or is no string.
    """
    if params_dict is not None and not isinstance(params_dict, Mapping):
        raise HyperparameterError(
            f"params_dict must map names of hyperparameters to values; it is of type {type(params_dict).__name__}"
        )
    given = dict(params_dict or {})
    unnamed = [name for name in given if not isinstance(name, str)]
    if unnamed:
        raise HyperparameterError(f"names of hyperparameters must be strings; params_dict has {unnamed[0]!r}")
    twice = tuple(sorted(given.keys() & params.keys()))
    if twice:
        raise HyperparameterError(
            f"given twice, in params_dict and by keyword: {_list_names(twice)}. Give each in one place.", twice=twice
        )
    return {**given, **params}


def check_parameters(wanted: Collection[str], given: Mapping[str, Any]) -> None:
    """Raise :class:`HyperparameterError` unless exactly the `wanted` names are given."""
    unfilled = [name for name, value in given.items() if isinstance(value, Hyperparameter)]
    if unfilled:
        raise HyperparameterError(
            f"hyperparameter {unfilled[0]!r} got {given[unfilled[0]]!r}, which is itself a placeholder; give it a"
            " value. Nothing was run."
        )
    names = {
        "missing": tuple(sorted(set(wanted) - given.keys())),
        "unknown": tuple(sorted(given.keys() - set(wanted))),
    }
    faults = [f"{fault}: {_list_names(of_fault)}" for fault, of_fault in names.items() if of_fault]
    if not faults:
        return
    has = f"The pipeline has {_list_names(tuple(sorted(wanted)))}" if wanted else "The pipeline has none"
    raise HyperparameterError(f"hyperparameters {'; '.join(faults)}. {has}. Nothing was run.", **names)


def _list_names(names: tuple[str, ...]) -> str:
    return ", ".join(repr(name) for name in names)
