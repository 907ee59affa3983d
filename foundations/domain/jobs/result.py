"""Results: what a job brought back, as a read-only mapping that prints as a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from foundations.domain.text.representation import short_repr
from foundations.errors import FoundationsError
from foundations.ports.job import JobEnd, JobState

_LONGEST_OUTPUT = 4_000
_MOST_STAGES = 20

CONTEXT_DEFAULTS: dict[str, Any] = {
    "stage_log": {},
    "meta_data": {},
    "data_uuid": None,
    "has_stage_output": False,
    "no_output_because": None,
    "error_information": None,
    "is_context_aware": False,
    "used_cache": False,
    "cache_uuid": None,
    "not_cached_because": None,
    "cache_read_time": None,
    "cache_write_time": None,
}


class _ReadOnly(Mapping[str, Any]):
    """A mapping whose values may be made when they are first asked for."""

    def __init__(self, values: Mapping[str, Any], made: Mapping[str, Callable[[], Any]]) -> None:
        self._values = dict(values)
        self._made = dict(made)

    def __getitem__(self, key: str) -> Any:
        if key in self._made and key not in self._values:
            self._values[key] = self._made[key]()
        try:
            return self._values[key]
        except KeyError:
            raise KeyError(f"{key!r}; there are: {', '.join(self)}") from None

    def __iter__(self) -> Iterator[str]:
        yield from (key for key in self._values if key not in self._made)
        yield from self._made

    def __len__(self) -> int:
        return sum(1 for _ in self)


class StageContext(_ReadOnly):
    """What is known of one stage's run; ``stage_output`` is read from the archive when it is first asked for."""

    def __repr__(self) -> str:
        return f"<context of stage {self['stage_name']}>"


class StageContexts(Mapping[str, StageContext]):
    """The contexts of a job's stages by uuid, each made when it is asked for."""

    def __init__(self, document: ResultDocument, load_output: Callable[[str], Any]) -> None:
        self._document = document
        self._load_output = load_output
        self._positions: dict[str, int] | None = None

    def __getitem__(self, uuid: str) -> StageContext:
        if self._positions is None:
            self._positions = {known: index for index, known in enumerate(self._document.uuids)}
        try:
            index = self._positions[uuid]
        except KeyError:
            raise KeyError(f"{uuid!r} is no stage of this job") from None
        return self.at(index)

    def at(self, index: int) -> StageContext:
        """Return the context of the stage at `index` of the flat pipeline."""
        document = self._document
        uuid = document.uuids[index]
        started, ended = document.started_at[index], document.ended_at[index]
        known = {
            "uuid": uuid,
            "stage_name": document.names[index],
            **CONTEXT_DEFAULTS,
            "start_time": started,
            "end_time": ended,
            "delta_time": None if started is None or ended is None else ended - started,
            **document.details.get(uuid, {}),
        }
        if not known["has_stage_output"]:
            return StageContext({**known, "stage_output": None}, {})
        return StageContext(known, {"stage_output": lambda: self._load_output(uuid)})

    def __iter__(self) -> Iterator[str]:
        return iter(self._document.uuids)

    def __len__(self) -> int:
        return len(self._document.uuids)

    def __repr__(self) -> str:
        return f"<contexts of {len(self)} stages>"


class ResultDocument(NamedTuple):
    """The result as it is archived: columns for what every stage has, details for what few have.

    Attributes:
        uuids: The stages of the flat pipeline, in its order; the last is the one that was run.
        names: Likewise, their names.
        started_at: Likewise, seconds since the epoch; None for a stage that did not run.
        ended_at: Likewise.
        details: By uuid, the fields of the stage's context that are not as in ``CONTEXT_DEFAULTS``.
    """

    uuids: list[str]
    names: list[str]
    started_at: list[float | None]
    ended_at: list[float | None]
    details: dict[str, dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Return the document as JSON's own types."""
        return {"format": 1, **self._asdict()}

    @classmethod
    def from_json(cls, document: Any) -> ResultDocument:
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError: It is no result document of a known format.
        """
        try:
            if document["format"] != 1:
                raise ValueError(f"format {document['format']!r}")
            columns = [document[name] for name in ("uuids", "names", "started_at", "ended_at")]
            if len({len(column) for column in columns}) != 1 or not isinstance(document["details"], dict):
                raise ValueError("its columns differ in length")
            uuids, names, started_at, ended_at = columns
            return cls(uuids, names, started_at, ended_at, document["details"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a result document of format 1: {error!r}") from error


def _global_stage_context(end: JobEnd, document: ResultDocument, contexts: StageContexts) -> StageContext:
    if document.uuids:
        target = contexts.at(len(document.uuids) - 1)
    else:
        target = StageContext({"uuid": None, "stage_name": None, **CONTEXT_DEFAULTS, "stage_output": None}, {})
    started, ended = end.started_at, end.ended_at
    failed = next(
        (known["error_information"] for known in document.details.values() if known.get("error_information")),
        None,
    )
    values: dict[str, Any] = {key: target[key] for key in target if key != "stage_output"}
    values.update(
        start_time=started,
        end_time=ended,
        delta_time=None if started is None else ended - started,
        error_information=failed,
    )
    return StageContext(values, {"stage_output": lambda: target["stage_output"]})


class Result(_ReadOnly):
    """What a job brought back.

    A read-only mapping with the keys ``provenance``, ``global_stage_context`` and ``stage_contexts`` (by stage uuid).
    It prints as a report.

    Attributes:
        job_name: The job.
    """

    def __init__(
        self,
        end: JobEnd,
        document: ResultDocument,
        load_output: Callable[[str], Any],
        load_provenance: Callable[[], Mapping[str, Any]],
    ) -> None:
        contexts = StageContexts(document, load_output)
        super().__init__(
            {"stage_contexts": contexts},
            {
                "provenance": load_provenance,
                "global_stage_context": lambda: _global_stage_context(end, document, contexts),
            },
        )
        self.job_name = end.job_name
        self._end = end
        self._document = document
        self._contexts = contexts

    @property
    def output(self) -> Any:
        """The output of the stage that was run.

        Raises:
            FoundationsError: The job did not complete, so there is none.
        """
        context = self["global_stage_context"]
        if not context["has_stage_output"]:
            raise FoundationsError(
                f"job {self.job_name} has no output: it ended as {self._end.state.value}. {self._end.message}"
            )
        return context["stage_output"]

    def __repr__(self) -> str:
        return f"<result of job {self.job_name}: {self._end.state.value}>"

    def __str__(self) -> str:
        lines = [f"Job {self.job_name}: {self._end.state.value}{self._duration()}"]
        if self._end.message:
            lines.append(f"  {self._end.message}")
        lines += [f"  not archived: {what}" for what in self._end.not_archived]
        lines += ["", *self._stage_table()]
        for name, known in zip(self._document.names, self._details(), strict=True):
            if known.get("no_output_because"):
                lines.append(f"  {name} has no output: {known['no_output_because']}")
        if self._end.state is JobState.COMPLETED and self._document.names:
            lines += ["", f"Output of {self._document.names[-1]}:", *self._output_lines()]
        return "\n".join(lines)

    def _duration(self) -> str:
        if self._end.started_at is None:
            return ""
        return f" in {duration(self._end.ended_at - self._end.started_at)}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))  # what IPython and notebooks show

    def _details(self) -> list[dict[str, Any]]:
        return [self._document.details.get(uuid, {}) for uuid in self._document.uuids]

    def _output_lines(self) -> list[str]:
        import pprint

        try:
            output = self.output
        except FoundationsError as error:
            return [f"  {error}"]
        try:
            text = pprint.pformat(output, width=100, sort_dicts=False) if not isinstance(output, str) else output
        except Exception as error:
            text = f"<{type(output).__qualname__}, whose repr raises {type(error).__name__}>"
        if len(text) > _LONGEST_OUTPUT:
            text = f"{short_repr(output)}\n(abbreviated; result.output is the whole {type(output).__qualname__})"
        return ["  " + line for line in text.splitlines()]

    def _stage_table(self) -> list[str]:
        document = self._document
        total = len(document.uuids)
        shown = list(range(total))
        if total > _MOST_STAGES:
            shown = sorted(sorted(shown, key=self._seconds, reverse=True)[:_MOST_STAGES])
        rows = [("stage", "state", "time", "cache")]
        for index in shown:
            known = {**CONTEXT_DEFAULTS, **document.details.get(document.uuids[index], {})}
            ended, started = document.ended_at[index], document.started_at[index]
            state = "failed" if known["error_information"] else "done" if ended else "not run"
            if not ended and (started or document.names[index] == self._end.stage):
                state = "cut off"
            used = "hit" if known["used_cache"] else "miss" if known["cache_uuid"] else ""
            used = "not cached" if known["not_cached_because"] else used
            time = duration(self._seconds(index)) if ended else ""
            rows.append((short_name(document.names[index]), state, time, used))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        if total > len(shown):
            lines.append(f"  ... and {total - len(shown):,} quicker stages")
        if any(row[3] == "not cached" for row in rows):
            lines += ["", f"  Why a stage is not cached: foundations cache why {self._end.job_name}"]
        return [line.rstrip() for line in lines]

    def _seconds(self, index: int) -> float:
        started, ended = self._document.started_at[index], self._document.ended_at[index]
        return 0.0 if started is None or ended is None else ended - started


def short_name(name: str) -> str:
    """Return a stage's name, cut to a column's width."""
    return name if len(name) <= 48 else name[:45] + "..."


def duration(seconds: float) -> str:
    """Return a duration as a person reads it.

    >>> duration(0.0123), duration(75), duration(7322)
    ('12.3 ms', '1 min 15 s', '2 h 2 min')
    """
    if seconds < 0.9995:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
