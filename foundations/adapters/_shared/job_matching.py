"""Conditions on jobs, evaluated in Python: what every listing must agree with."""

from __future__ import annotations

import functools
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from foundations.ports.archive_listing import JobRecord
from foundations.ports.job_query import (
    RECORD_FIELDS,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Field,
    IsNull,
    JobQuery,
    Not,
    OneOf,
)

Comparable = tuple[int, float | int | str]
"""A value with the rank of its type: numbers, text, truth values. Only values of one rank are compared."""

NUMBER, TEXT, TRUTH = 0, 1, 2
_LARGEST_INTEGER: Final = 2**63
_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def comparable(value: object) -> Comparable | None:
    """Return a value of JSON as it is compared; None where it never is: null, NaN, a list or an object.

    An integer that does not fit into 64 bits counts as the nearest floating-point number, and half of a surrogate pair
    as its escape.
    """
    if isinstance(value, bool):
        return TRUTH, int(value)
    if isinstance(value, str):
        return TEXT, encodable(value)
    if isinstance(value, int) and not -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
        try:
            value = float(value)
        except OverflowError:
            value = math.inf if value > 0 else -math.inf
    if not isinstance(value, (int, float)) or value != value:
        return None
    return NUMBER, value


def encodable(text: str) -> str:
    """Return a text that can be encoded: half of a surrogate pair becomes its escape."""
    return text.encode(errors="backslashreplace").decode()


def value_of(record: JobRecord, field: Field) -> object:
    """Return the value of a field of a job; None where there is none."""
    return getattr(record, field.name) if field.group is None else getattr(record, field.group).get(field.name)


def check_field(field: Field) -> None:
    """Check that listings have a field of this group and, for one of the record, of this name.

    Raises:
        ValueError: They have none.
    """
    if field.group is None and field.name not in RECORD_FIELDS:
        raise ValueError(f"{field.name!r} is not a field of a job; these are: {', '.join(RECORD_FIELDS)}")
    if field.group not in (None, "parameters", "metrics", "tags"):
        raise ValueError(f"{field.group!r} is not a group of fields: parameters, metrics or tags")


def check_condition(condition: Condition | None) -> None:
    """Check the fields and operators of a condition.

    Raises:
        ValueError: Listings have no such field, or there is no such operator.
    """
    if isinstance(condition, Not):
        check_condition(condition.condition)
    elif isinstance(condition, (AllOf, AnyOf)):
        for each in condition.conditions:
            check_condition(each)
    elif condition is not None:
        check_field(condition.field)
        if isinstance(condition, Comparison):
            operator_of(condition)


def operator_of(comparison: Comparison) -> Callable[[Any, Any], bool]:
    """Return the function of a comparison's operator.

    Raises:
        ValueError: There is no such operator.
    """
    found = _OPERATORS.get(comparison.operator)
    if found is None:
        raise ValueError(f"{comparison.operator!r} is not a comparison; these are: {' '.join(_OPERATORS)}")
    return found


def matches(record: JobRecord, condition: Condition | None) -> bool:
    """Return whether a job meets a condition; None is met by all."""
    if condition is None:
        return True
    if isinstance(condition, AllOf):
        return all(matches(record, each) for each in condition.conditions)
    if isinstance(condition, AnyOf):
        return any(matches(record, each) for each in condition.conditions)
    if isinstance(condition, Not):
        return not matches(record, condition.condition)
    value = value_of(record, condition.field)
    if isinstance(condition, IsNull):
        return value is None
    found = comparable(value)
    if found is None:
        return False
    if isinstance(condition, Comparison):
        wanted, compare = comparable(condition.value), operator_of(condition)
        return wanted is not None and found[0] == wanted[0] and compare(found[1], wanted[1])
    if isinstance(condition, OneOf):
        return found in map(comparable, condition.values)
    return found[0] == TEXT and text_matches(str(found[1]), condition.pattern)


def select(records: list[JobRecord], query: JobQuery) -> list[JobRecord]:
    """Return the jobs that a query finds, in its order.

    Raises:
        ValueError: Listings have no such field, or there is no such operator.
    """
    check_condition(query.condition)
    check_field(query.sort)
    found = [record for record in records if matches(record, query.condition)]
    found.sort(key=lambda record: (record.submitted_at, record.job_name), reverse=True)
    keys = {record.job_name: comparable(value_of(record, query.sort)) for record in found}
    having = [record for record in found if keys[record.job_name] is not None]
    lacking = [record for record in found if keys[record.job_name] is None]
    # sorting is stable, also in reverse
    having.sort(key=lambda record: keys[record.job_name] or (NUMBER, 0), reverse=query.descending)
    ordered = having + lacking
    return ordered if query.limit is None else ordered[: max(query.limit, 0)]


def text_matches(text: str, pattern: str) -> bool:
    """Return whether a text matches a pattern of :class:`Like`."""
    return _compiled(pattern).fullmatch(text) is not None


def literal_prefix(pattern: str) -> tuple[str, bool]:
    r"""Return the text that every match of a pattern begins with, and whether the pattern asks for nothing else.

    >>> literal_prefix("a\\_b%"), literal_prefix("a_b")
    (('a_b', True), ('a', False))
    """
    prefix, parts = "", _parts(pattern)
    for index, (part, is_wildcard) in enumerate(parts):
        if is_wildcard:
            return prefix, parts[index:] == [("%", True)]
        prefix += part
    return prefix, False


def _parts(pattern: str) -> list[tuple[str, bool]]:
    """Return the characters of a pattern, and whether each is a wildcard."""
    found = re.findall(r"\\(.)|([%_])|(.)", pattern, re.DOTALL)
    return [(escaped or wildcard or plain, bool(wildcard)) for escaped, wildcard, plain in found]


@functools.lru_cache(maxsize=128)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern; what stands between two ``%`` is found at its first place, for good.

    So matching never takes more than the product of both lengths.
    """
    pieces = [""]
    for part, is_wildcard in _parts(pattern):
        if is_wildcard and part == "%":
            pieces.append("")
        else:
            pieces[-1] += "." if is_wildcard else re.escape(part)
    first, *rest = pieces
    if not rest:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1])
    return re.compile(f"{first}{middle}.*{rest[-1]}", re.DOTALL)
