"""The metadata of functions and classes, such as names and docstrings: part of a closure where its code reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType

_NAME_READERS = frozenset({"__name__", "__qualname__", "__module__", "co_name", "co_qualname"})
_DOC_READERS = frozenset({"__doc__", "getdoc"})
_ANNOTATION_READERS = frozenset(
    {
        *("__annotations__", "get_type_hints", "get_annotations", "signature", "type_hints", "fields"),
        "__dataclass_fields__",
    }
)
_BASES_READERS = frozenset({"__orig_bases__", "get_original_bases"})
_LINE_READERS = frozenset({"co_code", "co_lines", "co_firstlineno", "f_lineno", "tb_lineno"})
_SOURCE_READERS = _LINE_READERS | {
    *("getsource", "getsourcelines", "getsourcefile", "findsource", "getcomments"),
    *("format_exc", "format_exception", "format_tb", "format_stack", "extract_tb", "extract_stack"),
    "TracebackException",
}
_ENVIRONMENT_READERS = frozenset({"environ", "environb", "getenv", "getenvb"})

_INTROSPECTIVE = _NAME_READERS | _DOC_READERS | _ANNOTATION_READERS | _BASES_READERS | _SOURCE_READERS


def introspective_names(names: Iterable[str]) -> frozenset[str]:
    """Return the names, of all that code uses, that read the metadata of other code."""
    return _INTROSPECTIVE.intersection(names)


def introspect_function(function: FunctionType, names: frozenset[str]) -> Iterator[bytes]:
    """Yield the metadata of a function, and of those inside it, that the `names` which code uses read."""
    if names & _NAME_READERS:
        yield f"names {function.__module__} {[code.co_qualname for code in _nested_codes(function.__code__)]}".encode()
    if names & _DOC_READERS:
        docs = [code.co_consts[0] for code in _nested_codes(function.__code__) if code.co_consts]
        yield f"docs {function.__doc__} {[doc for doc in docs if isinstance(doc, str)]}".encode()
    if names & _ANNOTATION_READERS:
        inside = [(code.co_names, _plain_constants(code)) for code in _nested_codes(function.__code__)]
        yield f"annotations {_annotation_texts(function.__annotations__)} {inside}".encode()
    if names & _SOURCE_READERS:
        lines = [(code.co_firstlineno, list(code.co_lines())) for code in _nested_codes(function.__code__)]
        yield f"source {lines}".encode()


def introspect_class(kind: type, names: frozenset[str]) -> Iterator[bytes]:
    """Yield the metadata of a class that the `names` which code uses read."""
    if names & _NAME_READERS:
        yield f"module {kind.__module__}".encode()
    if names & _DOC_READERS:
        yield f"doc {kind.__dict__.get('__doc__')}".encode()
    if names & _ANNOTATION_READERS:
        from inspect import get_annotations  # heavy, and loaded already where code reads annotations

        yield f"annotations {_annotation_texts(get_annotations(kind))}".encode()
    if names & _BASES_READERS:
        yield f"bases {kind.__dict__.get('__orig_bases__')}".encode()


def introspected_files(functions: Iterable[FunctionType], names: frozenset[str]) -> list[str]:
    """Return the source files of functions, where the `names` which code uses read source."""
    return sorted({function.__code__.co_filename for function in functions}) if names & _SOURCE_READERS else []


def reads_environment(names: frozenset[str]) -> bool:
    """Return whether the `names` which code uses read environment variables."""
    return not names.isdisjoint(_ENVIRONMENT_READERS)


def _annotation_texts(annotations: dict[str, object]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else getattr(value, "__qualname__", None) or str(value)
        for name, value in annotations.items()
    }


def _nested_codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested_codes(constant)


def _plain_constants(code: CodeType) -> list[object]:
    return [constant for constant in code.co_consts if not isinstance(constant, CodeType)]
