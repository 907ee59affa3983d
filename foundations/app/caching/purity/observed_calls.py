"""Calling a stage whose output may be cached, and observing what it does that a hit would not do again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from types import CodeType
from typing import Any

from foundations.app.caching.lookup import Lookup
from foundations.app.caching.purity.environment_watch import watched_environment
from foundations.app.caching.purity.file_watch import FileAccesses, texts_in, uncacheable_because, watched_files
from foundations.app.caching.purity.process_state import ProcessState, process_state, what_changed
from foundations.app.caching.purity.project_listing import ProjectListing
from foundations.app.caching.purity.shared_outputs import SharedOutputs
from foundations.app.running_stage import add_metric, require_stage
from foundations.domain.caching.stage_keys import StageKeys
from foundations.domain.pipeline.call import Call
from foundations.domain.pipeline.memo import Observation


class ObservedCalls:
    """Calls the stages of one job under observation.

    Args:
        keys: Makes their keys.
        shared: Watches the values that several of them see.
        project: The project directory, as it lies here.
    """

    def __init__(self, keys: StageKeys, shared: SharedOutputs, project: str) -> None:
        self._keys = keys
        self._shared = shared
        self._project = project
        self._listing = ProjectListing(project)
        self._remembered: dict[CodeType, dict[str, None]] = {}  # the files that functions with a memory have read
        self._process = os.getpid()

    def make(self, lookup: Lookup, call: Call) -> tuple[Any, Observation]:
        """Call a stage; return its output, and what was observed. What it raises is raised."""
        reason = None
        stage = require_stage("a stage that may be cached")
        logged = stage.metrics = []
        call.prepare()
        before: list[tuple[object, bytes]] = []
        try:
            before = self._shared.before(call)
        except Exception as error:  # of a value's own methods
            reason = f"could not determine whether it changes objects that other stages share: {error}"
        stage.artifacts = ()
        state = process_state()
        self._listing.changed()  # what others did before
        begun = time.perf_counter()
        with watched_files(lookup.recipe.closure.memoised) as accesses, watched_environment() as variables:
            output = call.node.function(*call.arguments, **call.keyword_arguments)
        if os.getpid() != self._process:
            return output, Observation(uncacheable_because="a process that it forked returned from the stage function")
        seconds = time.perf_counter() - begun
        for code, read in accesses.remembered.items():  # who takes it from a memory has read it, too
            known = self._remembered.setdefault(code, {})
            known.update(read)
            accesses.read.update(known)
        try:
            self._shared.after(lookup.name, before)
            reason = (
                reason
                or _artifacts_reason(stage.artifacts)
                or self._reason(lookup, call, state, accesses, variables)
                or self._copied(output, before)
            )
        except Exception as error:  # of a value's own methods, say: the output is there
            reason = (
                "could not determine whether it changed objects that other stages share:"
                f" {type(error).__name__}: {error}"
            )
            self._shared.note(reason)
        metrics: dict[str, Any] = {}
        for name, value in logged:
            add_metric(metrics, name, value)
        return output, Observation(seconds, reason, metrics)

    def _reason(
        self, lookup: Lookup, call: Call, state: ProcessState, accesses: FileAccesses, variables: Iterable[str]
    ) -> str | None:
        """Return why the output of a call must not be cached; None where nothing was observed."""
        closure = lookup.recipe.closure
        changed = self._keys.find_changed_state(lookup.recipe)
        if changed is not None:
            return (
                f"it changed {changed}, which is not an argument; if this does not matter, name it in"
                " create_stage(ignore=[...])"
            )
        of_process = what_changed(state)
        if of_process is not None:
            return f"it changed {of_process}; a cache hit would not do this"
        for variable in variables:
            if not closure.covers_variable(variable):
                return (
                    f"it read the environment variable {variable}, which its key does not cover; write the"
                    " variable's name as a string in the code that reads it, or pass its value as an argument"
                )
        stated = [self._keys.resolve_path(path) for path in call.node.hints.depends_on if isinstance(path, str)]
        texts = [*closure.texts, *texts_in((call.arguments, call.keyword_arguments))]
        return self._shared.changed or uncacheable_because(
            accesses, self._listing.changed(), self._project, stated, texts
        )

    def _copied(self, output: object, before: list[tuple[object, bytes]]) -> str | None:
        returned = self._shared.returned(output, before)
        return returned and f"it returned {returned}; a cache hit would return a copy instead"


def _artifacts_reason(names: tuple[str, ...]) -> str | None:
    """Return why the output of a call that saved artifacts must not be cached; None where it saved none."""
    if not names:
        return None
    return (
        f"it saved the artifact {names[0]}; a cache hit would not do this. To have it cached, return what the artifact"
        " is made of, and call save_artifact in another stage"
    )
