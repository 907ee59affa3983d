"""Stage outputs from the cache: where a content key can be told with certainty; computed otherwise, said in the log."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from foundations import events
from foundations.app.cache_asked import Asked, CacheUse, Found
from foundations.app.cache_notes import HIT, MISS, NOT_CACHED, CacheNotes
from foundations.app.file_watch import obstacle, watched_files
from foundations.app.leases import Heartbeat, lease_or_value
from foundations.app.shared_outputs import SharedOutputs
from foundations.domain.cache_hints import Caching
from foundations.domain.cache_recipe import about_value, summary_of
from foundations.domain.code_closure import Closure
from foundations.domain.execution import Call
from foundations.domain.pipeline import Deferred, Pipeline
from foundations.domain.stage_keys import StageKeys, is_selection
from foundations.domain.value_digests import UndigestibleError
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
        self._heartbeat = Heartbeat()
        self._shared = SharedOutputs(pipeline, keys.digest)
        self._closures: dict[int, tuple[Closure, str]] = {}
        self._artifacts: list[str] = []
        self.notes = CacheNotes()

    def artifact_saved(self, name: str) -> None:
        """Note that the running stage has saved an artifact: a hit would not."""
        self._artifacts.append(name)

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
            self.notes.add(node, name, NOT_CACHED, str(error))
            return call.make(), {}
        except Exception as error:  # of a value's own methods, say: the stage can be computed all the same
            self.notes.add(node, name, NOT_CACHED, f"{type(error).__name__}: {error}")
            return call.make(), {}
        if is_selection(node):
            self._keys[index] = recipe.key()
            return call.make(), {}
        return self._answer(Asked(index, call, node.caching or Caching(True), recipe, logged))

    def _answer(self, asked: Asked) -> tuple[Any, dict[str, Any]]:
        begun = time.perf_counter()
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
                    why = self._unreadable(asked, error)
            return self._missed(asked, why)
        finally:
            if lease is not None:
                self._heartbeat.keep(None)
                _release(lease)

    # -- hits ---------------------------------------------------------------------------------------------------------

    def _read(self, asked: Asked) -> tuple[Found | None, str]:
        """Return the entry of a key, or why none is taken."""
        caching = asked.caching
        if caching.refresh:
            return None, "it was asked for anew (refresh)"
        try:
            value = self._use.backend().get(asked.key)
        except Exception as error:  # of whatever adapter
            return None, self._unreadable(asked, error)
        if value is None:
            return None, ""
        about = summary_of(value.about)
        if about is None:
            return None, "the entry was written by another version of foundations"
        if caching.expires is not None:
            age = self._use.clock() - about["created_at"]
            if age > caching.expires:
                return None, f"the entry is {age:.0f} seconds old and expires after {caching.expires:g}"
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
        if len(frames) == 1 and len(frames[0]) <= _READ_AT_ONCE:
            return load(frames)
        if sum(memoryview(frame).nbytes for frame in frames) <= _READ_AT_ONCE:
            return load(frames)

        def get() -> Any:
            try:
                output = load(frames)
            except Exception as error:  # likewise
                self._unreadable(asked, error)
                output = asked.call.make()
            self._shared.remember(asked.position, output)
            return output

        return Deferred(get)

    def _unreadable(self, asked: Asked, error: Exception) -> str:
        reason = f"{type(error).__name__}: {error}"
        events.warning("cache_unreadable", stage=asked.name, key=asked.key, reason=reason)
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
        self._heartbeat.keep(lease)
        return lease, found

    def _missed(self, asked: Asked, why: str) -> tuple[Any, dict[str, Any]]:
        output, seconds, obstructed = self._computed(asked)
        if obstructed is not None:
            self.notes.add(asked.node, asked.name, NOT_CACHED, obstructed, None, asked.recipe)
            return output, {}
        self.notes.add(asked.node, asked.name, MISS, why, asked.key, asked.recipe)
        return output, self._stored(asked, output, seconds)

    def _computed(self, asked: Asked) -> tuple[Any, float, str | None]:
        """Return the output of a stage, how many seconds it took, and what keeps it from being stored."""
        call, node, obstructed = asked.call, asked.node, None
        call.prepare()
        state: list[bytes] = []
        before: list[tuple[object, bytes]] = []
        try:
            before, state = self._shared.before(call), self._maker.state(asked.recipe)
        except UndigestibleError as error:
            obstructed = f"nobody could tell whether it changes what others see: {error}"
        self._artifacts.clear()
        begun = time.perf_counter()
        with watched_files() as opened:
            output = node.function(*call.arguments, **call.keyword_arguments)
        seconds = time.perf_counter() - begun
        try:
            self._shared.after(asked.name, before)
            changed = self._maker.changed(asked.recipe, state) if state else None
            if changed is not None:
                self._shared.note(f"{asked.name} changed {changed}, which is no argument; ignore=[...] says it may")
        except UndigestibleError as error:
            self._shared.note(f"{asked.name} made undigestible what others see: {error}")
        stated = [path for path in node.hints.depends_on if isinstance(path, str)]
        named = (*call.arguments, *call.keyword_arguments.values())
        if self._artifacts:
            obstructed = obstructed or f"it saved the artifact {self._artifacts[0]}, which a hit would not"
        obstructed = obstructed or self._shared.changed or obstacle(opened, self._use.project, stated, named)
        if obstructed is None:
            self._keys[asked.position] = asked.key
        self._shared.remember(asked.position, output)
        return output, seconds, obstructed

    def _stored(self, asked: Asked, output: Any, seconds: float) -> dict[str, Any]:
        """Store an output; return what the stage's context should say."""
        begun = time.perf_counter()
        try:
            self._use.backend().put(asked.key, self._use.serialiser.dump(output), self._about(asked, seconds))
        except NotSerialisableError as error:
            events.info("not_cached", stage=asked.name, reason=error.message)
        except Exception as error:  # of whatever adapter
            reason = f"{type(error).__name__}: {error}"
            events.warning("cache_not_written", stage=asked.name, key=asked.key, reason=reason)
        else:
            return {"cache_uuid": asked.key, "cache_write_time": time.perf_counter() - begun}
        return {"cache_uuid": asked.key}

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
        recipe = asked.recipe.to_json(closure=True)
        del recipe["closure"]
        return about_value(summary, f'{json.dumps(recipe)[:-1]}, "closure": {known[1]}}}')

    # -- audit --------------------------------------------------------------------------------------------------------

    def _audited(self, asked: Asked, found: Found) -> tuple[Any, dict[str, Any]]:
        """Compute what was found, and compare; a disagreement sets the entry aside, and the new output counts."""
        output, seconds, obstructed = self._computed(asked)
        why = "computed again to check the cache (cache_audit)"
        try:
            kept: Any = self._use.serialiser.load(found.frames)
            agree = self._maker.digest(kept, "the entry") == self._maker.digest(output, "the output")
        except UndigestibleError as error:
            self.notes.add(
                asked.node, asked.name, MISS, f"{why}; they cannot be compared: {error}", asked.key, asked.recipe
            )
            return output, {"cache_uuid": asked.key}
        except Exception as error:  # an entry that cannot be loaded
            self._unreadable(asked, error)
            agree = False
        note = self.notes.add(asked.node, asked.name, MISS, f"{why}, which agrees", asked.key, asked.recipe)
        if agree:
            return output, {"cache_uuid": asked.key}
        entry = {"job": found.about["job"], "created_at": found.about["created_at"]}
        note.update(why=f"{why}: the entry of job {entry['job']} disagrees", disagreement=entry)
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
            self._unreadable(asked, error)
        return output, self._stored(asked, output, seconds) if obstructed is None else {}


def _release(lease: Lease) -> None:
    try:
        lease.release()
    except Exception as error:  # it is overtaken in time
        events.debug("lease_not_released", reason=f"{type(error).__name__}: {error}")
