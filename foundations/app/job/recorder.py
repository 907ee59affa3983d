"""Recording a running job: times, metrics, outputs and failures, archived as they happen."""

from __future__ import annotations

import json
import math
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundations import events
from foundations.app.job.archiver import Archiver
from foundations.app.job.error_report import describe_failure, dump_exception, summarise
from foundations.app.job.stage_arguments import describe_stage_call
from foundations.app.running_stage import RunningPipeline, add_metric
from foundations.app.tracking_pause import tracking_paused
from foundations.domain.jobs import archive_layout as items
from foundations.domain.jobs.archive_layout import Archives
from foundations.domain.jobs.output_digest import OutputDigest
from foundations.domain.jobs.result_document import ResultDocument
from foundations.domain.pipeline.graph import Pipeline
from foundations.errors import NotSerialisableError, OutputLostError
from foundations.ports.frames import Buffer, join_frames
from foundations.ports.job import EndCause
from foundations.ports.serialisation import Serialiser

if TYPE_CHECKING:
    from foundations.app.job.artifacts.archiving import ArtifactArchiver
    from foundations.domain.pipeline.executor import Artifact
    from foundations.domain.pipeline.memo import CacheResult
    from foundations.ports.archive_listing import PipelineListing

_CACHE_DETAILS = frozenset({"used_cache", "cache_uuid", "cache_read_time", "cache_write_time", "not_cached_because"})
_REPORT_EVERY = 1.0
"""Seconds between two updates of the listing by metrics; the end of a stage reports the rest."""


class JobRecorder:
    """Records a job's pipeline while it runs, and archives what it produces; see :class:`Recorder`.

    Attributes:
        job_name: The job.
        pipeline: The pipeline.
        archives: The archives.
        archiver: Writes to them.
        listing: Returns the listing; called only where a metric is logged.
        serialiser: Turns outputs into buffers.
        clock: Returns seconds since the epoch.
        progress: Receives the position of a stage that runs: when one starts, and when one ends; -1 for none.
        roots: Directories that the user's files are shown relative to.
        find_hints: Returns what the report of an exception adds to its message.
        report_saved: Receives each file that was archived as an artifact.
        report_times: Receives the position of each stage that starts, and when; likewise of each that has ended.
        scratch: The directory for files that are written on the way to an archive; None for the system's own.
        running: The stages that run now.
        cause: Why the job failed; None where it did not.
        failed_stage: The name of the stage that failed.
        message: The failure on one line.
        traceback: The failure for a person.
    """

    def __init__(
        self,
        *,
        job_name: str,
        pipeline: Pipeline,
        archives: Archives,
        archiver: Archiver,
        listing: Callable[[], PipelineListing],
        serialiser: Serialiser,
        clock: Callable[[], float],
        progress: Callable[[int], None],
        roots: Sequence[str],
        find_hints: Callable[[BaseException], Sequence[str]],
        report_saved: Callable[[Path], None] = lambda path: None,
        report_times: Callable[[int, float, float | None], None] = lambda index, started_at, ended_at: None,
        scratch: Path | None = None,
    ) -> None:
        self.job_name = job_name
        self.pipeline = pipeline
        self.archives = archives
        self.archiver = archiver
        self.listing = listing
        self.serialiser = serialiser
        self.clock = clock
        self.progress = progress
        self.roots = roots
        self.find_hints = find_hints
        self.report_saved = report_saved
        self.report_times = report_times
        self.scratch = scratch
        self.running = RunningPipeline(self)
        self.started_at: list[float | None] = [None] * len(pipeline.nodes)
        self.ended_at: list[float | None] = [None] * len(pipeline.nodes)
        self.details: dict[str, dict[str, Any]] = {}
        self.cause: EndCause | None = None
        self.failed_stage: str | None = None
        self.message = ""
        self.traceback = ""
        self._unreported: dict[str, Any] = {}  # metrics that the listing does not have yet
        self._unarchived: set[int] = set()  # stages whose log has metrics that its archive does not have yet
        self._reported_at = 0.0
        self._artifacts: ArtifactArchiver | None = None
        self._process = os.getpid()
        self._lock = threading.Lock()

    # -- from the executor --------------------------------------------------------------------------------------------

    def record_start(self, index: int) -> None:
        """Record that a stage starts."""
        self.running.enter_stage(index)
        self.started_at[index] = started_at = self.clock()
        self.report_times(index, started_at, None)
        self.progress(index)

    def record_cache_result(self, index: int, result: CacheResult) -> None:
        """Record what the cache did for a stage; the metrics of a hit count as logged."""
        details = _details_of(result)
        if details:
            with self._lock:
                self._details(index).update(details)
                self._unreported.update(_last_values(result.metrics))

    def record_end(self, index: int, output: Any) -> None:
        """Record that a stage ended, and archive its output where it is persisted or the pipeline's."""
        self._end_forked_process(index)
        self.ended_at[index] = ended_at = self.clock()
        is_target = index == len(self.pipeline.nodes) - 1
        if is_target or self.pipeline.nodes[index].persisted:
            try:
                self._archive_output(index, output)
            except (NotSerialisableError, OutputLostError) as error:
                if is_target:
                    raise
                self._details(index)["no_output_because"] = error.message
                events.warning("output_not_stored", stage=self.pipeline.name(index), reason=error.message)
        self._archive_log(index)
        self.report_times(index, self.started_at[index] or ended_at, ended_at)
        self.progress(self.running.leave_stage(index))

    def record_failure(
        self, index: int, error: BaseException, arguments: tuple[Any, ...], keyword_arguments: dict[str, Any]
    ) -> None:
        """Record what a stage raised, and archive it; the first failure is the job's."""
        self._end_forked_process(index)
        self.ended_at[index] = self.clock()
        name = self.pipeline.name(index)
        call = describe_stage_call(name, self.pipeline.nodes[index], arguments, keyword_arguments)
        information = describe_failure(error, self.roots, name, self.pipeline.nodes[index].uuid, call, self.find_hints)
        self._details(index)["error_information"] = information
        with self._lock:
            is_first = self.cause is None
            if is_first:
                self.cause, self.message = _cause_of(error, name)
                self.failed_stage, self.traceback = name, information["traceback"]
        if is_first:
            self._archive_exception(error)
        self._archive_log(index)
        self.progress(self.running.leave_stage(index))

    def _end_forked_process(self, index: int) -> None:
        """End a process that a stage has forked and that returned from it: the job goes on in the other."""
        if os.getpid() != self._process:
            name = self.pipeline.name(index)
            sys.stderr.write(f"a process that stage {name} forked returned from its function, and was ended there\n")
            sys.stderr.flush()
            os._exit(70)

    # -- from running stages ------------------------------------------------------------------------------------------

    def log_metric(self, index: int, name: str, value: Any) -> None:
        """Add a metric to a stage's log, and to the listing."""
        with self._lock:
            add_metric(self._details(index).setdefault("stage_log", {}), name, value)
            self._unreported[name] = str(value) if isinstance(value, float) and not math.isfinite(value) else value
            self._unarchived.add(index)
            if self.clock() >= self._reported_at + _REPORT_EVERY:
                with tracking_paused():
                    self._report_metrics()

    def save_artifact(self, index: int, artifact: Artifact) -> None:
        """Archive what a stage saves; what the archive refuses is the caller's error."""
        with self._lock:
            if self._artifacts is None:
                from foundations.app.job.artifacts.archiving import ArtifactArchiver  # few jobs save any

                archive = self.archives.artifact
                self._artifacts = ArtifactArchiver(self.job_name, archive, self.report_saved, self.scratch)
        self._artifacts.save(artifact)

    # -- archiving ----------------------------------------------------------------------------------------------------

    def archive_result(
        self, cache_notes: Mapping[str, Any] | None, differences: Sequence[tuple[str, str, str]] = ()
    ) -> None:
        """Archive the result document with `differences`, and what the cache did, where there is anything."""
        nodes = self.pipeline.nodes
        document = ResultDocument(
            [node.uuid for node in nodes],
            [self.pipeline.name(index) for index in range(len(nodes))],
            self.started_at,
            self.ended_at,
            self.details,
            differences,
        )
        self.archiver.write(self.archives.miscellaneous, items.RESULT, [_json(document.to_json())])
        if cache_notes is not None:
            self.archiver.write(self.archives.miscellaneous, items.CACHE_NOTES, [_json(cache_notes)])

    def _archive_log(self, index: int) -> None:
        """Archive the log of a stage that has ended, where it has one; what the cache did is in the result alone."""
        with self._lock:
            self._unarchived.discard(index)
            if self._unreported:
                self._report_metrics()
            if not _CACHE_DETAILS.issuperset(self.details.get(self.pipeline.nodes[index].uuid, ())):
                self._archive_stage(index)

    def _report_metrics(self) -> None:
        """Update the listing and the archived stage logs by what they do not have yet; the caller holds the lock."""
        from foundations.ports.archive_listing import JobChange

        metrics, self._unreported = self._unreported, {}
        self._reported_at = self.clock()
        try:
            self.listing().update(self.job_name, JobChange(metrics=metrics))
        except Exception as error:  # of whatever adapter
            self.archiver.report(f"metrics in the listing: {error}")
        while self._unarchived:
            self._archive_stage(self._unarchived.pop())

    def _details(self, index: int) -> dict[str, Any]:
        return self.details.setdefault(self.pipeline.nodes[index].uuid, {})

    def _archive_output(self, index: int, output: Any) -> None:
        buffers: list[Buffer] = join_frames(self.serialiser.dump(output, f"the output of {self.pipeline.name(index)}"))
        digest = OutputDigest(buffers)  # taken while the output is written
        uuid = self.pipeline.nodes[index].uuid
        if not self.archiver.write(self.archives.persisted_data, items.output_item(uuid), buffers):
            why = "; ".join(self.archiver.not_archived[-2:])
            raise OutputLostError(f"the output of {self.pipeline.name(index)} could not be stored: {why}")
        self._details(index).update(has_stage_output=True, data_uuid=digest.hexdigest())

    def _archive_stage(self, index: int) -> None:
        uuid = self.pipeline.nodes[index].uuid
        document = {
            "uuid": uuid,
            "stage_name": self.pipeline.name(index),
            "start_time": self.started_at[index],
            "end_time": self.ended_at[index],
            "details": self.details[uuid],
        }
        self.archiver.write(self.archives.stage_log, items.stage_item(uuid), [_json(document)])

    def _archive_exception(self, error: BaseException) -> None:
        try:
            frames = dump_exception(error, self.serialiser)
        except Exception as why:  # user code decides how it is pickled; the error report does without
            events.debug("exception_not_stored", exception=type(error).__name__, reason=summarise(why))
            return
        self.archiver.write(self.archives.miscellaneous, items.EXCEPTION, join_frames(frames))


def _cause_of(error: BaseException, stage: str) -> tuple[EndCause, str]:
    """Return why a job fails whose stage raised `error`, and the failure on one line."""
    if isinstance(error, NotSerialisableError):
        return EndCause.NOT_SERIALISABLE, error.message
    if isinstance(error, OutputLostError):
        return EndCause.STORAGE, error.message
    return EndCause.USER_CODE, f"stage {stage} raised {summarise(error)}"


def _details_of(result: CacheResult) -> dict[str, Any]:
    """Return what the context of a stage has of the cache."""
    key, read_seconds, write_seconds, metrics, uncacheable_because = result
    if uncacheable_because is not None:
        return {"not_cached_because": uncacheable_because}
    details: dict[str, Any] = {} if key is None else {"cache_uuid": key}
    if read_seconds is not None:
        details.update(used_cache=True, cache_read_time=read_seconds)
    if write_seconds is not None:
        details["cache_write_time"] = write_seconds
    if metrics:
        details["stage_log"] = metrics
    return details


def _last_values(stage_log: Mapping[str, Any]) -> dict[str, Any]:
    """Return each metric's last value, as the listing has it."""
    return {name: value[-1] if isinstance(value, list) else value for name, value in stage_log.items()}


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
