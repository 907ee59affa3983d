"""Results: the results of a job, as a read-only mapping that prints as a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from foundations.domain.jobs.result_document import CONTEXT_DEFAULTS, ResultDocument
from foundations.domain.jobs.result_report import render_report
from foundations.errors import FoundationsError
from foundations.ports.job import JobEnd

_MOST_LISTED = 20


class _LazyMapping(Mapping[str, Any]):
    """A read-only mapping; some of its values are made when they are first read."""

    def __init__(self, values: Mapping[str, Any], factories: Mapping[str, Callable[[], Any]]) -> None:
        self._values = dict(values)
        self._factories = dict(factories)

    def __getitem__(self, key: str) -> Any:
        if key in self._factories and key not in self._values:
            self._values[key] = self._factories[key]()
        try:
            return self._values[key]
        except KeyError:
            raise KeyError(f"{key!r}; there are: {', '.join(self)}") from None

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: all but the values that can be made again."""
        values = {key: value for key, value in self._values.items() if key not in self._factories}
        return {**vars(self), "_values": values}

    def __iter__(self) -> Iterator[str]:
        yield from (key for key in self._values if key not in self._factories)
        yield from self._factories

    def __len__(self) -> int:
        return sum(1 for _ in self)


class StageContext(_LazyMapping):
    """The record of one stage's run; ``stage_output`` is read from the archive when it is first read here."""

    def __repr__(self) -> str:
        return f"<context of stage {self['stage_name']}>"


class StageContexts(Mapping[str, StageContext]):
    """The contexts of a job's stages by uuid, each made when it is read; a name that one stage has finds it, too."""

    def __init__(self, document: ResultDocument, load_output: Callable[[str], Any]) -> None:
        self._document = document
        self._load_output = load_output
        self._positions: dict[str, int] | None = None

    def __getitem__(self, uuid: str) -> StageContext:
        if self._positions is None:
            self._positions = {known: index for index, known in enumerate(self._document.uuids)}
        index = self._positions.get(uuid)
        return self.at(self._find_name(uuid) if index is None else index)

    def _find_name(self, name: str) -> int:
        names = self._document.names
        found = [index for index, known in enumerate(names) if known == name]
        if len(found) == 1:
            return found[0]
        if found:
            uuids = ", ".join(self._document.uuids[index] for index in found[:_MOST_LISTED])
            raise KeyError(f"{len(found)} stages are called {name!r}; take one by its uuid, in order: {uuids}")
        listed = ", ".join(list(dict.fromkeys(names))[:_MOST_LISTED]) or "none"
        raise KeyError(f"{name!r} is not a stage of this job, neither as uuid nor as name; its stages: {listed}")

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
        return StageContext(known, {"stage_output": partial(self._load_output, uuid)})

    def __iter__(self) -> Iterator[str]:
        return iter(self._document.uuids)

    def __len__(self) -> int:
        return len(self._document.uuids)

    def __repr__(self) -> str:
        return f"<contexts of {len(self)} stages>"


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
    return StageContext(values, {"stage_output": partial(target.__getitem__, "stage_output")})


class Result(_LazyMapping):
    """The results of a job.

    A read-only mapping with the keys ``provenance``, ``global_stage_context`` and ``stage_contexts`` (by the uuid of a
    stage, or its name where no other stage has it).
    It prints as a report. It can be pickled; outputs are then read again from the archives.

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
                "global_stage_context": partial(_global_stage_context, end, document, contexts),
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
        return render_report(self._end, self._document, lambda: self.output)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))  # what IPython and notebooks show
