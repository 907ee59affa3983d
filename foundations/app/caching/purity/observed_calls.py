"""Calling a stage whose output may be cached, and finding out what it did that a hit would not do again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from types import CodeType
from typing import Any, NamedTuple

from foundations.app.caching.lookup import Asked
from foundations.app.caching.purity.environment_watch import watched_environment
from foundations.app.caching.purity.file_watch import Touched, obstacle, texts_in, watched_files
from foundations.app.caching.purity.process_state import ProcessState, process_state, what_changed
from foundations.app.caching.purity.project_listing import ProjectListing
from foundations.app.caching.purity.shared_outputs import SharedOutputs
from foundations.domain.caching.stage_keys import StageKeys


class Computed(NamedTuple):
    """What came of a call.

    Attributes:
        output: What the stage returned.
        seconds: How long it took.
        obstacle: What keeps the output from being cached, in words; None where nothing does.
    """

    output: Any
    seconds: float
    obstacle: str | None


class WatchedCalls:
    """Calls the stages of one job.

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
        self._artifacts: list[str] = []
        self._remembered: dict[CodeType, dict[str, None]] = {}  # the files that functions with a memory have read
        self._process = os.getpid()

    def artifact_saved(self, name: str) -> None:
        """Note that the running stage has saved an artifact: a hit would not."""
        self._artifacts.append(name)

    def make(self, asked: Asked) -> Computed:
        """Call a stage; what it raises is raised."""
        call, doubt = asked.call, None
        call.prepare()
        before: list[tuple[object, bytes]] = []
        try:
            before = self._shared.before(call)
        except Exception as error:  # of a value's own methods
            doubt = f"nobody could tell whether it changes what others see: {error}"
        self._artifacts.clear()
        around = process_state()
        self._listing.changed()  # what others did before
        begun = time.perf_counter()
        with watched_files(asked.recipe.closure.memoised) as touched, watched_environment() as variables:
            output = asked.node.function(*call.arguments, **call.keyword_arguments)
        if os.getpid() != self._process:
            return Computed(output, 0.0, "a process that it has forked returned from it")
        seconds = time.perf_counter() - begun
        for code, read in touched.remembered.items():  # who takes it from a memory has read it, too
            known = self._remembered.setdefault(code, {})
            known.update(read)
            touched.read.update(known)
        try:
            self._shared.after(asked.name, before)
            doubt = doubt or self._obstacle(asked, around, touched, variables) or self._copied(output, before)
        except Exception as error:  # of a value's own methods, say: the output is there
            doubt = f"nobody could tell whether it changed what others see: {type(error).__name__}: {error}"
            self._shared.note(doubt)
        return Computed(output, seconds, doubt)

    def _obstacle(self, asked: Asked, around: ProcessState, touched: Touched, variables: Iterable[str]) -> str | None:
        if self._artifacts:
            return f"it saved the artifact {self._artifacts[0]}, which a hit would not"
        changed = self._keys.find_changed_state(asked.recipe)
        if changed is not None:
            return (
                f"it changed {changed}, which is no argument; create_stage(ignore=[...]) says that it does not matter"
            )
        of_process = what_changed(around)
        if of_process is not None:
            return f"it changed {of_process}, which a hit would not"
        for variable in variables:
            if not asked.recipe.closure.covers_variable(variable):
                return (
                    f"it read the environment variable {variable}, which its key does not cover; name it in the code"
                    " that asks for it, or pass its value as an argument"
                )
        call = asked.call
        stated = [self._keys.resolve_path(path) for path in asked.node.hints.depends_on if isinstance(path, str)]
        texts = [*asked.recipe.closure.texts, *texts_in((call.arguments, call.keyword_arguments))]
        return self._shared.changed or obstacle(touched, self._listing.changed(), self._project, stated, texts)

    def _copied(self, output: object, before: list[tuple[object, bytes]]) -> str | None:
        returned = self._shared.returned(output, before)
        return returned and f"it returned {returned}, of which a hit would return a copy"
