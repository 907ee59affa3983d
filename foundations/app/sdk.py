"""The functions of the SDK that ``from foundations import *`` gives, bound to one configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, overload

from foundations.app.config.manager import ConfigManager
from foundations.domain.pipeline.cache_policy import cache_hints
from foundations.domain.pipeline.stage import Stage, StageFactory, hints_of, unwrap

if TYPE_CHECKING:
    from foundations.domain.caching.explanation import Explanation
    from foundations.domain.jobs.deployment import Deployment


class Sdk:
    """Makes stages, and runs them with the configuration of `config_manager`.

    Args:
        config_manager: Returns the settings each time a pipeline is run or a job is loaded.
    """

    def __init__(self, config_manager: ConfigManager) -> None:
        self.config_manager = config_manager
        self.pipeline = RootPipeline(self)

    @overload
    def create_stage(
        self, function: Callable[..., Any], *, version: object = ..., depends_on: Any = ..., ignore: Any = ...
    ) -> StageFactory: ...

    @overload
    def create_stage(
        self, function: None = None, *, version: object = ..., depends_on: Any = ..., ignore: Any = ...
    ) -> Callable[[Callable[..., Any]], StageFactory]: ...

    def create_stage(
        self,
        function: Callable[..., Any] | None = None,
        *,
        version: object = None,
        depends_on: Any = (),
        ignore: Any = (),
    ) -> Any:
        """Turn a callable into a stage factory; also a decorator, with or without arguments.

        The keyword arguments declare what the cache cannot see: see the page "What the content key covers".

        Args:
            function: A function, a lambda, a class, a builtin, a partial, a bound method.
            version: Part of the content key. Change it after a change that the cache cannot see.
            depends_on: Functions, classes, modules, and paths of files and directories that the result depends on.
                Files count by content; paths are relative to the project directory.
            ignore: Names of arguments and of global variables that the result does not depend on.

        Returns:
            A stage factory: each call of it returns a stage and does not call `function`. Its attribute
            ``.function`` is `function` itself. Without `function`, a decorator.

        Raises:
            PipelineError: `function` cannot be called, or `depends_on` or `ignore` has a value of another kind.

        >>> from foundations import create_stage
        >>> add = create_stage(lambda a, b: a + b)
        >>> add(1, add(2, 3)).run_same_process()
        6
        """
        hints = cache_hints(version, depends_on, ignore)
        if function is None:
            return lambda decorated: StageFactory(self, unwrap(decorated), hints)
        return StageFactory(self, unwrap(function), hints)

    def load_job(self, job_name: str) -> Deployment:
        """Find a job that any process submitted before, with the current configuration.

        Raises:
            JobNotFoundError: The listing has no job of that name.
        """
        from foundations.app.use_cases.load_job import load_job

        return load_job(job_name, self.config_manager.settings())

    def set_project_name(self, name: str) -> None:
        """Name the project of the jobs that this process submits from now on; the project directory's name by default.

        In a job this changes nothing: the job has the project that it was submitted with.

        Args:
            name: Any text that is not blank.

        Raises:
            FoundationsError: It is something else.
        """
        from foundations import events
        from foundations.app import running_stage
        from foundations.domain.records.labels import check_project_name

        checked = check_project_name(name)
        if running_stage.is_inside():
            events.debug("project_name_ignored", name=checked, reason="a job has the project it was submitted with")
        else:
            self.config_manager.project_name = checked

    # -- called by stages ----------------------------------------------------------------------------------------------

    def deploy(
        self, stage: Stage, params_dict: Mapping[str, Any] | None, job_name: str | None, params: Mapping[str, Any]
    ) -> Deployment:
        """Submit the pipeline behind `stage` as a job and return its deployment."""
        from foundations.app.use_cases.deploy import deploy

        return deploy(stage, params_dict, job_name, params, self.config_manager)

    def run_inline(self, stage: Stage, params_dict: Mapping[str, Any] | None, params: Mapping[str, Any]) -> Any:
        """Run a stage in this process and return its output."""
        from foundations.app.use_cases.run_inline import run_inline

        return run_inline(stage, params_dict, params)

    def explain(self, stage: Stage, params_dict: Mapping[str, Any] | None, params: Mapping[str, Any]) -> Explanation:
        """Report what the cache would do for each stage behind `stage`, and why."""
        from foundations.app.use_cases.explain_cache import explain

        return explain(stage, params_dict, params, self.config_manager.settings())

    def new_uuid(self) -> str:
        """Return a random identifier, a UUID of version 4 (RFC 9562)."""
        digits = bytearray(os.urandom(16))
        digits[6] = digits[6] & 0x0F | 0x40
        digits[8] = digits[8] & 0x3F | 0x80
        text = digits.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class RootPipeline:
    """The empty pipeline, from which you make a first stage."""

    def __init__(self, sdk: Sdk) -> None:
        self._sdk = sdk

    def stage(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Stage:
        """Return the stage ``function(*args, **kwargs)``."""
        return Stage(self._sdk, unwrap(function), args, kwargs, hints_of(function))


_sdk = Sdk(ConfigManager())
config_manager = _sdk.config_manager
create_stage = _sdk.create_stage
load_job = _sdk.load_job
pipeline = _sdk.pipeline
set_environment = config_manager.set_environment
set_project_name = _sdk.set_project_name
