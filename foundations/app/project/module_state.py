"""Attributes of the project's modules that a submitter has changed: a job imports the modules anew, without that."""

from __future__ import annotations

import hashlib
import opcode
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType, SimpleNamespace
from typing import Any, NamedTuple

from foundations import events
from foundations.app.project.modules import ProjectModule
from foundations.domain.text.redaction import REDACTED, is_secret_name
from foundations.domain.text.representation import short_repr

_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_CONTAINERS = (list, tuple, dict)  # the order of a set is another in each process
_MOST_ITEMS = 1_000
_DEEPEST = 5
_HINT = (
    "the job imports the module anew and has the value of the source. Pass the value as an argument or hyperparameter,"
    " or write it into the file"
)


class Difference(NamedTuple):
    """An attribute of a module that has another value in the job than where the job was submitted.

    Attributes:
        file: The module's file, relative to the project.
        attribute: Its name, as in ``steps.LR``.
        submitted: The short representation of its value where the job was submitted.
        job: That of its value in the job.
    """

    file: str
    attribute: str
    submitted: str
    job: str


def warn_of_changed_literals(modules: Iterable[ProjectModule]) -> None:
    """Log each attribute of a module of the project that is not what its source shows as a literal."""
    for module in modules:
        for difference in _changed_literals(module):
            events.warning(
                "module_attribute_changed",
                file=difference.file,
                attribute=difference.attribute,
                value=difference.submitted,
                job_has=difference.job,
                hint=_HINT,
            )


def describe_state(modules: Iterable[ProjectModule], project: str) -> dict[str, dict[str, tuple[str, str]]]:
    """Return the values of the attributes of modules, each as a digest and a short representation.

    These are plain values, functions and classes that the module does not define itself, lists, tuples, dictionaries,
    namespaces and dataclass objects of these, and the attributes of the classes that the module defines. Private
    attributes and those with names of secrets are left out, and so are values of many parts.

    Args:
        modules: The modules of the project.
        project: The project directory; paths in it count relative to it.
    """
    return {module.name: dict(_plain_values(sys.modules[module.name], project)) for module in modules}


def report_differences(
    modules: Iterable[ProjectModule], submitted: Mapping[str, Mapping[str, tuple[str, str]]], project: Path
) -> list[Difference]:
    """Log and return the attributes that have other values in this job than where it was submitted.

    Args:
        modules: The modules that the submitter had imported.
        submitted: What :func:`describe_state` returned there.
        project: The extracted project directory.
    """
    differences = []
    for module in modules:
        imported = sys.modules.get(module.name)
        there = submitted.get(module.name)
        if imported is None or not there:
            continue
        here = dict(_plain_values(imported, str(project)))
        for name, (digest, text) in there.items():
            if name not in here or here[name][0] != digest:
                own_text = here[name][1] if name in here else _value_at(imported, name)
                differences.append(Difference(module.file, f"{module.name}.{name}", text, own_text))
    for difference in differences:
        events.warning("module_attribute_differs", **difference._asdict(), hint=_HINT)
    return differences


def _changed_literals(module: ProjectModule) -> Iterator[Difference]:
    imported = sys.modules[module.name]
    code = _code(imported)
    if code is None:
        return
    rebound = set(_global_stores(code))
    for name, literal in _literals(code).items():
        if name not in vars(imported) or name.startswith("__") or (name.startswith("_") and name in rebound):
            continue
        value = vars(imported)[name]
        if value is literal or (type(value) is type(literal) and repr(value) == repr(literal)):
            continue
        if literal is None and not isinstance(value, _PLAIN):
            continue  # an object that is made when it is first used
        secret = is_secret_name(name)
        texts = (REDACTED, REDACTED) if secret else (short_repr(value), short_repr(literal))
        yield Difference(module.file, f"{module.name}.{name}", *texts)


def _code(module: ModuleType) -> CodeType | None:
    """Return the code of a module as its file has it; None where it has none."""
    loader: Any = getattr(getattr(module, "__spec__", None), "loader", None)
    try:
        code = loader.get_code(module.__spec__.name)  # type: ignore[union-attr]
    except (AttributeError, ImportError, OSError, SyntaxError, ValueError):  # not from a file, or the file has changed
        return None
    return code if isinstance(code, CodeType) else None


def _literals(code: CodeType) -> dict[str, Any]:
    """Return the names that a module binds once, to a constant, each with that."""
    literals: dict[str, Any] = {}
    stores: dict[str, int] = {}
    constant: tuple[Any] | None = None
    for operation, argument in _instructions(code):
        if operation == "STORE_NAME":
            name = code.co_names[argument]
            stores[name] = stores.get(name, 0) + 1
            if constant is not None:
                literals[name] = constant[0]
        constant = None
        if operation == "LOAD_CONST":
            constant = (code.co_consts[argument],)
        elif operation == "LOAD_SMALL_INT":  # since Python 3.14
            constant = (argument,)
    return {
        name: value
        for name, value in literals.items()
        if stores[name] == 1 and isinstance(value, (*_PLAIN, tuple, frozenset))
    }


def _instructions(code: CodeType) -> Iterator[tuple[str, int]]:
    extended = 0
    content = code.co_code
    for position in range(0, len(content), 2):
        operation = opcode.opname[content[position]]
        argument = content[position + 1] | extended
        if operation == "EXTENDED_ARG":
            extended = argument << 8
            continue
        extended = 0
        yield operation, argument


def _nested(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _nested(constant)


def _global_stores(code: CodeType) -> Iterator[str]:
    """Iterate over the names of the module that its functions bind."""
    for nested in _nested(code):
        for operation, argument in _instructions(nested):
            if operation == "STORE_GLOBAL":
                yield nested.co_names[argument]


def _plain_values(module: ModuleType, project: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Iterate over the attributes of a module, and of the classes defined in it, whose values can be compared."""
    for name, value in list(vars(module).items()):
        yield from _describe_attribute(name, value, project, module.__name__, name)
        if type(value) is not FunctionType and _is_at_home(value, module.__name__, name):
            for attribute, item in list(vars(value).items()):
                path = f"{name}.{attribute}"
                yield from _describe_attribute(attribute, item, project, module.__name__, path)


def _describe_attribute(
    name: str, value: Any, project: str, module: str, path: str
) -> Iterator[tuple[str, tuple[str, str]]]:
    if name.startswith("_") or is_secret_name(name) or _is_at_home(value, module, path):
        return
    text = _text(value, _DEEPEST, [_MOST_ITEMS])
    if text is not None:
        digest = hashlib.sha256(text.replace(project, "").encode(errors="replace")).hexdigest()[:32]
        yield path, (digest, _short_text(value))


def _is_at_home(value: Any, module: str, path: str) -> bool:
    """Return whether a function or class is the one that the module itself defines by this name."""
    return _is_definition(value) and _qualified_name(value) == f"{module}.{path}"


def _value_at(module: ModuleType, path: str) -> str:
    """Return the short representation of an attribute of a module or of a class in it."""
    value: Any = module
    for name in path.split("."):
        if name not in getattr(value, "__dict__", {}):
            return "<absent>"
        value = vars(value)[name]
    return _short_text(value)


def _short_text(value: Any) -> str:
    return _qualified_name(value) if _is_definition(value) else short_repr(value)


def _is_definition(value: Any) -> bool:
    """Return whether a value is a function or a class; its own ``__class__`` is not read, which proxies compute."""
    return type(value) is FunctionType or issubclass(type(value), type)


def _qualified_name(definition: Any) -> str:
    return f"{getattr(definition, '__module__', None)}.{definition.__qualname__}"


def _text(value: Any, depth: int, left: list[int]) -> str | None:
    """Return a text that two values share where they are equal; None for a value of which that cannot be known.

    Args:
        value: The value.
        depth: How many levels of containers may follow.
        left: How many parts may follow in all; it is counted down.
    """
    kind = type(value)
    left[0] -= 1
    if kind in _PLAIN:
        return None if kind is int and value.bit_length() > 1024 else repr(value)
    if _is_definition(value):
        return _qualified_name(value)
    if depth == 0:
        return None
    if kind is SimpleNamespace or kind.__module__ == "argparse" or hasattr(kind, "__dataclass_fields__"):
        fields = _text(dict(getattr(value, "__dict__", {})), depth - 1, left)
        return None if fields is None else f"{kind.__qualname__}{fields}"
    if kind not in _CONTAINERS or len(value) > left[0]:
        return None
    if kind is dict and any(is_secret_name(key) or type(key) not in _PLAIN for key in value):
        return None
    items: Iterable[Any] = (part for pair in value.items() for part in pair) if kind is dict else value
    texts = [_text(item, depth - 1, left) for item in items]
    return None if None in texts else f"{kind.__name__}({', '.join(map(str, texts))})"
