"""The journal of a running job: times, metrics, outputs, failures; archived as they happen."""

from __future__ import annotations

import json
import math
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundations import events
from foundations.app.job.archiver import Keeper
from foundations.app.job.error_report import describe_failure, summary
from foundations.app.tracking_pause import unwatched
from foundations.domain.jobs import archive_layout as items
from foundations.domain.jobs.archive_layout import Archives
from foundations.domain.jobs.output_digest import OutputDigest
from foundations.domain.jobs.result_document import ResultDocument
from foundations.domain.pipeline.executor import Call
from foundations.domain.pipeline.graph import Pipeline
from foundations.domain.text.representation import describe_call
from foundations.errors import FoundationsError, NotSerialisableError, OutputLostError
from foundations.ports.frames import Buffer, join_frames
from foundations.ports.job import EndCause
from foundations.ports.serialisation import Serialiser

if TYPE_CHECKING:
    from foundations.app.caching.stage_cache import StageCache
    from foundations.ports.archive_listing import PipelineListing

_OF_THE_CACHE = frozenset({"used_cache", "cache_uuid", "cache_read_time", "cache_write_time", "not_cached_because"})
_TELL_EVERY = 1.0
"""Seconds between two updates of the listing by one stage's metrics; its end tells the rest."""


class JobJournal:
    """Watches a job's pipeline run, keeps what it produces, and stands for its running stage.

    Attributes:
        pipeline: What runs.
        archives: Where things go.
        keeper: Puts them there.
        listing: Returns the listing, asked only where a metric is logged.
        serialiser: Turns outputs into buffers.
        cache: Makes what answers for stages that may be cached; asked when the first of them runs.
        clock: Returns seconds since the epoch.
        progress: Told the position of the stage that runs.
        roots: Directories that the user's files are shown relative to.
        cause: Why the job fails, where it does.
        failed_stage: The name of the stage that failed.
        message: The failure on one line.
    """

    def __init__(
        self,
        *,
        job_name: str,
        pipeline: Pipeline,
        archives: Archives,
        keeper: Keeper,
        listing: Callable[[], PipelineListing],
        serialiser: Serialiser,
        cache: Callable[[], StageCache],
        clock: Callable[[], float],
        progress: Callable[[int], None],
        roots: Sequence[str],
    ) -> None:
        self.job_name = job_name
        self.pipeline = pipeline
        self.archives = archives
        self.keeper = keeper
        self.listing = listing
        self.serialiser = serialiser
        self.cache = cache
        self.clock = clock
        self.progress = progress
        self.roots = roots
        self.started_at: list[float | None] = [None] * len(pipeline.nodes)
        self.ended_at: list[float | None] = [None] * len(pipeline.nodes)
        self.details: dict[str, dict[str, Any]] = {}
        self.cause: EndCause | None = None
        self.failed_stage: str | None = None
        self.message = ""
        self._cache: StageCache | None = None
        self._untold: dict[str, Any] = {}
        self._told_at = 0.0
        self._artifacts: dict[str, tuple[int, str]] = {}
        self._index = -1
        self._process = os.getpid()
        self._lock = threading.Lock()

    # -- the pipeline tells -------------------------------------------------------------------------------------------

    def begin(self, index: int) -> None:
        """Note that a stage begins."""
        self._index = index
        self.progress(index)
        self.started_at[index] = self.clock()

    def answer(self, index: int, call: Call) -> Any:
        """Return the output of a stage that may be cached, from the cache where it is there."""
        output, known = self._cache_of_stages().answer(index, call, lambda: self._logged(index))
        if known:
            self._details(index).update(known)
            if known.get("used_cache"):
                self._untold.update(_last_values(known.get("stage_log", {})))
        return output

    def follow_code(self) -> None:
        """Have the code of stages that may be cached followed, before a stage changes what it refers to."""
        self._cache_of_stages()

    def _cache_of_stages(self) -> StageCache:
        if self._cache is None:
            self._cache = self.cache()
        return self._cache

    def _logged(self, index: int) -> dict[str, Any]:
        with self._lock:
            log: dict[str, Any] = dict(self._details(index).get("stage_log", {}))
        return log

    def end(self, index: int, output: Any) -> None:
        """Note that a stage ended, and archive its output where it is to be kept."""
        self._only_here()
        self.ended_at[index] = self.clock()
        is_target = index == len(self.pipeline.nodes) - 1
        if is_target or self.pipeline.nodes[index].persisted:
            try:
                self._keep_output(index, output)
            except (NotSerialisableError, OutputLostError) as error:
                if is_target:
                    raise
                self._details(index)["no_output_because"] = error.message
                events.warning("output_not_kept", stage=self.pipeline.name(index), reason=error.message)
        self._settle(index)

    def fail(
        self, index: int, error: BaseException, arguments: tuple[Any, ...], keyword_arguments: dict[str, Any]
    ) -> None:
        """Note what a stage raised, and archive it."""
        self._only_here()
        self.ended_at[index] = self.clock()
        name = self.pipeline.name(index)
        self.failed_stage = name
        call = describe_call(name, arguments, keyword_arguments)
        if isinstance(error, NotSerialisableError):
            self.cause = EndCause.NOT_SERIALISABLE
            self.message = error.message
        elif isinstance(error, OutputLostError):
            self.cause = EndCause.STORAGE
            self.message = error.message
        else:
            self.cause = EndCause.USER_CODE
            self.message = f"stage {name} raised {summary(error)}"
        information = describe_failure(error, self.roots, name, self.pipeline.nodes[index].uuid, call)
        self._details(index)["error_information"] = information
        self._keep_exception(error)
        self._settle(index)

    def _only_here(self) -> None:
        """End a process that a stage has forked and that returned from it: the job goes on in the other."""
        if os.getpid() != self._process:
            name = self.pipeline.name(self._index)
            sys.stderr.write(f"a process that stage {name} has forked returned from it, and was ended there\n")
            sys.stderr.flush()
            os._exit(70)

    # -- the running stage tells --------------------------------------------------------------------------------------

    def log_metric(self, name: str, value: Any) -> None:
        """Add a metric to the running stage's log, and to the listing."""
        with self._lock:
            log = self._details(self._index).setdefault("stage_log", {})
            if name not in log:
                log[name] = value
            elif isinstance(log[name], list):
                log[name].append(value)
            else:
                log[name] = [log[name], value]
            self._untold[name] = str(value) if isinstance(value, float) and not math.isfinite(value) else value
            if self.clock() >= self._told_at + _TELL_EVERY:
                with unwatched():
                    self._tell_metrics()

    def save_artifact(self, path: Path, name: str) -> None:
        """Archive a file; what the archive refuses is the caller's error."""
        saved = (self._index, str(path.absolute()))
        stage, place = self._artifacts.setdefault(name, saved)
        if (stage, place) != saved:
            raise FoundationsError(
                f"save_artifact: stage {self.pipeline.name(stage)} has saved {place} as {name!r}, and {saved[1]} would"
                " replace it. Give it another name."
            )
        if self._cache is not None:
            self._cache.artifact_saved(name)
        try:
            with unwatched():
                self.archives.artifact.write_file(self.job_name, items.ARTIFACTS + name, path)
        except ValueError as error:
            raise FoundationsError(f"save_artifact: {name!r} cannot name an artifact: {error}") from error

    # -- keeping ------------------------------------------------------------------------------------------------------

    def keep_result(self) -> None:
        """Archive the result document."""
        nodes = self.pipeline.nodes
        document = ResultDocument(
            [node.uuid for node in nodes],
            [self.pipeline.name(index) for index in range(len(nodes))],
            self.started_at,
            self.ended_at,
            self.details,
        )
        self.keeper.write(self.archives.miscellaneous, items.RESULT, [_json(document.to_json())])
        notes = None if self._cache is None else self._cache.notes.to_json()
        if notes is not None:
            self.keeper.write(self.archives.miscellaneous, items.CACHE_NOTES, [_json(notes)])

    def _settle(self, index: int) -> None:
        """Archive what is known of a stage that has ended."""
        with self._lock:
            if self._untold:
                self._tell_metrics()
            elif not _OF_THE_CACHE.issuperset(self.details.get(self.pipeline.nodes[index].uuid, ())):
                self._keep_stage(index)  # what the cache did is in the result; it is not worth a file a stage

    def _tell_metrics(self) -> None:
        """Tell the listing and the stage log the metrics that they do not know yet; the caller holds the lock."""
        from foundations.ports.archive_listing import JobChange

        untold, self._untold = self._untold, {}
        self._told_at = self.clock()
        try:
            self.listing().update(self.job_name, JobChange(metrics=untold))
        except Exception as error:  # of whatever adapter
            self.keeper.tell(f"metrics in the listing: {error}")
        self._keep_stage(self._index)

    def _details(self, index: int) -> dict[str, Any]:
        return self.details.setdefault(self.pipeline.nodes[index].uuid, {})

    def _keep_output(self, index: int, output: Any) -> None:
        buffers: list[Buffer] = join_frames(self.serialiser.dump(output, f"the output of {self.pipeline.name(index)}"))
        digest = OutputDigest(buffers)  # taken while the output is written
        uuid = self.pipeline.nodes[index].uuid
        if not self.keeper.write(self.archives.persisted_data, items.output_item(uuid), buffers):
            why = "; ".join(self.keeper.not_archived[-2:])
            raise OutputLostError(f"the output of {self.pipeline.name(index)} could not be kept: {why}")
        self._details(index).update(has_stage_output=True, data_uuid=digest.hexdigest())

    def _keep_stage(self, index: int) -> None:
        uuid = self.pipeline.nodes[index].uuid
        document = {
            "uuid": uuid,
            "stage_name": self.pipeline.name(index),
            "start_time": self.started_at[index],
            "end_time": self.ended_at[index],
            "details": self.details[uuid],
        }
        self.keeper.write(self.archives.stage_log, items.stage_item(uuid), [_json(document)])

    def _keep_exception(self, error: BaseException) -> None:
        try:
            frames = self.serialiser.dump(error)
            self.serialiser.load(frames)  # one that cannot be rebuilt is of no use
        except Exception as why:  # user code decides how it is pickled; the document of the failure stands by itself
            events.debug("exception_not_kept", exception=type(error).__name__, reason=summary(why))
            return
        self.keeper.write(self.archives.miscellaneous, items.EXCEPTION, join_frames(frames))


def _last_values(stage_log: dict[str, Any]) -> dict[str, Any]:
    """Return each metric's last value, as the listing has it."""
    return {name: value[-1] if isinstance(value, list) else value for name, value in stage_log.items()}


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
