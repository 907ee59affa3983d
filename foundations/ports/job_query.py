"""The conditions by which jobs are found: values that every listing evaluates alike.

A condition is a tree of the named tuples below. Three rules hold for all of them:

- A value that a job does not have makes every comparison false, and so does NaN; :class:`Not` negates that.
- Text, numbers and truth values never equal one another and have no order among them: ``"1"``, ``1`` and ``True``
  differ.
- Among the jobs found, those without a value of the sorted field, and with NaN, come last in either direction; ties are
  newest first.
"""

from __future__ import annotations

from typing import Final, NamedTuple

Value = str | float | int | bool
"""What a field is compared with. Times are seconds since the epoch, durations seconds."""

RECORD_FIELDS: Final = (
    "job_name",
    "project",
    "state",
    "cause",
    "submitted_at",
    "started_at",
    "ended_at",
    "duration",
    "user",
    "host",
    "note",
    "kind",
    "study",
    "parent",
    "attempt",
)
"""The fields of a record that conditions may name; ``duration`` is ``ended_at - started_at``."""

COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=")


class Field(NamedTuple):
    """A value of a job.

    Attributes:
        name: One of :data:`RECORD_FIELDS`, or the name of a parameter, metric or tag.
        group: ``parameters``, ``metrics`` (the last value) or ``tags``; None is the record itself.
    """

    name: str
    group: str | None = None


class Comparison(NamedTuple):
    """`field` compared with `value` by `operator`, one of :data:`COMPARISONS`; ``!=`` needs a value too."""

    field: Field
    operator: str
    value: Value


class OneOf(NamedTuple):
    """`field` equals one of `values`."""

    field: Field
    values: tuple[Value, ...]


class Like(NamedTuple):
    r"""`field` is text that matches `pattern` whole, case counting.

    In `pattern`, ``%`` stands for any text and ``_`` for any character; after a ``\``, a character stands for itself.
    """

    field: Field
    pattern: str


class IsNull(NamedTuple):
    """The job has no value of `field`, or a JSON null."""

    field: Field


class Not(NamedTuple):
    """`condition` is false."""

    condition: Condition


class AllOf(NamedTuple):
    """Every condition is true; so is none at all."""

    conditions: tuple[Condition, ...]


class AnyOf(NamedTuple):
    """A condition is true."""

    conditions: tuple[Condition, ...]


Condition = Comparison | OneOf | Like | IsNull | Not | AllOf | AnyOf


class JobQuery(NamedTuple):
    """Which jobs to find, and in which order.

    Attributes:
        condition: What must be true of a job; None is true of all.
        sort: By which value they are sorted.
        descending: The largest, or newest, first.
        limit: At most so many.
    """

    condition: Condition | None = None
    sort: Field = Field("submitted_at")
    descending: bool = True
    limit: int | None = None
