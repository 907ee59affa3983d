"""Queries as SQL: every value is bound, and only our own names stand in the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from foundations.adapters._shared.job_matching import (
    NUMBER,
    TEXT,
    check_field,
    comparable,
    encodable,
    literal_prefix,
    operator_of,
)
from foundations.adapters.filesystem.listing.tables import INCOMPARABLE, TRUTHS, encoded
from foundations.ports.job_query import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Field,
    IsNull,
    JobQuery,
    Like,
    Not,
    OneOf,
)

_NUMBERS: Final = {
    "submitted_at": "jobs.submitted_at",
    "started_at": "jobs.started_at",
    "ended_at": "jobs.ended_at",
    "duration": "(jobs.ended_at - jobs.started_at)",
    "attempt": "jobs.attempt",
}
_NAME: Final = "(SELECT id FROM names WHERE in_group = ? AND name = ?)"
_NOWHERE: Final = "0"
_EVERYWHERE: Final = "1"
_LAST_CHARACTER: Final = 0x10FFFF


class Sql(NamedTuple):
    """A piece of SQL, and the values that are bound in it."""

    text: str
    values: tuple[Any, ...] = ()


def selection(query: JobQuery, columns: str) -> Sql:
    """Return the SQL that selects `columns` of the jobs that a query finds, in its order."""
    where = condition_sql(query.condition)
    join, order = _order(query.sort, query.descending)
    limit = "" if query.limit is None else f" LIMIT {max(int(query.limit), 0)}"
    text = f"SELECT {columns} FROM jobs{join.text} WHERE {where.text} ORDER BY {order}{limit}"  # noqa: S608 - no input
    return Sql(text, (*join.values, *where.values))


def condition_sql(condition: Condition | None) -> Sql:
    """Return the SQL of a condition, which is true where it is met, and false or null elsewhere."""
    return Sql(_EVERYWHERE) if condition is None else _sql(condition, negated=False)


def _order(sort: Field, descending: bool) -> tuple[Sql, str]:
    """Return the join that the order needs, and the order: missing values last, ties newest first."""
    check_field(sort)
    direction = "DESC" if descending else "ASC"
    ties = "jobs.submitted_at DESC, jobs.job_name DESC"
    if sort.group is None:
        if sort.name == "submitted_at":
            return Sql(""), f"jobs.submitted_at {direction}, jobs.job_name DESC"
        column = _column(sort)
        return Sql(""), f"{column} IS NULL, {column} {direction}, {ties}"
    join = f" LEFT JOIN attributes AS sorted ON sorted.name = {_NAME} AND sorted.job = jobs.id AND sorted.value != ?"
    order = f"sorted.value IS NULL, sorted.value {direction}, {ties}"
    return Sql(join, (sort.group, encodable(sort.name), INCOMPARABLE)), order


def _sql(condition: Condition, *, negated: bool) -> Sql:
    """Return the SQL of a condition, or of its negation, which is passed on to the conditions that it consists of."""
    if isinstance(condition, Not):
        return _sql(condition.condition, negated=not negated)
    if isinstance(condition, (AllOf, AnyOf)):
        is_conjunction = isinstance(condition, AllOf) is not negated
        others, parts = condition.conditions, []
        if is_conjunction and not negated:
            ranges, others = _by_attribute(condition.conditions)
            parts = [_attribute(each) for each in ranges]
        parts += [_sql(each, negated=negated) for each in others]
        return _joined(parts, "AND" if is_conjunction else "OR") if parts else _constant(is_conjunction)
    part = _plain(condition) if condition.field.group is None else _attribute([condition])
    return Sql(f"NOT coalesce({part.text}, 0)", part.values) if negated else part


def _by_attribute(conditions: Sequence[Condition]) -> tuple[list[list[Comparison]], tuple[Condition, ...]]:
    """Return the comparisons with one parameter, metric or tag together, and all other conditions.

    Two limits of one range then walk the part of the index between them, not all that each of them allows.
    """
    found: dict[Field, list[Comparison]] = {}
    others = []
    for each in conditions:
        if isinstance(each, Comparison) and each.field.group is not None:
            found.setdefault(each.field, []).append(each)
        else:
            others.append(each)
    return [*found.values()], tuple(others)


def _joined(parts: Sequence[Sql], operator: str) -> Sql:
    """Join conditions in a balanced tree: SQLite limits its depth."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    left, right = _joined(parts[:middle], operator), _joined(parts[middle:], operator)
    return Sql(f"({left.text} {operator} {right.text})", left.values + right.values)


def _constant(is_true: bool) -> Sql:
    return Sql(_EVERYWHERE if is_true else _NOWHERE)


def _plain(condition: Comparison | OneOf | Like | IsNull) -> Sql:
    """Return the SQL of a condition on a field of the record, which has one type."""
    check_field(condition.field)
    column = _column(condition.field)
    if isinstance(condition, IsNull):
        return Sql(f"{column} IS NULL")
    return _compared(column, condition, NUMBER if condition.field.name in _NUMBERS else TEXT)


def _attribute(conditions: Sequence[Comparison | OneOf | Like | IsNull]) -> Sql:
    """Return the SQL of conditions on one parameter, metric or tag: the jobs that have one like that."""
    field = conditions[0].field
    check_field(field)
    values = (field.group, encodable(field.name))
    jobs = f"SELECT job FROM attributes WHERE name = {_NAME}"  # noqa: S608 - no input
    if isinstance(conditions[0], IsNull):
        return Sql(f"jobs.id NOT IN ({jobs})", values)
    compared = _joined([_compared("value", each, None) for each in conditions if not isinstance(each, IsNull)], "AND")
    return Sql(f"jobs.id IN ({jobs} AND {compared.text})", values + compared.values)


def _column(field: Field) -> str:
    return _NUMBERS.get(field.name, f"jobs.{field.name}")


def _compared(column: str, condition: Comparison | OneOf | Like, rank: int | None) -> Sql:
    """Return the SQL that compares a column with values of its own type; `rank` is the only one it has, if so."""
    if isinstance(condition, Like):
        return Sql(_NOWHERE) if rank == NUMBER else _like(column, condition.pattern)
    wanted = condition.values if isinstance(condition, OneOf) else (condition.value,)
    found = [each for each in map(comparable, wanted) if each is not None and rank in (None, each[0])]
    if not found:
        return Sql(_NOWHERE)
    values = tuple(map(encoded, found))
    if isinstance(condition, OneOf):
        return Sql(f"{column} IN ({', '.join('?' * len(values))})", values)
    operator_of(condition)
    first, last = _range(found[0][0])
    conditions = [f"{column} {condition.operator} ?"]
    if condition.operator in ("<", "<=", "!=") and first is not None:
        conditions.append(f"{column} >= ?")
        values = (*values, first)
    if condition.operator in (">", ">=", "!="):
        conditions.append(f"{column} < ?")
        values = (*values, last)
    return Sql(f"({' AND '.join(conditions)})", values)


def _range(rank: int) -> tuple[str | bytes | None, str | bytes]:
    """Return the smallest value of a type, if anything is before it, and what is greater than all of them."""
    if rank == NUMBER:
        return None, ""
    return ("", b"") if rank == TEXT else (TRUTHS[0], INCOMPARABLE)


def _like(column: str, pattern: str) -> Sql:
    """Return the SQL of a pattern: a range by its literal beginning, and a match where it asks for more."""
    text = encodable(pattern)
    prefix, is_whole = literal_prefix(text)
    conditions = [f"{column} >= ?", f"{column} < ?"]
    values: tuple[Any, ...] = (prefix, _after(prefix))
    if not is_whole:
        conditions.append(f"text_matches({column}, ?)")
        values = (*values, text)
    return Sql(f"({' AND '.join(conditions)})", values)


def _after(prefix: str) -> str | bytes:
    """Return the smallest value that is greater than every text with this beginning."""
    while prefix:
        code = ord(prefix[-1])
        if code < _LAST_CHARACTER:
            following = 0xE000 if 0xD800 <= code + 1 < 0xE000 else code + 1  # surrogates are no characters
            return prefix[:-1] + chr(following)
        prefix = prefix[:-1]
    return b""
