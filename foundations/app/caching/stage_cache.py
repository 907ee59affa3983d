"""Outputs of stages from the cache: where a content key is certain; computed otherwise, which the log reports."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from foundations import events
from foundations.app.caching.leases import heartbeat, lease_or_value
from foundations.app.caching.lookup import CacheContext, Entry, Lookup, usable_summary
from foundations.app.caching.notes import HIT, MISS, NOT_CACHED, SELECTED, CacheNotes
from foundations.app.caching.purity.observed_calls import ObservedCalls
from foundations.app.caching.purity.shared_outputs import SharedOutputs
from foundations.app.running_stage import RunningPipeline
from foundations.domain.caching.code.closure import Closure
from foundations.domain.caching.recipe import Recipe, encode_about
from foundations.domain.caching.stage_keys import StageKeys, is_selection
from foundations.domain.caching.values.digests import UndigestibleError
from foundations.domain.pipeline.call import Call
from foundations.domain.pipeline.graph import Deferred, Node, Pipeline
from foundations.domain.pipeline.memo import CacheResult, Hit, Miss, Observation, Uncacheable
from foundations.errors import NotSerialisableError
from foundations.ports.cache import Lease

_READ_AT_ONCE = 1 << 16
"""Bytes up to which an output is read when it is found; a larger one when a stage needs it."""

_AUDIT = "computed again to check the cache (cache_audit)"


class StageCache:
    """The memo of one job's stages; see :class:`foundations.domain.pipeline.memo.Memo`.

    No failure of the cache is a failure of a stage, which is computed then; the log reports it.

    Args:
        pipeline: The pipeline that the job runs.
        keys: Makes the stages' keys.
        context: How the job uses the cache.

    Attributes:
        notes: What was done for each stage, and why.
    """

    def __init__(self, pipeline: Pipeline, keys: StageKeys, context: CacheContext) -> None:
        self._pipeline = pipeline
        self._maker = keys
        self._context = context
        self._keys: dict[int, str] = {}
        self._shared = SharedOutputs(pipeline, keys.parameters, keys.digest, keys.state)
        self._closures: dict[int, tuple[Closure, str]] = {}
        self._calls = ObservedCalls(keys, self._shared, context.project)
        self.notes = CacheNotes()

    # -- the three steps ----------------------------------------------------------------------------------------------

    def look_up(self, index: int, call: Call) -> Hit | Miss | Uncacheable:
        """Return the output of a stage from the cache, or what has to be done to get it."""
        node, name = call.node, self._pipeline.name(index)
        keys = {other: self._keys[other] for other in node.upstream if other in self._keys}
        try:
            outputs = {other: call.value(other) for other in node.upstream if other not in keys}
            recipe = self._maker.recipe(name, node, keys, outputs, self._pipeline.name)
        except UndigestibleError as error:
            return self._uncacheable(node, name, str(error))
        except Exception as error:  # of a value's own methods, say: the stage can be computed all the same
            return self._uncacheable(node, name, f"{type(error).__name__}: {error}")
        lookup = Lookup(index, node, recipe)
        if is_selection(node):
            self.notes.add(node, name, SELECTED, "it only selects an item, and has no entry of its own")
            self._shared.check(call)
            return Miss(lookup)
        return self._look_up(lookup, call)

    def compute(self, miss: Miss, call: Call) -> tuple[Any, Observation]:
        """Call the function of a stage; return its output, and what keeps that from being cached."""
        lookup: Lookup = miss.lookup
        if is_selection(lookup.node):
            return call.make(), Observation()
        return self._calls.make(lookup, call)

    def store(self, miss: Miss, output: Any, observation: Observation) -> CacheResult:
        """Store an output, unless something keeps it from being cached, or an entry that was audited agrees with it."""
        lookup: Lookup = miss.lookup
        if observation.uncacheable_because is None:
            self._keys[lookup.position] = lookup.key
        self._shared.remember(lookup.position, output)
        if is_selection(lookup.node):
            return CacheResult()
        if lookup.audited is not None and self._agrees(lookup, lookup.audited, output):
            return CacheResult(key=lookup.key)
        if observation.uncacheable_because is not None:
            return self._not_stored(lookup, observation.uncacheable_because)
        begun = time.perf_counter()
        try:
            frames = self._context.serialiser.dump(output)
            self._context.backend().put(lookup.key, frames, self._about(lookup, observation))
        except NotSerialisableError as error:
            return self._not_stored(lookup, error.message)
        except Exception as error:  # of whatever adapter
            reason = f"{type(error).__name__}: {error}"
            events.warning("cache_not_written", stage=lookup.name, key=lookup.key, reason=reason)
            return CacheResult(key=lookup.key)
        return CacheResult(key=lookup.key, write_seconds=time.perf_counter() - begun)

    def release(self, miss: Miss) -> None:
        """Release the lease of a stage, where there is one."""
        lease = miss.lookup.lease
        if lease is not None:
            heartbeat.release(lease)

    # -- looking up ---------------------------------------------------------------------------------------------------

    def _look_up(self, lookup: Lookup, call: Call) -> Hit | Miss | Uncacheable:
        begun = time.perf_counter()
        drifted = self._drifted(lookup, call)
        if drifted is not None:
            return self._uncacheable(lookup.node, lookup.name, drifted, lookup.recipe)
        entry, why = self._read(lookup)
        if entry is None and not lookup.caching.refresh:
            lookup.lease, entry = self._lease(lookup)
        if entry is not None and self._context.audit and self._context.chance() < self._context.audit:
            lookup.audited, why = entry, _AUDIT
        elif entry is not None:
            try:
                return self._hit(lookup, call, entry, begun)
            except Exception as error:  # an entry of whatever kind
                why = self._report_unreadable(lookup.name, lookup.key, error)
        lookup.note = self.notes.add(lookup.node, lookup.name, MISS, why, lookup.key, lookup.recipe)
        return Miss(lookup)

    def _drifted(self, lookup: Lookup, call: Call) -> str | None:
        """Return why the key is not that of what the stage would see now; None where it is."""
        if not lookup.node.upstream and not lookup.recipe.closure.state:
            return self._shared.changed
        try:
            self._shared.check(call)
            changed = self._maker.find_changed_state(lookup.recipe)
        except Exception as error:
            return f"could not determine whether shared objects were changed: {type(error).__name__}: {error}"
        if changed is not None:
            return f"{changed} was changed after the job began"
        return self._shared.changed

    def _uncacheable(self, node: Node, name: str, reason: str, recipe: Recipe | None = None) -> Uncacheable:
        self.notes.add(node, name, NOT_CACHED, reason, None, recipe)
        return Uncacheable(reason)

    def _read(self, lookup: Lookup) -> tuple[Entry | None, str]:
        """Return the entry of a key, or why none is taken."""
        caching = lookup.caching
        if caching.refresh:
            return None, "refresh=True was given"
        try:
            value = self._context.backend().get(lookup.key)
        except Exception as error:  # of whatever adapter
            return None, self._report_unreadable(lookup.name, lookup.key, error)
        if value is None:
            return None, ""
        about, why = usable_summary(value.metadata, caching.expires, self._context.clock())
        return None if about is None else Entry(about, value.frames), why

    def _lease(self, lookup: Lookup) -> tuple[Lease | None, Entry | None]:
        """Return a lease, or what another job has computed meanwhile."""
        waiting = {"stage": lookup.name, "key": lookup.key, "reason": "another job computes it"}
        try:
            lease, entry = lease_or_value(
                self._context.backend(),
                lookup.key,
                lambda: self._read(lookup)[0],
                lambda: events.info("cache_waiting", **waiting),
            )
        except Exception as error:  # of whatever adapter
            reason = f"{type(error).__name__}: {error}"
            events.warning("cache_lease_failed", stage=lookup.name, key=lookup.key, reason=reason)
            return None, None
        if lease is not None:
            heartbeat.add(lease)
        return lease, entry

    def _hit(self, lookup: Lookup, call: Call, entry: Entry, begun: float) -> Hit:
        output = self._loaded(lookup, call, entry)
        self._keys[lookup.position] = lookup.key
        self._shared.remember(lookup.position, output)
        self.notes.add(lookup.node, lookup.name, HIT, f"computed by job {entry.about['job']}", lookup.key)
        read_seconds = time.perf_counter() - begun
        return Hit(output, CacheResult(lookup.key, read_seconds, None, entry.about["stage_log"]))

    def _loaded(self, lookup: Lookup, call: Call, entry: Entry) -> Any:
        """Return an output; where it is large, a deferred one that is computed where it turns out to be unreadable."""
        load, frames = self._context.serialiser.load, entry.frames
        if not all(other in self._keys for other in lookup.node.upstream):
            return load(frames)  # it could not be made again without keeping what it takes alive
        if len(frames) == 1 and len(frames[0]) <= _READ_AT_ONCE:
            return load(frames)
        if sum(memoryview(frame).nbytes for frame in frames) <= _READ_AT_ONCE:
            return load(frames)

        position, name, key, parameters = lookup.position, lookup.name, lookup.key, call.parameters

        def get() -> Any:  # which does not keep alive what the stage takes
            try:
                output = load(frames)
            except Exception as error:  # likewise
                self._report_unreadable(name, key, error)
                with RunningPipeline(None):  # its metrics were recorded with the hit
                    output = self._made_again(position, parameters)
            self._shared.remember(position, output)
            return output

        return Deferred(get)

    def _made_again(self, position: int, parameters: Mapping[str, Any]) -> Any:
        node = self._pipeline.nodes[position]
        outputs = {other: self._at_hand(other, parameters) for other in node.upstream}
        return Call(node, outputs, parameters).make()

    def _at_hand(self, position: int, parameters: Mapping[str, Any]) -> Any:
        key = self._keys[position]
        try:
            value = None if is_selection(self._pipeline.nodes[position]) else self._context.backend().get(key)
            if value is not None:
                return self._context.serialiser.load(value.frames)
        except Exception as error:  # of whatever adapter
            self._report_unreadable(self._pipeline.name(position), key, error)
        return self._made_again(position, parameters)

    def _report_unreadable(self, name: str, key: str, error: Exception) -> str:
        reason = f"{type(error).__name__}: {error}"
        events.warning("cache_unreadable", stage=name, key=key, reason=reason)
        return f"the cache could not be read: {reason}"

    # -- storing ------------------------------------------------------------------------------------------------------

    def _not_stored(self, lookup: Lookup, reason: str) -> CacheResult:
        self.notes.add(lookup.node, lookup.name, NOT_CACHED, reason, None, lookup.recipe)
        return CacheResult(uncacheable_because=reason)

    def _about(self, lookup: Lookup, observation: Observation) -> bytes:
        closure = lookup.recipe.closure
        known = self._closures.get(id(closure))
        if known is None:
            known = self._closures[id(closure)] = (closure, json.dumps(closure.to_json()))
        summary = {
            "stage": lookup.name,
            "job": self._context.job_name,
            "created_at": self._context.clock(),
            "seconds": observation.seconds,
            "stage_log": observation.metrics,
        }
        return encode_about(summary, f'{json.dumps(lookup.recipe.to_json())[:-1]}, "closure": {known[1]}}}')

    def _agrees(self, lookup: Lookup, entry: Entry, output: Any) -> bool:
        """Return whether an entry holds `output`; one that does not is set aside, and the new output counts."""
        agrees, result = self._compare(lookup, entry, output)
        lookup.note["why"] = _AUDIT + result
        if agrees:
            return True
        job, created_at = entry.about["job"], entry.about["created_at"]
        lookup.note["disagreement"] = {"job": job, "created_at": created_at}
        events.error(
            "cache_disagreement",
            stage=lookup.name,
            key=lookup.key,
            entry_of_job=job,
            entry_created_at=created_at,
            computed_by_job=self._context.job_name,
            consequence="the entry was set aside; the new output is used",
        )
        try:
            self._context.backend().set_aside(lookup.key, f"job {self._context.job_name} computed something else")
        except Exception as error:  # of whatever adapter
            self._report_unreadable(lookup.name, lookup.key, error)
        return False

    def _compare(self, lookup: Lookup, entry: Entry, output: Any) -> tuple[bool, str]:
        """Return whether an entry holds `output`, as far as they can be compared, and the result in words."""
        try:
            stored = self._context.serialiser.load(entry.frames)
            agrees = self._maker.digest(stored, "the entry") == self._maker.digest(output, "the output")
        except UndigestibleError as error:
            return True, f"; they cannot be compared: {error}"
        except Exception as error:  # an entry that cannot be loaded
            self._report_unreadable(lookup.name, lookup.key, error)
            agrees = False
        return agrees, f": the output {'equals' if agrees else 'differs from'} the entry of job {entry.about['job']}"
