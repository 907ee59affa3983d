"""What functions and classes say of themselves: part of a closure where code that is reached asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType

_NAMES = frozenset({"__name__", "__qualname__", "__module__", "co_name", "co_qualname"})
_DOCS = frozenset({"__doc__", "getdoc"})
_ANNOTATIONS = frozenset(
    {
        "__annotations__",
        "get_type_hints",
        "get_annotations",
        "signature",
        "type_hints",
        "fields",
        "__dataclass_fields__",
    }
)
_BASES = frozenset({"__orig_bases__", "get_original_bases"})
_LINES = frozenset({"co_code", "co_lines", "co_firstlineno", "f_lineno", "tb_lineno"})
_SOURCE = _LINES | {
    *("getsource", "getsourcelines", "getsourcefile", "findsource", "getcomments"),
    *(
        "format_exc",
        "format_exception",
        "format_tb",
        "format_stack",
        "extract_tb",
        "extract_stack",
        "TracebackException",
    ),
}
_ENVIRONMENT = frozenset({"environ", "environb", "getenv", "getenvb"})


_ASKING = _NAMES | _DOCS | _ANNOTATIONS | _BASES | _SOURCE


def asking(names: Iterable[str]) -> frozenset[str]:
    """Return those of the names that code uses by which it asks what other code says of itself."""
    return _ASKING.intersection(names)


def asked_of_function(function: FunctionType, names: frozenset[str]) -> Iterator[bytes]:
    """Yield what a function, and those inside it, say of themselves, as far as the `names` that are used ask for it."""
    if names & _NAMES:
        yield f"names {function.__module__} {[code.co_qualname for code in _codes(function.__code__)]}".encode()
    if names & _DOCS:
        docs = [code.co_consts[0] for code in _codes(function.__code__) if code.co_consts]
        yield f"docs {function.__doc__} {[doc for doc in docs if isinstance(doc, str)]}".encode()
    if names & _ANNOTATIONS:
        inside = [(code.co_names, _plain(code)) for code in _codes(function.__code__)]
        yield f"annotations {_spelled(function.__annotations__)} {inside}".encode()
    if names & _SOURCE:
        lines = [(code.co_firstlineno, list(code.co_lines())) for code in _codes(function.__code__)]
        yield f"source {lines}".encode()


def asked_of_class(kind: type, names: frozenset[str]) -> Iterator[bytes]:
    """Yield what a class says of itself, likewise."""
    if names & _NAMES:
        yield f"module {kind.__module__}".encode()
    if names & _DOCS:
        yield f"doc {kind.__dict__.get('__doc__')}".encode()
    if names & _ANNOTATIONS:
        from inspect import get_annotations  # heavy; whoever asks for annotations has it

        yield f"annotations {_spelled(get_annotations(kind))}".encode()
    if names & _BASES:
        yield f"bases {kind.__dict__.get('__orig_bases__')}".encode()


def files_asked_for(functions: Iterable[FunctionType], names: frozenset[str]) -> list[str]:
    """Return the source files of functions, where the `names` that are used ask for what stands there."""
    return sorted({function.__code__.co_filename for function in functions}) if names & _SOURCE else []


def asks_for_environment(names: frozenset[str]) -> bool:
    """Tell whether environment variables are asked for."""
    return not names.isdisjoint(_ENVIRONMENT)


def _spelled(annotations: dict[str, object]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else getattr(value, "__qualname__", None) or str(value)
        for name, value in annotations.items()
    }


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _plain(code: CodeType) -> list[object]:
    return [constant for constant in code.co_consts if not isinstance(constant, CodeType)]
