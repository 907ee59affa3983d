"""Stage outputs from the cache: where a content key can be told with certainty; computed otherwise, said in the log."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from foundations import events
from foundations.app.cache_notes import HIT, MISS, NOT_CACHED, CacheNotes
from foundations.app.file_watch import obstacle, watched_files
from foundations.app.leases import Heartbeat, lease_or_value
from foundations.app.shared_outputs import SharedOutputs
from foundations.domain.cache_recipe import Recipe, about_value, summary_of
from foundations.domain.code_closure import Closure
from foundations.domain.execution import Call
from foundations.domain.pipeline import Deferred, Node, Pipeline
from foundations.domain.stage_keys import StageKeys, is_selection
from foundations.domain.value_digests import UndigestibleError
from foundations.errors import NotSerialisableError
from foundations.ports.cache import CacheBackend, Lease
from foundations.ports.frames import Buffer
from foundations.ports.serialisation import Serialiser

_READ_AT_ONCE = 1 << 16
"""Bytes up to which an output is read when it is found; a larger one when a stage needs it."""


class CacheUse(NamedTuple):
    """How a job uses the cache.

    Attributes:
        backend: Returns the cache; asked when the first stage may be cached.
        serialiser: Turns outputs into buffers.
        job_name: The job.
        project: The project directory, as it lies here.
        audit: The share of hits that are computed again and compared, from 0 to 1.
        chance: Returns a random number from 0 up to 1.
        clock: Returns seconds since the epoch.
    """

    backend: Callable[[], CacheBackend]
    serialiser: Serialiser
    job_name: str
    project: str
    audit: float
    chance: Callable[[], float]
    clock: Callable[[], float]


class _Found(NamedTuple):
    about: Mapping[str, Any]
    frames: Sequence[Buffer]


class _Asked(NamedTuple):
    """One stage that is asked for, and its key."""

    position: int
    call: Call
    recipe: Recipe
    key: str
    logged: Callable[[], Mapping[str, Any]]

    @property
    def node(self) -> Node:
        return self.call.node

    @property
    def name(self) -> str:
        return self.recipe.stage


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
        try:
            keys = {other: self._keys[other] for other in node.upstream if other in self._keys}
            outputs = {other: call.value(other) for other in node.upstream if other not in keys}
            recipe = self._maker.recipe(name, node, keys, outputs, self._pipeline.name)
        except UndigestibleError as error:
            self.notes.add(node, name, NOT_CACHED, str(error))
            return call.make(), {}
        except Exception as error:  # of a value's own methods, say: the stage can be computed all the same
            self.notes.add(node, name, NOT_CACHED, f"{type(error).__name__}: {error}")
            return call.make(), {}
        asked = _Asked(index, call, recipe, recipe.key(), logged)
        if is_selection(node):
            self._keys[index] = asked.key
            return call.make(), {}
        begun = time.perf_counter()
        found, why = self._read(asked)
        lease = None
        if found is None and not _refreshes(node):
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

    def _read(self, asked: _Asked) -> tuple[_Found | None, str]:
        """Return the entry of a key, or why none is taken."""
        caching = asked.node.caching
        if _refreshes(asked.node):
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
        if caching is not None and caching.expires is not None:
            age = self._use.clock() - about["created_at"]
            if age > caching.expires:
                return None, f"the entry is {age:.0f} seconds old and expires after {caching.expires:g}"
        return _Found(about, value.frames), ""

    def _hit(self, asked: _Asked, found: _Found, begun: float) -> tuple[Any, dict[str, Any]]:
        output = self._loaded(asked, found)
        self._keys[asked.position] = asked.key
        self._shared.remember(asked.position, output)
        self.notes.add(asked.node, asked.name, HIT, f"computed by job {found.about['job']}", asked.key, asked.recipe)
        known = {"cache_uuid": asked.key, "used_cache": True, "cache_read_time": time.perf_counter() - begun}
        metrics = found.about["stage_log"]
        return output, {**known, "stage_log": metrics} if metrics else known

    def _loaded(self, asked: _Asked, found: _Found) -> Any:
        """Return an output; where it is large, a deferred one that is computed where it turns out to be unreadable."""
        load = self._use.serialiser.load
        if sum(memoryview(frame).nbytes for frame in found.frames) <= _READ_AT_ONCE:
            return load(found.frames)

        def get() -> Any:
            try:
                output = load(found.frames)
            except Exception as error:  # likewise
                self._unreadable(asked, error)
                output = asked.call.make()
            self._shared.remember(asked.position, output)
            return output

        return Deferred(get)

    def _unreadable(self, asked: _Asked, error: Exception) -> str:
        reason = f"{type(error).__name__}: {error}"
        events.warning("cache_unreadable", stage=asked.name, key=asked.key, reason=reason)
        return f"the cache could not be read: {reason}"

    # -- misses -------------------------------------------------------------------------------------------------------

    def _lease(self, asked: _Asked) -> tuple[Lease | None, _Found | None]:
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

    def _missed(self, asked: _Asked, why: str) -> tuple[Any, dict[str, Any]]:
        output, seconds, obstructed = self._computed(asked)
        if obstructed is not None:
            self.notes.add(asked.node, asked.name, NOT_CACHED, obstructed, None, asked.recipe)
            return output, {}
        self.notes.add(asked.node, asked.name, MISS, why, asked.key, asked.recipe)
        return output, self._stored(asked, output, seconds)

    def _computed(self, asked: _Asked) -> tuple[Any, float, str | None]:
        """Return the output of a stage, how many seconds it took, and what keeps it from being stored."""
        call, node, obstructed = asked.call, asked.node, None
        call.prepare()
        try:
            before = self._shared.before(call)
        except UndigestibleError as error:
            before, obstructed = [], f"nobody could tell whether it changed an argument: {error}"
        self._artifacts.clear()
        begun = time.perf_counter()
        with watched_files() as opened:
            output = node.function(*call.arguments, **call.keyword_arguments)
        seconds = time.perf_counter() - begun
        try:
            self._shared.after(asked.name, before)
        except UndigestibleError as error:
            self._shared.changed = f"{asked.name} made an argument undigestible that other stages take too: {error}"
        stated = [path for path in node.hints.depends_on if isinstance(path, str)]
        if self._artifacts:
            obstructed = obstructed or f"it saved the artifact {self._artifacts[0]}, which a hit would not"
        obstructed = obstructed or self._shared.changed or obstacle(opened, self._use.project, stated)
        if obstructed is None:
            self._keys[asked.position] = asked.key
        self._shared.remember(asked.position, output)
        return output, seconds, obstructed

    def _stored(self, asked: _Asked, output: Any, seconds: float) -> dict[str, Any]:
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

    def _about(self, asked: _Asked, seconds: float) -> bytes:
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

    def _audited(self, asked: _Asked, found: _Found) -> tuple[Any, dict[str, Any]]:
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


def _refreshes(node: Node) -> bool:
    return node.caching is not None and node.caching.refresh


def _release(lease: Lease) -> None:
    try:
        lease.release()
    except Exception as error:  # it is overtaken in time
        events.debug("lease_not_released", reason=f"{type(error).__name__}: {error}")
