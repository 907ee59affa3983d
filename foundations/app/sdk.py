"""The SDK: what ``from foundations import *`` gives, bound to one configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from foundations.app.config_manager import ConfigManager
from foundations.domain.stage import Stage, StageFactory, unwrapped

if TYPE_CHECKING:
    from foundations.domain.deployment import Deployment


class Sdk:
    """Makes stages, and runs them with the configuration of `config_manager`.

    Args:
        config_manager: Tells the settings whenever a pipeline is run or a job is loaded.
    """

    def __init__(self, config_manager: ConfigManager) -> None:
        self.config_manager = config_manager
        self.pipeline = RootPipeline(self)

    def create_stage(self, function: Callable[..., Any]) -> StageFactory:
        """Turn anything that can be called into a factory of stages; also a decorator.

        Args:
            function: A function, a lambda, a class, a builtin, a partial, a bound method.

        Returns:
            What makes a stage of each call, without calling `function`; ``.function`` is `function` itself.

        Raises:
            PipelineError: It cannot be called.

        >>> from foundations import create_stage
        >>> add = create_stage(lambda a, b: a + b)
        >>> add(1, add(2, 3)).run_same_process()
        6
        """
        return StageFactory(self, unwrapped(function))

    def load_job(self, job_name: str) -> Deployment:
        """Find a job that was submitted before, by whichever process, with the present configuration.

        Raises:
            JobNotFoundError: The listing has no job of that name.
        """
        from foundations.app.deploy import find_deployment

        return find_deployment(job_name, self.config_manager.settings())

    # -- what stages call into ----------------------------------------------------------------------------------------

    def deploy(
        self, stage: Stage, params_dict: Mapping[str, Any] | None, job_name: str | None, params: Mapping[str, Any]
    ) -> Deployment:
        """Run a stage as a job."""
        from foundations.app.deploy import deploy

        return deploy(stage, params_dict, job_name, params, self.config_manager.settings)

    def run_here(self, stage: Stage, params_dict: Mapping[str, Any] | None, params: Mapping[str, Any]) -> Any:
        """Run a stage in this process and return its output."""
        from foundations.app.run_here import run_here

        return run_here(stage, params_dict, params)

    def new_uuid(self) -> str:
        """Return a random identifier, a UUID of version 4 (RFC 9562)."""
        digits = bytearray(os.urandom(16))
        digits[6] = digits[6] & 0x0F | 0x40
        digits[8] = digits[8] & 0x3F | 0x80
        text = digits.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class RootPipeline:
    """The empty pipeline, on which a first stage can be put."""

    def __init__(self, sdk: Sdk) -> None:
        self._sdk = sdk

    def stage(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Stage:
        """Return the stage ``function(*args, **kwargs)``."""
        return Stage(self._sdk, unwrapped(function), args, kwargs)


_sdk = Sdk(ConfigManager())
config_manager = _sdk.config_manager
create_stage = _sdk.create_stage
load_job = _sdk.load_job
pipeline = _sdk.pipeline
set_environment = config_manager.set_environment
