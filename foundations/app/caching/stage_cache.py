"""Stage outputs from the cache: where a content key can be told with certainty; computed otherwise, said in the log."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from foundations import events
from foundations.app import running_stage
from foundations.app.caching.leases import heartbeat, lease_or_value
from foundations.app.caching.lookup import Asked, CacheUse, Found, expired
from foundations.app.caching.notes import HIT, MISS, NOT_CACHED, SELECTED, CacheNotes
from foundations.app.caching.purity.observed_calls import Computed, WatchedCalls
from foundations.app.caching.purity.shared_outputs import SharedOutputs
from foundations.domain.caching.code.closure import Closure
from foundations.domain.caching.recipe import Recipe, encode_about, read_header
from foundations.domain.caching.stage_keys import StageKeys, is_selection
from foundations.domain.caching.values.digests import UndigestibleError
from foundations.domain.pipeline.cache_policy import Caching
from foundations.domain.pipeline.executor import Call
from foundations.domain.pipeline.graph import Deferred, Node, Pipeline
from foundations.errors import NotSerialisableError
from foundations.ports.cache import Lease

_READ_AT_ONCE = 1 << 16
"""Bytes up to which an output is read when it is found; a larger one when a stage needs it."""


class StageCache:
    """Answers for the stages of one job. No failure of the cache is a failure of a stage: it is computed, and told.

    Args:
        pipeline: What the job runs.
        keys: Makes the stages' keys.
        use: How the job uses the cache.

    Attributes:
        notes: What was done for each stage, and why.
    """

    def __init__(self, pipeline: Pipeline, keys: StageKeys, use: CacheUse) -> None:
        self._pipeline = pipeline
        self._maker = keys
        self._use = use
        self._keys: dict[int, str] = {}
        self._shared = SharedOutputs(pipeline, keys.parameters, keys.digest, keys.state)
        self._closures: dict[int, tuple[Closure, str]] = {}
        self._calls = WatchedCalls(keys, self._shared, use.project)
        self.notes = CacheNotes()

    def artifact_saved(self, name: str) -> None:
        """Note that the running stage has saved an artifact: a hit would not."""
        self._calls.artifact_saved(name)

    def answer(self, index: int, call: Call, logged: Callable[[], Mapping[str, Any]]) -> tuple[Any, dict[str, Any]]:
        """Return the output of a stage, and what its context should say of the cache.

        Args:
            index: The stage's position.
            call: Its call.
            logged: Returns the metrics that it has logged.
        """
        node, name = call.node, self._pipeline.name(index)
        keys: dict[int, str] = {}
        outputs: dict[int, Any] = {}
        try:
            for other in node.upstream:
                if other in self._keys:
                    keys[other] = self._keys[other]
                else:
                    outputs[other] = call.value(other)
            recipe = self._maker.recipe(name, node, keys, outputs, self._pipeline.name)
        except UndigestibleError as error:
            return call.make(), self._not_cached(node, name, str(error))
        except Exception as error:  # of a value's own methods, say: the stage can be computed all the same
            return call.make(), self._not_cached(node, name, f"{type(error).__name__}: {error}")
        if is_selection(node):
            self._keys[index] = recipe.key()
            self.notes.add(node, name, SELECTED, "it only takes an item, which is not worth keeping")
            self._shared.check(call)
            output = call.make()
            self._shared.remember(index, output)
            return output, {}
        return self._answer(Asked(index, call, node.caching or Caching(True), recipe, logged))

    def _answer(self, asked: Asked) -> tuple[Any, dict[str, Any]]:
        begun = time.perf_counter()
        drifted = self._drifted(asked)
        if drifted is not None:
            known = self._not_cached(asked.node, asked.name, drifted, asked.recipe)
            return asked.call.make(), known
        found, why = self._read(asked)
        lease = None
        if found is None and not asked.caching.refresh:
            lease, found = self._lease(asked)
        try:
            if found is not None and self._use.audit and self._use.chance() < self._use.audit:
                return self._audited(asked, found)
            if found is not None:
                try:
                    return self._hit(asked, found, begun)
                except Exception as error:  # an entry of whatever kind
                    why = self._unreadable(asked.name, asked.key, error)
            return self._missed(asked, why)
        finally:
            if lease is not None:
                heartbeat.let_go(lease)

    def _drifted(self, asked: Asked) -> str | None:
        """Return what keeps the key from saying what the stage would see now, in words."""
        if not asked.node.upstream and not asked.recipe.closure.state:
            return self._shared.changed
        try:
            self._shared.check(asked.call)
            changed = self._maker.find_changed_state(asked.recipe)
        except Exception as error:
            return f"nobody could tell whether what it sees was changed: {type(error).__name__}: {error}"
        if changed is not None:
            return f"{changed} was changed after the job began"
        return self._shared.changed

    # -- hits ---------------------------------------------------------------------------------------------------------

    def _read(self, asked: Asked) -> tuple[Found | None, str]:
        """Return the entry of a key, or why none is taken."""
        caching = asked.caching
        if caching.refresh:
            return None, "it was asked for anew (refresh)"
        try:
            value = self._use.backend().get(asked.key)
        except Exception as error:  # of whatever adapter
            return None, self._unreadable(asked.name, asked.key, error)
        if value is None:
            return None, ""
        about = read_header(value.metadata)
        if about is None:
            return None, "the entry was written by another version of foundations"
        if caching.expires is not None:
            too_old = expired(about, self._use.clock(), caching.expires)
            if too_old is not None:
                return None, too_old
        return Found(about, value.frames), ""

    def _hit(self, asked: Asked, found: Found, begun: float) -> tuple[Any, dict[str, Any]]:
        output = self._loaded(asked, found)
        self._keys[asked.position] = asked.key
        self._shared.remember(asked.position, output)
        self.notes.add(asked.node, asked.name, HIT, f"computed by job {found.about['job']}", asked.key)
        known = {"cache_uuid": asked.key, "used_cache": True, "cache_read_time": time.perf_counter() - begun}
        metrics = found.about["stage_log"]
        return output, {**known, "stage_log": metrics} if metrics else known

    def _loaded(self, asked: Asked, found: Found) -> Any:
        """Return an output; where it is large, a deferred one that is computed where it turns out to be unreadable."""
        load, frames = self._use.serialiser.load, found.frames
        if not all(other in self._keys for other in asked.node.upstream):
            return load(frames)  # it could not be made again without keeping what it takes alive
        if len(frames) == 1 and len(frames[0]) <= _READ_AT_ONCE:
            return load(frames)
        if sum(memoryview(frame).nbytes for frame in frames) <= _READ_AT_ONCE:
            return load(frames)

        position, name, key, parameters = asked.position, asked.name, asked.key, asked.call.parameters

        def get() -> Any:  # which does not keep alive what the stage takes
            try:
                output = load(frames)
            except Exception as error:  # likewise
                self._unreadable(name, key, error)
                with running_stage.running_stages(_Unheard()):  # its metrics were told with the entry
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
            value = None if is_selection(self._pipeline.nodes[position]) else self._use.backend().get(key)
            if value is not None:
                return self._use.serialiser.load(value.frames)
        except Exception as error:  # of whatever adapter
            self._unreadable(self._pipeline.name(position), key, error)
        return self._made_again(position, parameters)

    def _unreadable(self, name: str, key: str, error: Exception) -> str:
        reason = f"{type(error).__name__}: {error}"
        events.warning("cache_unreadable", stage=name, key=key, reason=reason)
        return f"the cache could not be read: {reason}"

    # -- misses -------------------------------------------------------------------------------------------------------

    def _lease(self, asked: Asked) -> tuple[Lease | None, Found | None]:
        """Return a lease, or what somebody else has computed meanwhile."""
        try:
            lease, found = lease_or_value(
                self._use.backend(),
                asked.key,
                lambda: self._read(asked)[0],
                lambda: events.info("cache_waiting", stage=asked.name, key=asked.key, reason="another job computes it"),
            )
        except Exception as error:  # of whatever adapter
            reason = f"{type(error).__name__}: {error}"
            events.warning("cache_lease_failed", stage=asked.name, key=asked.key, reason=reason)
            return None, None
        if lease is not None:
            heartbeat.keep(lease)
        return lease, found

    def _not_cached(self, node: Node, name: str, why: str, recipe: Recipe | None = None) -> dict[str, Any]:
        """Note why a stage is not cached; return what its context should say."""
        self.notes.add(node, name, NOT_CACHED, why, None, recipe)
        return {"not_cached_because": why}

    def _missed(self, asked: Asked, why: str) -> tuple[Any, dict[str, Any]]:
        self.notes.add(asked.node, asked.name, MISS, why, asked.key, asked.recipe)
        computed = self._computed(asked)
        return computed.output, self._kept(asked, computed)

    def _computed(self, asked: Asked) -> Computed:
        computed = self._calls.make(asked)
        if computed.obstacle is None:
            self._keys[asked.position] = asked.key
        self._shared.remember(asked.position, computed.output)
        return computed

    def _kept(self, asked: Asked, computed: Computed) -> dict[str, Any]:
        """Store an output, unless something keeps it from being cached; return what the stage's context should say."""
        if computed.obstacle is not None:
            return self._not_cached(asked.node, asked.name, computed.obstacle, asked.recipe)
        begun = time.perf_counter()
        try:
            frames = self._use.serialiser.dump(computed.output, for_cache=True)
            self._use.backend().put(asked.key, frames, self._about(asked, computed.seconds))
        except NotSerialisableError as error:
            return self._not_cached(asked.node, asked.name, error.message, asked.recipe)
        except Exception as error:  # of whatever adapter
            reason = f"{type(error).__name__}: {error}"
            events.warning("cache_not_written", stage=asked.name, key=asked.key, reason=reason)
            return {"cache_uuid": asked.key}
        return {"cache_uuid": asked.key, "cache_write_time": time.perf_counter() - begun}

    def _about(self, asked: Asked, seconds: float) -> bytes:
        closure = asked.recipe.closure
        known = self._closures.get(id(closure))
        if known is None:
            known = self._closures[id(closure)] = (closure, json.dumps(closure.to_json()))
        summary = {
            "stage": asked.name,
            "job": self._use.job_name,
            "created_at": self._use.clock(),
            "seconds": seconds,
            "stage_log": asked.logged(),
        }
        return encode_about(summary, f'{json.dumps(asked.recipe.to_json())[:-1]}, "closure": {known[1]}}}')

    # -- audit --------------------------------------------------------------------------------------------------------

    def _audited(self, asked: Asked, found: Found) -> tuple[Any, dict[str, Any]]:
        """Compute what was found, and compare; a disagreement sets the entry aside, and the new output counts."""
        why = "computed again to check the cache (cache_audit)"
        note = self.notes.add(asked.node, asked.name, MISS, why, asked.key, asked.recipe)
        computed = self._computed(asked)
        agrees, found_out = self._comparison(asked, found, computed.output)
        note["why"] = why + found_out
        if agrees:
            return computed.output, {"cache_uuid": asked.key}
        entry = {"job": found.about["job"], "created_at": found.about["created_at"]}
        note["disagreement"] = entry
        events.error(
            "cache_disagreement",
            stage=asked.name,
            key=asked.key,
            entry_of_job=entry["job"],
            entry_created_at=entry["created_at"],
            computed_by_job=self._use.job_name,
            consequence="the entry was set aside, and what was computed now counts",
        )
        try:
            self._use.backend().set_aside(asked.key, f"job {self._use.job_name} computed something else")
        except Exception as error:  # of whatever adapter
            self._unreadable(asked.name, asked.key, error)
        return computed.output, self._kept(asked, computed)

    def _comparison(self, asked: Asked, found: Found, output: Any) -> tuple[bool, str]:
        """Return whether an entry holds `output`, for all that can be told, and what to say of that."""
        try:
            kept = self._use.serialiser.load(found.frames)
            agrees = self._maker.digest(kept, "the entry") == self._maker.digest(output, "the output")
        except UndigestibleError as error:
            return True, f"; they cannot be compared: {error}"
        except Exception as error:  # an entry that cannot be loaded
            self._unreadable(asked.name, asked.key, error)
            agrees = False
        return agrees, ", which agrees" if agrees else f": the entry of job {found.about['job']} disagrees"


class _Unheard:
    """Stands for a stage that runs again, of which all was told."""

    def log_metric(self, name: str, value: Any) -> None:
        """It was told."""

    def save_artifact(self, path: Any, name: str) -> None:
        """One that saves any is not cached."""
