"""Stages: one function call in a pipeline, not made yet."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from foundations.domain.pipeline.cache_policy import NO_HINTS, CacheHints, Caching, seconds_of
from foundations.domain.pipeline.functions import refuse_suspended, short_name
from foundations.domain.pipeline.no_value import WithoutValue
from foundations.errors import PipelineError
from foundations.escaping import escape_unprintable

if TYPE_CHECKING:
    import datetime

    from foundations.domain.caching.explanation import Explanation
    from foundations.domain.jobs.deployment import Deployment
    from foundations.domain.records.labels import JobLabels


class Launcher(Protocol):
    """The use cases behind the methods of stages; injected by the facade, and never serialised."""

    def deploy(
        self, stage: Stage, params_dict: Mapping[str, Any] | None, job_name: str | None, params: Mapping[str, Any]
    ) -> Deployment:
        """Run the stage as a job."""

    def run_inline(self, stage: Stage, params_dict: Mapping[str, Any] | None, params: Mapping[str, Any]) -> Any:
        """Run the stage in this process and return its output."""

    def explain(self, stage: Stage, params_dict: Mapping[str, Any] | None, params: Mapping[str, Any]) -> Explanation:
        """Explain what the cache would do for the stage."""

    def new_uuid(self) -> str:
        """Return a random identifier."""


class Stage(WithoutValue):
    """One function call in a pipeline: the function and its arguments, some of which may be other stages.

    Calling what :func:`create_stage` returns makes one; nothing runs until :meth:`run`. Stages compare by identity.
    """

    __slots__ = (
        "__weakref__",
        "_arguments",
        "_caching",
        "_function",
        "_hints",
        "_keyword_arguments",
        "_labels",
        "_launcher",
        "_persisted",
        "_required",
        "_uuid",
    )

    def __init__(
        self,
        launcher: Launcher,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        keyword_arguments: dict[str, Any],
        hints: CacheHints = NO_HINTS,
    ) -> None:
        self._launcher = launcher
        self._function = function
        self._hints = hints
        self._arguments = arguments
        self._keyword_arguments = keyword_arguments
        self._required: tuple[Stage, ...] = ()
        self._persisted = False
        self._caching: Caching | None = None
        self._labels: JobLabels | None = None
        self._uuid: str | None = None

    def stage(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Stage:
        """Return the stage ``function(self's output, *args, **kwargs)``."""
        return Stage(self._launcher, unwrap(function), (self, *args), kwargs, hints_of(function))

    def split(self, count: int) -> tuple[Stage, ...]:
        """Return `count` stages, one for each item of this stage's output.

        That the output has exactly `count` items is checked when the pipeline runs.

        Raises:
            PipelineError: `count` is not a positive integer.
        """
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise PipelineError(f"split(n): n must be the number of items, at least 1, not {count!r}")
        checked = Stage(self._launcher, exactly, (self, count), {})
        return tuple(checked[index] for index in range(count))

    def require(self, *others: Stage) -> Stage:
        """Have this stage run after `others`, whose outputs it does not take, and return it.

        Raises:
            PipelineError: One of `others` is not a stage.
        """
        for other in others:
            if not isinstance(other, Stage):
                raise PipelineError(f"require(...) takes stages, not {type(other).__name__}")
        self._required += others
        return self

    def persist(self) -> Stage:
        """Have this stage's output archived, and return the stage."""
        self._persisted = True
        return self

    def enable_caching(self, *, expires: float | datetime.timedelta | None = None, refresh: bool = False) -> Stage:
        """Reuse outputs of this stage, and of the stages it depends on, from the cache; return the stage.

        Args:
            expires: The age after which an entry is not used, in seconds or as a timedelta; None for no limit.
            refresh: Compute them in the runs of this stage even where the cache has them, and store them again.

        Raises:
            PipelineError: `expires` is not a positive length of time.
        """
        self._caching = Caching(True, seconds_of(expires), bool(refresh))
        return self

    def disable_caching(self) -> Stage:
        """Compute this stage, and the stages it depends on, every time; return the stage."""
        self._caching = Caching(False)
        return self

    def with_job(
        self, project: str | None = None, tags: Mapping[str, str] | Iterable[str] | None = None, note: str | None = None
    ) -> Stage:
        """Label the jobs that :meth:`run` of this stage submits from now on, and return the stage.

        Args:
            project: The project, instead of that of this process.
            tags: Values by name, or names alone; added to those of earlier calls.
            note: Free text.
        """
        from foundations.domain.records.labels import NO_LABELS

        self._labels = (self._labels or NO_LABELS).changed(project, tags, note)
        return self

    def __getitem__(self, key: Any) -> Stage:
        return Stage(self._launcher, operator.getitem, (self, key), {})

    def run(
        self, params_dict: Mapping[str, Any] | None = None, job_name: str | None = None, **params: Any
    ) -> Deployment:
        """Run the pipeline that ends in this stage as a job, in the execution environment that the YAML names.

        Returns at once; the job goes on without this process.

        Args:
            params_dict: Hyperparameters by name.
            job_name: The job's name; a readable one is generated where none is given.
            params: Further hyperparameters.

        Raises:
            FoundationsError: Whatever can be found wrong beforehand, before anything is written.
        """
        return self._launcher.deploy(self, params_dict, job_name, params)

    def run_same_process(self, params_dict: Mapping[str, Any] | None = None, **params: Any) -> Any:
        """Run the pipeline that ends in this stage in this process, and return its output.

        Nothing is bundled, archived or cached. Metrics and artifacts are written to the log only.
        """
        return self._launcher.run_inline(self, params_dict, params)

    def explain(self, params_dict: Mapping[str, Any] | None = None, **params: Any) -> Explanation:
        """Explain, without running anything, what the cache would do for each stage; the explanation prints as a table.

        Args:
            params_dict: Hyperparameters by name.
            params: Further hyperparameters.

        Raises:
            FoundationsError: Whatever can be found wrong before a run.
        """
        return self._launcher.explain(self, params_dict, params)

    def uuid(self) -> str:
        """Return this stage's random identifier, its key in a result's ``stage_contexts``."""
        if self._uuid is None:
            self._uuid = self._launcher.new_uuid()
        return self._uuid

    def name(self) -> str:
        """Return the name of the function that this stage calls."""
        return short_name(self._function)

    def __repr__(self) -> str:
        return f"<stage {escape_unprintable(self.name())}>"

    def __reduce__(self) -> NoReturn:
        raise PipelineError(
            f"{self!r} is in a place where it cannot be replaced by its output. Pass stages as arguments, directly or"
            " in lists, tuples, values of dictionaries, dataclasses and attrs objects. A stage cannot be in a closure,"
            " a set, a global variable or an attribute of another object, and a stage cannot return one."
        )


class StageFactory:
    """What :func:`create_stage` returns: called, it makes a stage of the function's call.

    Attributes:
        function: The function itself, for a plain call.
        hints: What its author states about it for the cache.
    """

    __slots__ = ("__dict__", "_launcher", "function", "hints")

    def __init__(self, launcher: Launcher, function: Callable[..., Any], hints: CacheHints = NO_HINTS) -> None:
        self._launcher = launcher
        self.function = function
        self.hints = hints
        for name in ("__module__", "__name__", "__qualname__", "__doc__", "__annotations__"):
            if hasattr(function, name):
                self.__dict__[name] = getattr(function, name)
        self.__dict__["__wrapped__"] = function

    def __call__(self, /, *args: Any, **kwargs: Any) -> Stage:
        """Return the stage `function(*args, **kwargs)`; nothing is called yet."""
        return Stage(self._launcher, self.function, args, kwargs, self.hints)

    def __get__(self, instance: object, owner: type | None = None) -> StageFactory:
        if instance is None:
            return self
        if isinstance(self.function, functools.partial) or not hasattr(type(self.function), "__get__"):
            return self  # a class, a builtin, a partial: nothing that binds
        return StageFactory(self._launcher, self.function.__get__(instance, owner), self.hints)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_") or not hasattr(Stage, name):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
            hint = f"it is a stage factory. Call it to make a stage, as in {short_name(self.function)}(...).{name}"
            raise AttributeError(f"{self!r} has no attribute {name!r}: {hint}", name=name, obj=self)

    def __repr__(self) -> str:
        return f"<stages of {escape_unprintable(short_name(self.function))}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return StageFactory, (NO_LAUNCHER, self.function, self.hints)


class _NoLauncher:
    """Takes the launcher's place in a stage factory that came along inside a job."""

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)  # somebody looks at it, nobody runs anything
        raise PipelineError(
            "a stage cannot be run from inside another; call the plain function (`factory.function`) instead"
        )

    def __reduce__(self) -> str:
        return "NO_LAUNCHER"


NO_LAUNCHER: Any = _NoLauncher()


def unwrap(function: Any) -> Any:
    """Return the plain function of a stage factory, and anything else that can be called as it is.

    Raises:
        PipelineError: `function` cannot be called, or is a coroutine or generator function.
    """
    if isinstance(function, StageFactory):
        return function.function
    if isinstance(function, Stage) or not callable(function):
        raise PipelineError(f"a stage is made of something that can be called, not of {function!r:.200}")
    refuse_suspended(function)
    return function


def hints_of(function: Any) -> CacheHints:
    """Return what the author of a function states about it for the cache."""
    return function.hints if isinstance(function, StageFactory) else NO_HINTS


def exactly(values: Any, count: int) -> Any:
    """Return `values` where it has exactly `count` items that can be indexed; what ``split`` checks in the job."""
    try:
        found = len(values)
    except TypeError:
        values = list(values)
        found = len(values)
    if found != count:
        raise ValueError(f"split({count}) got {found} items")
    return values
