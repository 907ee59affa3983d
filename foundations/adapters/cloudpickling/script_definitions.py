"""Reductions of what a script defines and cloudpickle cannot send: definitions that hold locks, or go by their name.

The functions here that make values again are named in pickles on disk: their names must not change.
"""

from __future__ import annotations

import functools
import os
import pickle
import sys
import typing
from collections.abc import Callable
from types import FunctionType, MemberDescriptorType
from typing import Any

from cloudpickle.cloudpickle import _make_skeleton_class

_SINGLE_DISPATCH = functools.singledispatch(lambda value: None).__code__  # type: ignore[attr-defined]
_SET_BY_DISPATCH = frozenset({"register", "dispatch", "registry", "_clear_cache", "__wrapped__"})
_Reduction = tuple[Any, ...]


def find(module_name: str, qualified_name: str) -> Any:
    """Return what a loaded module has under a qualified name; None where it has nothing."""
    found: Any = sys.modules.get(module_name)
    for part in qualified_name.split("."):
        found = getattr(found, part, None)
    return found


def reduce_definition(value: Any) -> _Reduction | None:
    """Return the reduction of a definition of ``__main__`` that cloudpickle cannot send; None for any other value."""
    reduce = _REDUCTIONS.get(type(value))
    return None if reduce is None else reduce(value)


def complete_class(kind: type, reduction: Any) -> Any:
    """Return cloudpickle's reduction of a class by value with its slots and its qualified name, which it omits."""
    if not isinstance(reduction, tuple) or reduction[0] is not _make_skeleton_class:
        return reduction
    make, (made_by, name, bases, namespace, *others), (attributes, more), *rest = reduction
    namespace = {**namespace, "__qualname__": kind.__qualname__}
    if "__slots__" in vars(kind) and not issubclass(kind, tuple):  # typing.NamedTuple adds its own
        namespace["__slots__"] = kind.__slots__  # type: ignore[attr-defined]
        attributes = {name: value for name, value in attributes.items() if type(value) is not MemberDescriptorType}
    return make, (made_by, name, bases, namespace, *others), (attributes, more), *rest


def reduce_main_class(kind: type, dump_by_value: Callable[[type], bytes]) -> _Reduction | None:
    """Return the reduction of a class of ``__main__`` that is found there again; None for any other class.

    Args:
        kind: The class.
        dump_by_value: Pickles it by value, for a process whose ``__main__`` does not have it.
    """
    name = kind.__qualname__
    if kind.__module__ != "__main__" or "<locals>" in name or find("__main__", name) not in (kind, None):
        return None
    return _class_of_main, (name, dump_by_value(kind), _script_name(), _public_names(kind))


def _class_of_main(qualified_name: str, by_value: bytes, script: str | None = None, names: tuple[str, ...] = ()) -> Any:
    found = find("__main__", qualified_name)
    if isinstance(found, type) and (script in (None, _script_name()) or names == _public_names(found)):
        return found
    return pickle.loads(by_value)


def _script_name() -> str:
    return os.path.basename(getattr(sys.modules["__main__"], "__file__", None) or "")


def _public_names(kind: type) -> tuple[str, ...]:
    return tuple(sorted(name for name in vars(kind) if not name.startswith("_")))


def _reduce_cached_property(value: functools.cached_property[Any]) -> _Reduction:
    return _cached_property, (value.func, value.attrname)


def _cached_property(function: Callable[[Any], Any], name: str | None) -> Any:
    made = functools.cached_property(function)
    made.attrname = name  # Python sets it only while the class is made
    return made


def _reduce_dispatch_method(value: functools.singledispatchmethod[Any]) -> _Reduction:
    return _dispatch_method, (), (value.dispatcher, value.func), None, None, _fill_dispatch_method


def _dispatch_method() -> Any:
    return functools.singledispatchmethod(lambda value: None)


def _fill_dispatch_method(method: Any, state: tuple[Any, Any]) -> None:
    method.dispatcher, method.func = state  # its cache of weak references, of Python 3.13, stays empty


def _reduce_function(value: FunctionType) -> _Reduction | None:
    if value.__code__ is not _SINGLE_DISPATCH or value.__module__ != "__main__":
        return None
    registry: Any = vars(value)["registry"]
    attributes = {name: held for name, held in vars(value).items() if name not in _SET_BY_DISPATCH}
    # an implementation may call the whole, so that the whole is made first
    return _single_dispatch, (), (dict(registry), attributes, value.__name__), None, None, _fill_dispatch


def _single_dispatch() -> Any:
    return functools.singledispatch(lambda value: None)


def _fill_dispatch(made: Any, state: tuple[dict[type, Any], dict[str, Any], str]) -> None:
    implementations, attributes, name = state
    for kind, function in implementations.items():
        made.register(kind, function)
    functools.update_wrapper(made, implementations[object])
    vars(made).update(attributes)
    made.__name__ = name


def _reduce_new_type(value: Any) -> _Reduction | None:
    if value.__module__ != "__main__":
        return None
    return _new_type, (value.__name__, value.__supertype__, value.__qualname__)


def _new_type(name: str, supertype: Any, qualified_name: str) -> Any:
    found: Any = find("__main__", qualified_name)
    if isinstance(found, typing.NewType) and found.__supertype__ == supertype:
        return found
    make: Any = typing.NewType
    made = make(name, supertype)
    made.__module__, made.__qualname__ = "__main__", qualified_name
    return made


def _reduce_parameter(value: Any) -> _Reduction | None:
    if value.__module__ != "__main__":
        return None
    made_by = type(value)
    details = {} if made_by is typing.TypeVarTuple else {"covariant": value.__covariant__}
    if details:
        details.update(contravariant=value.__contravariant__, bound=value.__bound__)
    return _type_parameter, (made_by, value.__name__, details)


def _type_parameter(made_by: Any, name: str, details: dict[str, Any]) -> Any:
    found = find("__main__", name)
    if type(found) is made_by:
        return found
    made = made_by(name, **details)
    made.__module__ = "__main__"
    return made


def _reduce_alias(value: Any) -> _Reduction | None:
    if value.__module__ != "__main__":
        return None
    return _type_alias, (value.__name__, value.__value__, value.__type_params__)


def _type_alias(name: str, value: Any, parameters: tuple[Any, ...]) -> Any:
    make: Any = typing.TypeAliasType  # type: ignore[attr-defined]  # since Python 3.12
    found = find("__main__", name)
    return found if type(found) is make else make(name, value, type_params=parameters)


_REDUCTIONS: dict[type, Callable[[Any], _Reduction | None]] = {
    FunctionType: _reduce_function,
    functools.cached_property: _reduce_cached_property,
    functools.singledispatchmethod: _reduce_dispatch_method,
    typing.ParamSpec: _reduce_parameter,
    typing.TypeVarTuple: _reduce_parameter,
    getattr(typing, "TypeAliasType", typing.NewType): _reduce_alias,
    typing.NewType: _reduce_new_type,
}
